"""The page of stored formats names every form that carries a number, with the number it has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SOURCES = Path(__file__).parents[3] / "plpython" / "motadata_ml_server"
ROW = re.compile(r"^\| .+ \| `([\w/]+\.py)` \| (\d+) \|$", re.M)


def _number(path: Path) -> int | None:
    for node in ast.parse(path.read_text()).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if any(isinstance(target, ast.Name) and target.id == "FORMAT" for target in targets):
            value = getattr(node, "value", None)
            assert isinstance(value, ast.Constant)
            assert isinstance(value.value, int)
            return value.value
    return None


def test_every_form_with_a_number_is_listed() -> None:
    listed = {name: int(number) for name, number in ROW.findall((SOURCES / "persistence" / "FORMATS.md").read_text())}
    found = {
        str(path.relative_to(SOURCES)): number
        for path in sorted(SOURCES.rglob("*.py"))
        if (number := _number(path)) is not None
    }
    assert listed == found
