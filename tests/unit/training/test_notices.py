"""How much a training says: an hour's no more than a reader takes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from motadata_ml_server.postgres.database import Database
from motadata_ml_server.training import progress
from motadata_ml_server.training.progress import ProgressReport


class Session:
    """What a report asks of a session."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def query(self, *_: Any) -> list[dict[str, Any]]:
        """Return what the session is."""
        return [{"pid": 1, "database": 1, "now": 0.0}]

    def notice(self, message: str, detail: str | None = None) -> None:
        """Take note of a NOTICE."""
        self.said.append(message)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    (tmp_path / "pg_stat_tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize(("seconds", "most"), [(10, 22), (60, 60), (900, 120)])
def test_a_step_that_goes_on_is_told_ever_more_seldom(clock: Clock, seconds: int, most: int) -> None:
    session = Session()
    with ProgressReport(cast("Database", session), {"worker": 1}, lambda: None) as report:
        while clock.now < seconds:
            clock.now += 0.5
            report.tell("fit", clock.now / seconds, 100)
    assert seconds == 10 or len(session.said) > 20
    assert len(session.said) < most


def test_each_step_is_told_once_it_is_due(clock: Clock) -> None:
    session = Session()
    with ProgressReport(cast("Database", session), {"worker": 1}, lambda: None) as report:
        for step in ("read", "fit", "compile"):
            clock.now += 1.0
            report.tell(step, 0.5, 100)
    assert session.said == ["training: read", "training: fit", "training: compile"]
