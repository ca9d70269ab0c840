"""Show how far a training is, from the server's notices; log the other ones."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from psycopg.errors import Diagnostic
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from motadata_ml._calls import NoticeHandler
from motadata_ml._printable import printable

_log = logging.getLogger("motadata_ml.server")
_LEVELS = {"WARNING": logging.WARNING, "NOTICE": logging.INFO}


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes
    ----------
    step : str
        What is being done.
    fraction : float
        From 0 to 1.
    rows : int or None
        Rows read so far, where known.
    seconds_left : float or None
        An estimate, where there is one.
    """

    step: str
    fraction: float
    rows: int | None = None
    seconds_left: float | None = None


ProgressOption: TypeAlias = bool | Callable[[TrainingProgress], None] | None


def parse(diagnostic: Diagnostic) -> TrainingProgress | None:
    """Return the progress that a notice carries in its DETAIL, None for any other notice."""
    try:
        detail = json.loads(diagnostic.message_detail or "")
        return TrainingProgress(
            str(detail["step"]), float(detail["fraction"]), detail.get("rows"), detail.get("seconds_left")
        )
    except (ValueError, TypeError, KeyError):
        return None


@contextlib.contextmanager
def progress_shown(option: ProgressOption, model_id: str) -> Iterator[NoticeHandler]:
    """Yield the notice handler of one training.

    Parameters
    ----------
    option : bool, callable or None
        None shows a bar in terminals and notebooks; a callable receives each `TrainingProgress`.
    model_id : str
        For the bar's label.
    """
    if callable(option):
        yield _handler(option)
        return
    shown_id = printable(model_id)
    console = Console(stderr=True, force_terminal=True if option is True else None)
    if option is False or (option is None and not (console.is_terminal or _in_notebook())):
        yield _handler(lambda progress: _log.debug("%s: %s %.0f%%", shown_id, progress.step, progress.fraction * 100))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        label = f"training {escape(shown_id)}"  # a name in brackets is no markup of rich's
        task = bar.add_task(label, total=1.0)

        def show(progress: TrainingProgress) -> None:
            left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
            text = f"{label}: {escape(printable(progress.step))}{left}"
            bar.update(task, completed=progress.fraction, description=text)

        yield _handler(show)


def log_notice(diagnostic: Diagnostic) -> None:
    """Hand a notice of the server to the standard library's logging."""
    level = _LEVELS.get(diagnostic.severity_nonlocalized or "", logging.DEBUG)
    _log.log(level, "%s", printable(diagnostic.message_primary or ""))


def _handler(show: Callable[[TrainingProgress], None]) -> NoticeHandler:
    """Return the handler that shows progress and logs the rest."""

    def handle(diagnostic: Diagnostic) -> None:
        progress = parse(diagnostic)
        if progress is None:
            log_notice(diagnostic)
        else:
            show(progress)

    return handle


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this process."""
    return "ipykernel" in sys.modules
