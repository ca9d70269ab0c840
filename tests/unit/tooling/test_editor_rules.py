"""Every text of the project is written as `.editorconfig` says, so that an editor that obeys it changes nothing."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.unit.tooling.pages import ROOT

TEXTS = {".py", ".sql", ".md", ".toml", ".yml", ".yaml", ".json", ".sh", ".control", ".sha256", ""}
ELSEWHERE = {"build", "dist", "secrets", "__pycache__"}


def rules_for(path: Path) -> dict[str, str]:
    """Return what `.editorconfig` says of a file; later sections win."""
    parser = configparser.ConfigParser()
    parser.read_string("[top]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    name = str(path.relative_to(ROOT))
    for section in parser.sections()[1:]:
        if any(fnmatch(name if "/" in one else path.name, one) for one in alternatives(section)):
            found |= parser[section]
    return found


def alternatives(pattern: str) -> list[str]:
    """Return the patterns that one with `{a,b}` stands for."""
    braces = re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", pattern)
    return [pattern] if braces is None else [f"{braces[1]}{one}{braces[3]}" for one in braces[2].split(",")]


def texts() -> Iterator[Path]:
    """Yield the project's own texts."""
    tops = [path for path in ROOT.iterdir() if path.name in {".ci", ".github"} or not path.name.startswith(".")]
    for top in tops:
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and path.suffix in TEXTS and not ELSEWHERE & set(path.relative_to(ROOT).parts):
                yield path


def faults(text: str, rules: dict[str, str]) -> list[str]:
    """Return what is wrong with a text, one line each."""
    lines = list(enumerate(text.split("\n"), 1))
    found = []
    if rules.get("trim_trailing_whitespace") == "true":
        found += [f"{at}: ends with white space" for at, line in lines if line != line.rstrip()]
    if rules.get("insert_final_newline") == "true" and text and not text.endswith("\n"):
        found.append("the last line does not end")
    indents = {"space": "\t", "tab": " "}.get(rules.get("indent_style", ""))
    if indents:
        found += [f"{at}: is indented otherwise" for at, line in lines if line.startswith(indents)]
    if rules.get("end_of_line") == "lf" and "\r" in text:
        found.append("has carriage returns")
    return found


def test_every_text_is_as_an_editor_would_leave_it() -> None:
    found = {}
    for path in texts():
        if wrong := faults(path.read_bytes().decode(), rules_for(path)):
            found[str(path.relative_to(ROOT))] = wrong[:3]
    assert found == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a \n", "white space"),
        ("a", "does not end"),
        ("\ta\n", "indented"),
        ("a\r\n", "carriage"),
    ],
)
def test_what_breaks_a_rule_is_found(text: str, words: str) -> None:
    assert words in "\n".join(faults(text, rules_for(ROOT / "tests" / "conftest.py")))


def test_line_length_is_the_one_that_ruff_holds_to() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert int(rules_for(ROOT / "tests" / "conftest.py")["max_line_length"]) == ruff["line-length"]


def test_later_sections_win() -> None:
    assert rules_for(ROOT / "Makefile")["indent_style"] == "tab"
    assert rules_for(ROOT / "README.md")["trim_trailing_whitespace"] == "false"
    assert rules_for(ROOT / "tests" / "migration" / "data" / "models_0.1.0.sql")["indent_style"] == "unset"
    assert rules_for(ROOT / "sql" / "10_tables.sql")["indent_style"] == "space"
