"""Every import of some packages, read from their sources without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

When = Literal["module", "call", "typing"]
"""When an import runs: with its module, inside a function, or only for a type checker."""


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes
    ----------
    source : str
        The module that imports, dotted.
    path : Path
        Its file.
    line : int
        Where the statement begins.
    target : str
        The module that is imported: of ``from package import name`` the submodule where ``name`` is one of those read,
        else ``package``.
    when : {"module", "call", "typing"}
        When the statement runs.
    """

    source: str
    path: Path
    line: int
    target: str
    when: When


@dataclass(frozen=True)
class Sources:
    """Some packages as they were read.

    Attributes
    ----------
    modules : mapping of str to Path
        The file of each module.
    imports : sequence of Import
        All imports, those from elsewhere too, in the order of files and lines.
    """

    modules: Mapping[str, Path]
    imports: Sequence[Import]

    def own(self, *, typing: bool = False) -> list[Import]:
        """Return the imports of modules that were read; with `typing` those for type checkers too."""
        return [one for one in self.imports if one.target in self.modules and (typing or one.when != "typing")]


def read_sources(folders: Sequence[Path]) -> Sources:
    """Read all modules of some packages.

    Parameters
    ----------
    folders : sequence of Path
        The packages' folders; the name of each is the package's name.

    Raises
    ------
    FileNotFoundError
        A folder holds no Python file.
    """
    modules: dict[str, Path] = {}
    for folder in folders:
        found = sorted(folder.rglob("*.py"))
        if not found:
            raise FileNotFoundError(f"{folder} holds no Python file")
        modules.update((_dotted(path, folder.parent), path) for path in found)
    imports = [one for name, path in modules.items() for one in _imports(name, path, modules)]
    return Sources(modules, imports)


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(source: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    package = source if path.name == "__init__.py" else source.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node, when in _statements(tree, "module"):
        for target in _targets(node, package, modules):
            yield Import(source, path, node.lineno, target, when)


_Importing = ast.Import | ast.ImportFrom | ast.Call


def _statements(node: ast.AST, when: When) -> Iterator[tuple[_Importing, When]]:
    """Yield what imports below a node, with when it runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom) or (isinstance(child, ast.Call) and _dynamic(child)):
            yield child, when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _statements(child, "typing" if when == "typing" else "call")
        elif isinstance(child, ast.If) and _name(child.test) == "TYPE_CHECKING":
            yield from _statements(ast.Module(child.body, []), "typing")
            yield from _statements(ast.Module(child.orelse, []), when)
        else:
            yield from _statements(child, when)


def _dynamic(call: ast.Call) -> bool:
    """Tell whether a call imports a module whose name is written there: ``import_module("a.b")``."""
    literal = bool(call.args) and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    return literal and _name(call.func) in ("import_module", "__import__")


def _name(node: ast.expr) -> str | None:
    """Return the last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _targets(node: _Importing, package: str, modules: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = node.args[0]
        assert isinstance(name, ast.Constant)  # noqa: S101 - what _dynamic looked at
        yield str(name.value)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    else:
        base = _base(node, package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in modules else base


def _base(node: ast.ImportFrom, package: str) -> str:
    """Return the module that names are imported from, relative imports too."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)
