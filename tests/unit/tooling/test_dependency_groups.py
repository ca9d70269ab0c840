"""What tools need is in dependency groups; what users install is in extras; the bootstrap installs both."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[3]
READ: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS: dict[str, list[str | dict[str, str]]] = READ["dependency-groups"]
EXTRAS: dict[str, list[str]] = READ["project"]["optional-dependencies"]
BOOTSTRAP = (ROOT / ".ci" / "bootstrap").read_text()


def included(group: str) -> set[str]:
    """Return the groups that a group includes, itself among them."""
    found = {group}
    for entry in GROUPS[group]:
        if isinstance(entry, dict):
            assert list(entry) == ["include-group"]
            found |= included(entry["include-group"])
    return found


def named(assignment: str) -> set[str]:
    """Return the words that the bootstrap assigns to a variable."""
    (words,) = re.findall(rf"^{assignment}=(\S+)", BOOTSTRAP, re.MULTILINE)
    return set(words.split(","))


def test_dev_includes_every_group() -> None:
    assert included("dev") == set(GROUPS)


def test_bootstrap_installs_every_extra_and_every_group() -> None:
    assert named("extras") == set(EXTRAS)
    (group,) = named("group")
    assert included(group) == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_every_requirement_of_a_group_has_a_lower_bound(group: str) -> None:
    for entry in GROUPS[group]:
        if isinstance(entry, str):
            operators = {specifier.operator for specifier in Requirement(entry).specifier}
            assert operators & {">=", "=="}, entry


def test_no_name_is_both_a_group_and_an_extra() -> None:
    assert set(GROUPS) & set(EXTRAS) == set()


def test_groups_build_with_what_the_build_system_asks_for() -> None:
    assert set(READ["build-system"]["requires"]) <= set(GROUPS["build"])


def test_classifiers_name_only_versions_of_python_that_are_supported() -> None:
    supported = SpecifierSet(READ["project"]["requires-python"])
    texts = [text.rpartition(":: ")[2] for text in READ["project"]["classifiers"] if "Python :: 3." in text]
    assert texts
    assert [text for text in texts if text not in supported] == []


def test_urls_lead_to_one_repository() -> None:
    urls = READ["project"]["urls"]
    assert {"Homepage", "Documentation", "Repository", "Issues", "Changelog"} <= set(urls)
    assert all(url.startswith(urls["Repository"]) for url in urls.values())
    for name in ("Documentation", "Changelog"):
        assert (ROOT / urls[name].split("/main/")[1]).is_file()
