"""The page on troubleshooting has each error of the table, with its cause, its remedy and what shows it."""

from __future__ import annotations

import re

import pytest

from motadata_ml_server import errors
from tests.unit.tooling.pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^([A-Z0-9]{5})     (\S.*)$", errors.__doc__ or "", re.MULTILINE))
ENTRIES = {
    code: (meaning, text)
    for code, meaning, text in re.findall(r"^### (\w{5}): (.+)\n\n((?:.+\n)+)", PAGE, re.MULTILINE)
}


def test_every_error_of_the_table_has_its_entry_in_its_order() -> None:
    assert set(errors.BY_SQLSTATE) <= set(TABLE)
    assert list(ENTRIES) == list(TABLE)
    assert {code: meaning for code, (meaning, _) in ENTRIES.items()} == TABLE


@pytest.mark.parametrize("code", ENTRIES)
def test_every_entry_has_cause_remedy_and_a_statement(code: str) -> None:
    parts = re.findall(r"^- \*\*(.+?)\*\*: (\S.+)", ENTRIES[code][1], re.MULTILINE)
    assert [name for name, _ in parts] == ["Cause", "Remedy", "Shows it"]
    assert re.fullmatch(r"`[^`]+;`", parts[-1][1])


@pytest.mark.parametrize("heading", ["While installing", "While using it"])
def test_every_symptom_has_cause_remedy_and_command(heading: str) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 5
    assert [row for row in rows if len(row) != 4 or not all(cell.strip() for cell in row)] == []
    assert [row[0] for row in rows if "`" not in row[3]] == []
