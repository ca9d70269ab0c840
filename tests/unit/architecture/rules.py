"""What breaks the contract, each as a line that names file, line, import and rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.unit.architecture.contract import Contract
from tools.plan.imports import Import, Sources
from tools.plan.rooms import Plan, room


def breaches(contract: Contract, plan: Plan) -> list[str]:
    """Return the imports that the contract does not allow, and what it allows that no import uses."""
    found = [f"room {name!r} is not in the contract" for name in plan.rooms if name not in contract.rooms]
    found += [f"room {name!r} of the contract is not there" for name in contract.rooms if name not in plan.rooms]
    for (start, end), imports in plan.arrows.items():
        if start in contract.rooms and end not in contract.allowed(start):
            found += [f"{_where(one)}: {start!r} may not import from {end!r}" for one in imports]
    for start in contract.rooms:
        found += [
            f"the contract allows {start!r} to import from {end!r}, and nothing does"
            for end in contract.allowed(start)
            if (start, end) not in plan.arrows
        ]
    return found


def upward(contract: Contract) -> list[str]:
    """Return the allowed pairs that do not run from a higher to a lower floor."""
    order = list(contract.rooms)
    return [
        f"{start!r} stands below {end!r} and may not import from it"
        for start in order
        for end in contract.allowed(start)
        if end not in order or order.index(end) <= order.index(start)
    ]


def outsiders(imports: Iterable[Import], package: str, inner: str) -> list[str]:
    """Return the imports of an inner room's modules by modules outside it."""
    wall = f"{package}.{inner}"
    return [
        f"{_where(one)}: only {inner!r} itself imports from there"
        for one in imports
        if _within(one.target, wall) and not _within(one.source, wall)
    ]


def chains(sources: Sources, starts: Sequence[str], targets: Sequence[str], *, lazy: bool) -> list[str]:
    """Return how some modules come to import others: the chain of imports to each, the last with its place.

    Parameters
    ----------
    sources : Sources
        All that was read.
    starts, targets : sequence of str
        Dotted names; each means all modules below it too.
    lazy : bool
        Whether imports inside functions are followed. Without them the packages above an imported module count, as
        they run before it.
    """
    following: dict[str, list[Import]] = {}
    for one in sources.imports:
        if one.when == "module" or (lazy and one.when == "call"):
            following.setdefault(one.source, []).append(one)
    via: dict[str, Import | None] = {
        name: None for name in sources.modules if any(_within(name, start) for start in starts)
    }
    waiting = list(via)
    found = []
    while waiting:
        name = waiting.pop()
        for one in following.get(name, []):
            if any(_within(one.target, target) for target in targets):
                found.append(f"{_where(one)}: a session reaches it through {' <- '.join(_path(name, via))}")
                continue
            for module in [one.target] if lazy else _with_parents(one.target):
                if module in sources.modules and module not in via:
                    via[module] = one
                    waiting.append(module)
    return found


def _path(name: str, via: Mapping[str, Import | None]) -> Iterator[str]:
    yield name
    while (one := via[name]) is not None:
        name = one.source
        yield name


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _within(name: str, root: str) -> bool:
    return name == root or name.startswith(f"{root}.")


def _where(one: Import) -> str:
    return f"{one.path}:{one.line} imports {one.target}"


# -- what single modules do --------------------------------------------------------------------------------------


def short(module: str, path: Path) -> str:
    """Return a module's name below its package."""
    inner = module.partition(".")[2]
    return f"{inner}.__init__".lstrip(".") if path.name == "__init__.py" else inner


def heavy_imports(sources: Sources, libraries: Sequence[str], inner: str) -> set[tuple[str, str]]:
    """Return the modules outside an inner room that import a library in a function, with that library."""
    return {
        (short(one.source, one.path), one.target.split(".")[0])
        for one in sources.imports
        if one.when == "call"
        and one.target.split(".")[0] in libraries
        and room(one.source, one.path).split("/")[0] != inner
    }


def uses(path: Path, what: str) -> list[int]:
    """Return the lines of a module that use something: import it, name it as an attribute, or write it in a text.

    Docstrings and comments do not count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    word = re.compile(rf"(?<!\w){re.escape(what)}(?!\w)")
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == what for alias in node.names))
        or (
            isinstance(node, ast.ImportFrom)
            and ((node.module or "").split(".")[0] == what or any(alias.name == what for alias in node.names))
        )
        or (isinstance(node, ast.Attribute) and node.attr == what)
        or (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in prose
            and word.search(node.value)
        )
    ]


def dynamic_imports(path: Path) -> list[int]:
    """Return the lines of a module that import what is not written there."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            written = bool(node.args) and isinstance(node.args[0], ast.Constant)
            if name in ("import_module", "__import__", "exec", "eval") and not written:
                found.append(node.lineno)
    return found


def too_long(path: Path, longest_function: int, longest_module: int) -> dict[str, int]:
    """Return what is longer than allowed in a file, with its lines: the file as ``""``, functions by their names."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    found = {"": lines} if lines > longest_module else {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > longest_function:
                found[node.name] = length
    return found
