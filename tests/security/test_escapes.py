"""What users write reaches logs and terminals without a character that these would obey."""

from __future__ import annotations

import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml import _printable as client
from motadata_ml import _progress
from motadata_ml.cli import console
from motadata_ml_server.postgres import printable as server
from motadata_ml_server.postgres.server_log import line

ACTING = "\x00\x07\x08\x1b[2J\r\x7f\x85\x9b31m\x9d0;title\x9c\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff"
TAG = "\U000e0041"
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""The bidirectional classes of characters that turn the direction of writing, or end that."""
NAME = "m\x9b2J\u202eegdelirp\u2066\x1b[8m"


def obeyed(text: str) -> list[str]:
    """Return the characters of a text that a terminal or a log would obey, or hide."""
    return [each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs")]


@given(st.text(st.characters(codec=None)))
def test_no_acting_character_is_left_and_the_rest_is_as_it_was(text: str) -> None:
    shown = server.printable(text)
    assert [
        each for each in obeyed(shown) if unicodedata.bidirectional(each) or unicodedata.category(each) != "Cf"
    ] == []
    assert client.printable(text) == shown
    assert json.loads(f'"{shown}"') == text if '"' not in text and "\\" not in text else True
    if not obeyed(text):
        assert shown == text


def test_known_attacks_are_escaped() -> None:
    assert obeyed(server.printable(ACTING + TAG)) == []
    assert server.printable("a\nb\tc", lines=True) == "a\nb\tc"
    assert server.printable("Zürich 東京 \U0001f600") == "Zürich 東京 \U0001f600"


@pytest.mark.no_attack
def test_a_line_of_the_log_reads_back_as_what_was_meant() -> None:
    told = line("training_started", model=NAME + TAG)
    assert obeyed(told) == []
    assert json.loads(told.partition("model=")[2]) == NAME + TAG


def test_the_servers_log_has_no_acting_character_of_a_models_name(
    db: psycopg.Connection[Any], server: PostgreSQLExecutor
) -> None:
    path = Path(server.logfile)
    start = path.stat().st_size
    source = "select i::float8 as x, i % 2 = 0 as y from generate_series(1, 200) as i"
    db.execute("select ml.train(%s, 'classification', %s, 'y', algorithm => 'decision_tree')", [NAME, source])
    for statement in ("select ml.train(%s, 'regression', 'select 1 as x, ''a'' as y', 'y')",
                      "select ml.predict('no ' || %s, array[1])"):  # fmt: skip
        with pytest.raises(psycopg.Error) as caught:
            db.execute(statement.encode(), [NAME])
        told = "\n".join(filter(None, (caught.value.diag.message_primary, caught.value.diag.message_hint)))
        assert obeyed(told.replace("\n", "")) == []
    with path.open(encoding="utf-8") as file:
        file.seek(start)
        lines = [each.rstrip("\n") for each in file if "event=" in each or "ERROR:" in each]
    assert len(lines) >= 4
    assert [each for each in lines if obeyed(each.replace("\t", ""))] == []


def test_an_error_of_postgresql_names_no_acting_character(db: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute("select ml.train('m', 'classification', %s, 'y')", [f'select "{NAME}" from pg_class'])
    assert "column" in str(caught.value.diag.message_primary)
    assert obeyed(str(caught.value.diag.message_primary)) == []


def test_the_command_line_shows_no_acting_character(capsys: pytest.CaptureFixture[str]) -> None:
    console.fail(f"there is no {NAME}", f"look for {NAME}")
    console.Steps()(f"dropping {NAME}")
    said = capsys.readouterr()
    assert obeyed((said.err + said.out).replace("\n", "").replace("\x1b[31m", "").replace("\x1b[0m", "")) == []


def test_the_progress_bar_shows_no_acting_character_and_no_markup(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "motadata_ml.server")
    with _progress.progress_shown(False, NAME) as handler:
        handler(_notice())
    assert len(caplog.messages) == 1
    assert obeyed("".join(caplog.messages)) == []
    with _progress.progress_shown(True, f"[bold]{NAME}[/nothing]") as handler:
        handler(_notice())
    assert "\u202e" not in capsys.readouterr().err


class _Diagnostic:
    message_detail = '{"step": "fit", "fraction": 0.5}'
    message_primary = "training: fit"
    severity_nonlocalized = "NOTICE"


def _notice() -> Any:
    return _Diagnostic()
