"""The decisions: one numbered file each, with a date and a status, and an index that says the same."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
FILES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEAD = re.compile(r"# (?P<number>\d{4})\. (?P<title>.+)\n\n- Date: (?P<date>\S+)\n- Status: (?P<status>.+)\n\n\S")
LINK = r"\[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\)"
STATUS = re.compile(rf"superseded by {LINK}|accepted(, (amends|amended by) {LINK}(, {LINK})*( for [a-z ]+)?)*")


def head(path: Path) -> re.Match[str]:
    """Return what stands at the top of a decision."""
    found = HEAD.match(path.read_text(encoding="utf-8"))
    assert found is not None, f"{path.name} has no number, title, date and status at its top"
    return found


def links(status: str) -> list[tuple[str, str, str]]:
    """Return what a status says of other decisions: the relation, the number, the file."""
    parts = re.findall(r"(superseded by|amended by|amends) ((?:\[.*?\]\(.*?\)(?:, (?=\[))?)+)", status)
    return [(relation, number, name) for relation, text in parts for number, name in re.findall(LINK, text)]


def test_numbers_are_consecutive() -> None:
    assert [path.name[:4] for path in FILES] == [f"{number:04d}" for number in range(1, len(FILES) + 1)]
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_decision_has_its_number_a_date_and_a_known_status(path: Path) -> None:
    found = head(path)
    assert found["number"] == path.name[:4]
    assert date.fromisoformat(found["date"]) >= date(2026, 11, 23)
    assert STATUS.fullmatch(found["status"]), found["status"]
    for _, number, name in links(found["status"]):
        assert name.startswith(number)
        assert (FOLDER / name).is_file(), name


def test_dates_follow_the_numbers() -> None:
    dates = [head(path)["date"] for path in FILES]
    assert dates == sorted(dates)


def test_a_decision_that_amends_another_is_named_there() -> None:
    said = {(relation, path.name[:4], number) for path in FILES for relation, number, _ in links(head(path)["status"])}
    amends = {(new, old) for relation, new, old in said if relation == "amends"}
    assert amends == {(new, old) for relation, old, new in said if relation == "amended by"}
    assert amends


def test_the_index_says_what_the_files_say() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    assert rows == [
        f"| [{found['number']}]({path.name}) | {found['title']} | {found['date']} | {found['status']} |"
        for path, found in ((path, head(path)) for path in FILES)
    ]
