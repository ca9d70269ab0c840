"""The changelog: sections of Keep a Changelog, newest version first, the present one on top."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import motadata_ml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
VERSION = re.compile(r"^## (\d+\.\d+\.\d+) - (unreleased|\d{4}-\d\d-\d\d)$", re.MULTILINE)
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def parts() -> dict[str, tuple[str, str]]:
    """Return each version's date and text."""
    found = VERSION.split(TEXT)[1:]
    return {version: (day, text) for version, day, text in zip(found[::3], found[1::3], found[2::3], strict=True)}


def test_every_heading_of_a_version_has_its_form() -> None:
    assert [line for line in TEXT.splitlines() if line.startswith("## ") and not VERSION.fullmatch(line)] == []


def test_versions_go_down_from_the_present_one() -> None:
    versions = list(parts())
    assert versions[0] == motadata_ml.__version__
    assert versions == sorted(versions, key=lambda text: tuple(map(int, text.split("."))), reverse=True)


def test_only_the_newest_version_may_be_unreleased() -> None:
    days = [day for day, _ in parts().values()]
    released = [date.fromisoformat(day) for day in days if day != "unreleased"]
    assert days.count("unreleased") == int(days[0] == "unreleased")
    assert released == sorted(released, reverse=True)


def test_every_line_is_in_a_known_section_and_none_is_empty() -> None:
    for version, (_, text) in parts().items():
        before, *sections = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
        assert before.strip() == "", version
        names = sections[::2]
        assert names == [name for name in SECTIONS if name in names], f"{version}: sections out of order, or unknown"
        for name, lines in zip(names, sections[1::2], strict=True):
            assert re.match(r"\n\n- ", lines), f"{version} {name}"
            assert all(line.startswith(("- ", "  ")) for line in lines.splitlines() if line), f"{version} {name}"


def test_every_released_script_has_a_version_here() -> None:
    scripts = {path.stem.split("--")[-1] for path in (ROOT / "migrations").glob("motadata_ml--*.sql")}
    assert scripts <= set(parts())
