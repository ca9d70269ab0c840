"""What the server's log says of trainings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

Session = psycopg.Connection[Any]
SOURCE = "select i::float8 as x, i % 2 = 0 as y from generate_series(1, 200) as i"


@pytest.fixture
def log(server: PostgreSQLExecutor) -> Any:
    path = Path(server.logfile)
    start = path.stat().st_size

    def lines() -> list[dict[str, str]]:
        with path.open(encoding="utf-8") as file:
            file.seek(start)
            found = [line.partition("motadata_ml: ")[2] for line in file if "motadata_ml: event=" in line]
        return [dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)) for line in found]

    return lines


def test_completed_training_leaves_two_lines(db: Session, log: Any) -> None:
    db.execute("select ml.train('m', 'classification', %s, 'y', algorithm => 'decision_tree')", [SOURCE])
    started, completed = log()
    assert started["event"] == "training_started"
    assert completed["event"] == "training_completed"
    for line in (started, completed):
        assert (json.loads(line["tenant"]), json.loads(line["model"])) == ("default", "m")
        assert json.loads(line["algorithm"]) == "DecisionTreeClassifier"
        assert json.loads(line["role"]) == db.info.user
        assert int(line["pid"]) == db.info.backend_pid
    assert (json.loads(completed["version"]), completed["rows"]) == ("1.0.0", "200")
    assert 0 < float(completed["seconds"]) < 60


def test_failed_training_is_told_by_its_sqlstate_without_data(db: Session, log: Any) -> None:
    with pytest.raises(psycopg.Error):
        db.execute(
            """select ml.train('m', 'classification', 'select 1 as x, ''secret of a row'' as y
            from generate_series(1, 9)', 'y')"""
        )
    started, failed = log()
    assert started["event"] == "training_started"
    assert (failed["event"], json.loads(failed["sqlstate"])) == ("training_failed", "ML005")
    assert not any("secret" in value for value in failed.values())


def test_cancelled_training_says_so(db: Session, log: Any) -> None:
    db.execute("set statement_timeout = '1s'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(
            "select ml.train('m', 'classification', %s, 'y')",
            [f"select x, y, pg_sleep(0.1) is null as z from ({SOURCE}) as r"],
        )
    assert [line.get("sqlstate") for line in log() if line["event"] == "training_failed"] == ['"57014"']


def test_name_with_a_line_break_cannot_forge_a_line(db: Session, log: Any) -> None:
    name = 'm"\nmotadata_ml: event=training_completed model="forged'
    db.execute("select ml.train(%s, 'classification', %s, 'y', algorithm => 'decision_tree')", [name, SOURCE])
    lines = log()
    assert [line["event"] for line in lines] == ["training_started", "training_completed"]
    assert {json.loads(line["model"]) for line in lines} == {name}
