"""Timing of pairs: interleaved rounds, best and median, answers compared."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.catalogue import verdict


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


def peak_growth_mb(pid: int, action: Callable[[], Any]) -> float:
    """Return by how many MB of its own a process grows at most while something is done; at least 0.1."""
    before = anonymous_mb(pid)
    peak = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], anonymous_mb(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        action()
    finally:
        done.set()
        watcher.join()
    return max(peak[0] - before, 0.1)


@dataclass
class Results:
    """Named figures in the order they were measured.

    Attributes
    ----------
    figures : dict of str to float
        What they mean is in `benchmarks.catalogue`.
    """

    figures: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Take a figure down, to five digits."""
        self.figures[name] = float(f"{value:.5g}")
        print(f"  {name:44s} {self.figures[name]:12.5g}   {verdict(name, value)}", flush=True)

    def ratio(self, name: str, timings: dict[str, Timing], side: str, other: str) -> None:
        """Take down the ratio of two sides' best rounds, and of their median ones."""
        self.add(name, timings[side].best / timings[other].best)
        self.add(f"{name}_median", timings[side].median / timings[other].median)
