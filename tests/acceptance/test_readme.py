"""The README's code blocks do what the README says, on the tables that the demonstration leaves."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from pathlib import Path

import pytest

from motadata_ml.demo import main
from tests.acceptance import sessions
from tools import picture

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def demonstration(module_dsn: str) -> tuple[str, str]:
    """Run the demonstration once; returns the database's DSN and what was printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(module_dsn)
    return module_dsn, printed.getvalue()


def test_demonstration_beats_the_majority_class_and_shows_each_step(demonstration: tuple[str, str]) -> None:
    _, printed = demonstration
    for words in (
        "336,776 departures",
        "load into table flights",
        "train on January to November",
        "majority class",
        "predict one flight",
        "predict all flights of December",
        "join the predictions back",
        "generated support tickets",
        "train_model on a DataFrame",
        "predict_batch of 2,000 tickets",
        "runs tracked",
        "list the models",
        "late_flights",
    ):
        assert words in printed
    assert len(re.findall(r": \d+\.\d\d s$", printed, re.MULTILINE)) >= 12


def test_psql_session_prints_what_the_readme_shows(demonstration: tuple[str, str]) -> None:
    assert README.count("motadata=# ") >= 5
    sessions.require_true(demonstration[0], ROOT / "README.md")


def test_tutorial_prints_what_its_page_shows(demonstration: tuple[str, str]) -> None:
    sessions.require_true(demonstration[0], ROOT / "docs" / "tutorial.md")


def test_picture_is_a_session_as_it_was(demonstration: tuple[str, str]) -> None:
    text = picture.session(demonstration[0])
    assert "0.90" in text
    assert picture.svg(text) == picture.PICTURE.read_text(encoding="utf-8")
    assert f"]({picture.PICTURE.relative_to(ROOT)})" in README


def test_python_program_prints_what_the_readme_shows(demonstration: tuple[str, str]) -> None:
    (program,) = blocks("python")
    (expected,) = blocks("text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), {"dsn": demonstration[0]})  # noqa: S102 - our own README
    assert printed.getvalue() == expected


def test_shell_commands_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) >= 7
    for command in commands:
        program, word = command.split()[:2]
        if program == "make":
            assert re.search(rf"^{word}:", makefile, re.MULTILINE), command
        else:
            assert program == "motadata-ml"
            subprocess.run([program, word, "--help"], check=True, capture_output=True)
