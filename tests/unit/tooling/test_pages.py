"""The written pages: links lead somewhere, files that are named are there, every page is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import motadata_ml
from tests.unit.tooling.pages import (
    ROOT,
    anchors,
    exists,
    linked_code,
    links,
    named_paths,
    pages,
    prose,
    rows,
    sections,
)

SERVER = ROOT / "plpython" / "motadata_ml_server"
CLIENT = ROOT / "pyclient" / "motadata_ml"
TWENTY = 20


def where_things_are() -> dict[str, str]:
    """Return what the README says each folder holds."""
    return dict(rows(sections(ROOT / "README.md")["Where things are"]))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in links(prose(page)):
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/glossary.md", "docs/releasing.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_are_there(page: str) -> None:
    named = named_paths(prose(ROOT / page))
    assert named
    assert sorted(path for path in named if not exists(path, ROOT, SERVER, CLIENT)) == []


@pytest.mark.parametrize("heading", ["How a training flows", "How a prediction flows"])
def test_every_step_of_a_flow_has_its_file(heading: str) -> None:
    steps = rows(sections(ROOT / "docs" / "architecture.md")[heading])
    assert [number for number, *_ in steps] == [str(number) for number in range(1, len(steps) + 1)]
    assert [step for *step, where in steps if not list(links(where))] == []


def test_twenty_questions_are_answered_by_paths() -> None:
    answers = rows(sections(ROOT / "docs" / "architecture.md")["Where is what"])
    assert len({question for question, _ in answers}) == len(answers) == TWENTY
    for question, answer in answers:
        assert list(links(answer)), question
        for text, target in linked_code(answer):
            assert target.endswith(f"/{text}"), f"{text} leads to {target}"


def test_every_page_is_in_the_index() -> None:
    index = set(links(prose(ROOT / "docs" / "index.md")))
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    there |= {"decisions/README.md", *(f"../{path.name}" for path in ROOT.glob("*.md"))}
    assert sorted(there - index) == []


def test_words_of_the_glossary_are_sorted_and_said_once() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", prose(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert len(words) > TWENTY
    assert words == sorted(set(words), key=str.casefold)


def test_folders_of_the_readme_are_those_of_the_project() -> None:
    named = {path for folders in where_things_are() for path in named_paths(folders)}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    assert there - {"build", "dist", "secrets"} - {path.split("/")[0] for path in named} == set()


def test_rooms_that_the_readme_names_are_there() -> None:
    for folders, holds in where_things_are().items():
        base = ROOT / min(named_paths(folders))
        for name in re.findall(r"`([a-z_]+)`", holds):
            assert (base / name).exists(), f"{base / name} is not there"


def test_readme_names_every_folder_of_the_tests() -> None:
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(re.findall(r"`([a-z_]+)`", where_things_are()["`tests/`"])) == there


def test_readme_names_every_package() -> None:
    there = {
        f"`{path.relative_to(ROOT)}/`" for top in ("plpython", "pyclient") for path in (ROOT / top).glob("[a-z]*/")
    }
    assert there - set(where_things_are()) == set()


def test_version_stands_where_the_page_on_releases_says() -> None:
    found = rows(sections(ROOT / "docs" / "releasing.md")["The next version begins"])
    assert len(found) >= 4
    for file, _ in found:
        text = (ROOT / file.strip("`")).read_text(encoding="utf-8")
        stands = re.findall(r"^(?:default_|__)?version(?:__)? = [\"']([^\"']+)[\"']$", text, re.MULTILINE)
        assert stands == [motadata_ml.__version__], file
