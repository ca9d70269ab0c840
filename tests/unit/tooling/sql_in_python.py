"""Statements of SQL that stand in Python: found, parsed, and asked for the names that they leave to the search path."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from pglast.parser import ParseError

from tests.unit.tooling.sql_names import unqualified

STATEMENT = re.compile(
    r"\s*(select|insert|update|delete|merge|with|values|table|create|alter|drop|comment|grant|revoke|truncate|lock|analyze"
    r"|explain|copy|declare|fetch|move|close|call|do|execute|prepare|set|reset|show|begin|savepoint)\b",
    re.IGNORECASE,
)
"""How a statement begins; prose that begins so does not parse."""

BOUND = re.compile(r"%\(\w+\)s|%s")
"""A parameter as psycopg writes it; PostgreSQL's grammar knows $1."""

HOLE = "\N{REPLACEMENT CHARACTER}"
"""Where Python puts something in; what it is, is not known here."""

FILLINGS = ("ml.filled", "", "filled", "filled pg_catalog.text", "1")
"""What may stand in a hole: a name, nothing, a name without its schema, a column with its type, a value."""

MOST_HOLES = 6

LOOSE_TYPE = re.compile(
    r"::\s*\"?((?:text|name|oid|jsonb?|bytea|uuid|date|timestamptz|float[48]|int[248]|bool|reg\w+)\b)(?!\s*\()",
    re.IGNORECASE,
)
"""A cast to a type that the grammar does not qualify itself; seen in pieces of statements too."""


def statements(source: str) -> Iterator[tuple[int, str]]:
    """Find the texts of a module that may be SQL.

    Parameters
    ----------
    source : str
        A module of Python.

    Yields
    ------
    (int, str)
        The line, and the text with `HOLE` wherever Python puts something in that is no constant of the module.
        Docstrings are passed over.
    """
    tree = ast.parse(source)
    known = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    passed |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    pieces = {
        id(given) for node in ast.walk(tree) if isinstance(node, ast.Call) and _composes(node) for given in node.args
    }
    for node in ast.walk(tree):
        text = None if id(node) in passed else _text(node, known)
        if text is not None:
            yield getattr(node, "lineno", 0), f"select {text}" if id(node) in pieces and _is_piece(text) else text


def _composes(call: ast.Call) -> bool:
    """Say whether a call takes pieces of SQL."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in {"SQL", "select_function", "select_view"}


def _is_piece(text: str) -> bool:
    return not STATEMENT.match(text) and bool(re.search(r"[\w)]", text))


def _text(node: ast.AST, known: dict[str, ast.expr]) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(value, known) for value in node.values)
    return None


def _part(value: ast.expr, known: dict[str, ast.expr]) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name) and value.value.id in known:
        return _text(known[value.value.id], known) or HOLE
    return HOLE


def left_to_the_path(text: str) -> list[str] | None:
    """Return what a text of Python leaves to the search path.

    Parameters
    ----------
    text : str
        A text with holes, as `statements` finds it.

    Returns
    -------
    list of str or None
        What `unqualified` says of it; None if it is no statement.
    """
    if not STATEMENT.match(text):
        return None
    holes = BOUND.sub("$1", re.sub(r"\{\w*\}", HOLE, text)).replace("%%", "%").split(HOLE)
    many = len(holes) - 1
    choices = itertools.product(FILLINGS, repeat=many) if many <= MOST_HOLES else ((one,) * many for one in FILLINGS)
    for choice in choices:
        try:
            found = unqualified(holes[0] + "".join(a + b for a, b in zip(choice, holes[1:], strict=True)))
        except ParseError:
            continue
        return [name for name in found if not name.endswith(" filled")]
    return None


def breaches(source: Path) -> list[str]:
    """Return what the statements of a module leave to the search path, each as ``"line 7: function count"``."""
    found = []
    for line, text in statements(source.read_text(encoding="utf-8")):
        names = left_to_the_path(text)
        if names is None:
            names = [f"type {name}" for name in LOOSE_TYPE.findall(text)]
        found += [f"line {line}: {name}" for name in names]
    return found
