"""Progress comes from the notices' DETAIL; anything else is logged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from motadata_ml._progress import TrainingProgress, parse, progress_shown


def _notice(detail: str | None, severity: str = "NOTICE") -> Any:
    return cast(
        "Any",
        SimpleNamespace(message_primary="said", message_detail=detail, severity_nonlocalized=severity),
    )


def test_detail_becomes_progress() -> None:
    found = parse(_notice('{"step": "fit", "fraction": 0.5, "rows": 10, "seconds_left": 3.5}'))
    assert found == TrainingProgress("fit", 0.5, 10, 3.5)


@pytest.mark.parametrize("detail", [None, "", "text", "{}", "[1]", '{"step": "fit", "fraction": "x"}'])
def test_other_notices_are_not_progress(detail: str | None) -> None:
    assert parse(_notice(detail)) is None


def test_callable_receives_progress_and_others_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[TrainingProgress] = []
    caplog.set_level("INFO", "motadata_ml.server")
    with progress_shown(seen.append, "m") as handle:
        handle(_notice('{"step": "fit", "fraction": 1}'))
        handle(_notice(None, "WARNING"))
    assert [p.step for p in seen] == ["fit"]
    assert [(r.levelname, r.message) for r in caplog.records] == [("WARNING", "said")]


def test_bar_is_silent_when_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(None, "m") as handle:
        handle(_notice('{"step": "fit", "fraction": 0.5}'))
    assert capsys.readouterr() == ("", "")


def test_bar_is_drawn_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(True, "m") as handle:
        handle(_notice('{"step": "fit", "fraction": 0.5, "seconds_left": 2}'))
    assert "training m" in capsys.readouterr().err
