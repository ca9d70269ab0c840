"""docs/security.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"^\| .+ \| `(tests/[\w/]+\.py)::(test_\w+)` \|$", re.M)


def test_every_promise_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    table = page.split("## Promises and their proofs")[1]
    named = NAMED.findall(table)
    assert len(named) == len([line for line in table.splitlines() if line.startswith("| ")]) - 2
    assert len(named) >= 35
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text())
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, function


def test_every_file_of_attacks_proves_a_promise() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for path in (ROOT / "tests" / "security").glob("test_*.py"):
        assert f"tests/security/{path.name}::" in page, path.name
