"""The pages that promise something name tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"^\| .+ \| `(tests/[\w/]+\.py)::(test_\w+)` \|$", re.M)
PAGES = ["security", "faults"]


@pytest.mark.parametrize("page", PAGES)
def test_every_promise_names_a_test_that_exists(page: str) -> None:
    table = (ROOT / "docs" / f"{page}.md").read_text().split("## Promises and their proofs")[1].split("\n## ")[0]
    named = NAMED.findall(table)
    assert len(named) == len([line for line in table.splitlines() if line.startswith("| ")]) - 2
    assert len(named) >= 30
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text())
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, function


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_suite_proves_a_promise(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    for path in (ROOT / "tests" / page).glob("test_*.py"):
        assert f"tests/{page}/{path.name}::" in text, path.name
