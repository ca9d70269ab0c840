"""CONTRIBUTING.md: a checklist for each kind of change, true for a change that has been made."""

from __future__ import annotations

import re

import pytest

from tests.unit.tooling.pages import ROOT, called_targets, commands, linked_code, links, make_targets, pages, sections

PAGE = ROOT / "CONTRIBUTING.md"
KINDS = (
    "A SQL function",
    "An argument of ml.train",
    "A feature kind",
    "An algorithm",
    "A stored format",
    "An error",
    "A release",
)


def items(kind: str) -> list[str]:
    """Return the points of a checklist."""
    text = sections(PAGE)[kind]
    return re.findall(r"^- \[ \] (.+(?:\n  .+)*)", text, re.MULTILINE)


def example(kind: str) -> str:
    """Return the word of the change that a checklist follows."""
    found = re.match(r"\s*Follow `([^`]+)`", sections(PAGE)[kind])
    assert found, f"{kind} follows no example"
    return found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_point_of_a_checklist_names_a_file_or_a_command(kind: str) -> None:
    assert len(items(kind)) >= 4
    assert [point for point in items(kind) if not list(links(point)) and "`make " not in point] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_a_checklist_has_its_part_of_the_example(kind: str) -> None:
    word = re.compile(rf"(?<![a-zA-Z0-9]){re.escape(example(kind))}s?(?![a-zA-Z0-9])")
    files = [file for point in items(kind) for file in linked_code(point)]
    assert len(files) >= 4
    for text, target in files:
        assert target.endswith(text), f"{text} leads to {target}"
        assert word.search((ROOT / target).read_text(encoding="utf-8")), f"{target} has nothing of {word.pattern}"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "A release"])
def test_every_checklist_says_which_tests_find_what_was_forgotten(kind: str) -> None:
    _, _, end = sections(PAGE)[kind].partition("These find what was forgotten:")
    found = [target for target in links(end) if target.startswith("tests/")]
    assert found
    assert [target for target in found if not (ROOT / target).is_file()] == []


def test_every_page_names_only_targets_of_make_that_are_there() -> None:
    wrong = {}
    for page in pages():
        called = set().union(*(called_targets(line) for line in commands(page) if line.startswith("make ")))
        if unknown := called - make_targets():
            wrong[str(page.relative_to(ROOT))] = unknown
    assert wrong == {}
