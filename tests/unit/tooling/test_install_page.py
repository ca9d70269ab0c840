"""What is said of installing is so today: no command asks a registry for a package that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from motadata_ml._version import WHEEL, __version__, how_to_add
from tests.unit.tooling.pages import ROOT, commands, pages

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
FROM_A_REGISTRY = re.compile(r"pip install (?:-\S+ )*['\"]?motadata[-_]ml(?:\[|['\" ]|$)")
SOURCES = [path for top in ("pyclient", "plpython", "sql") for path in (ROOT / top).rglob("*.[ps][yq]*")]


def test_pattern_finds_what_fails_today() -> None:
    assert FROM_A_REGISTRY.search("pip install motadata-ml")
    assert FROM_A_REGISTRY.search("pip install -U 'motadata-ml[server]'")
    assert not FROM_A_REGISTRY.search(f"pip install dist/{WHEEL}")
    assert not FROM_A_REGISTRY.search(how_to_add("server"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_installs_from_a_registry(page: Path) -> None:
    assert [line for line in commands(page) if FROM_A_REGISTRY.search(line)] == []


def test_no_remedy_installs_from_a_registry() -> None:
    assert len(SOURCES) > 100
    assert [str(path) for path in SOURCES if FROM_A_REGISTRY.search(path.read_text(encoding="utf-8"))] == []


def test_every_extra_that_a_remedy_names_is_offered() -> None:
    called = re.compile(r"how_to_add\(([^)]*)\)")
    named = {
        name
        for path in SOURCES
        for call in called.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r"[\"'](\w+)[\"']", call)
    }
    assert named
    assert named <= set(EXTRAS)


def test_files_of_the_page_are_of_this_version() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    named = set(re.findall(r"motadata[-_]ml(?:_native)?-(\d+\.\d+\.\d+)", page))
    assert named == {__version__}
