"""Timing of pairs: interleaved rounds, best and median, answers compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class AnswersDifferError(Exception):
    """Two sides of a pair did not do the same work."""


@dataclass(frozen=True)
class Timing:
    """Seconds of several rounds.

    Attributes
    ----------
    seconds : list of float
        One a round.
    """

    seconds: list[float]

    @property
    def best(self) -> float:
        """The fastest round."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)


def interleave(sides: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Run all sides in turn, several times; return their timings and what each gave last."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    answers: dict[str, Any] = {}
    for _ in range(rounds):
        for name, side in sides.items():
            started = time.perf_counter()
            answers[name] = side()
            seconds[name].append(time.perf_counter() - started)
    return {name: Timing(values) for name, values in seconds.items()}, answers


def require(same: bool, what: str) -> None:
    """Fail the run where two sides did not give the same answers."""
    if not same:
        raise AnswersDifferError(what)


def anonymous_mb(pid: int) -> float:
    """Return the memory of a process that is its own, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no RssAnon for process {pid}")


@dataclass
class Results:
    """Named figures, each with the target it is held against.

    Attributes
    ----------
    figures : dict of str to float
        In the order they were measured.
    targets : dict of str to float
        The most a figure may be; a negative target is the least it has to be.
    notes : dict of str to str
        What was compared.
    """

    figures: dict[str, float] = field(default_factory=dict)
    targets: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: float, note: str, target: float | None = None) -> None:
        """Take a figure down."""
        self.figures[name] = round(value, 4)
        self.notes[name] = note
        if target is not None:
            self.targets[name] = target
        print(f"  {name:36s} {self.figures[name]:12.4g}   {self.verdict(name)}", flush=True)

    def verdict(self, name: str) -> str:
        """Say whether a figure reaches its target."""
        target = self.targets.get(name)
        if target is None:
            return ""
        value = self.figures[name]
        reached = value <= target if target >= 0 else value >= -target
        return f"{'reached' if reached else 'missed'} ({'at most' if target >= 0 else 'at least'} {abs(target):g})"
