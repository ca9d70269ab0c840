"""How far a fit is, seen from outside while the library works: for ensembles and searches, which know how much is left.

A library says nothing while it fits, so a thread looks every half a second: at the trees that a boosting holds so far,
or at the tasks that the outermost parallel loop has done, such as the trees of a forest or the fits of a search. What
may end early, by early stopping or convergence, has no honest estimate and is told none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

INTERVAL: Final = 0.5
"""Seconds between two looks."""

SECONDS_A_NODE: Final = 1.5e-6
"""What compiling, comparing and storing a tree takes for each of its nodes: for deep forests as long as the fit."""

LEAST_DONE: Final = 0.02
"""From this share on, the time so far tells how long the rest takes."""

Report = Callable[[float, float], None]
"""Called with the share done, 0 to 1, and the seconds left."""

Share = Callable[[], float | None]
"""Returns the share done, None where it cannot be told."""


@contextmanager
def watched(share: Share, report: Report, after: Callable[[], float] = float) -> Iterator[None]:
    """Report how far the block is, from a thread, as long as it runs.

    Parameters
    ----------
    share : callable
        Asked every `INTERVAL`.
    report : callable
        Told what follows from it.
    after : callable
        Returns the seconds that follow the block.
    """
    started = time.monotonic()
    over = threading.Event()

    def look() -> None:
        while not over.wait(INTERVAL):
            done = share()
            if done is not None and LEAST_DONE <= done <= 1.0:
                report(done, (time.monotonic() - started) * (1.0 - done) / done + after())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Tasks:
    """Counts the tasks of the outermost parallel loop of joblib; use it in a ``with`` block.

    Parameters
    ----------
    total : int
        How many tasks there will be.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._outermost: Any = None
        self._subjects: list[Any] = []

    def __enter__(self) -> Tasks:
        from joblib import Parallel

        self._call = Parallel.__call__
        call = self._call

        def counted(loop: Any, tasks: Any) -> Any:
            if self._outermost is None:
                self._outermost = loop
                tasks = self._noted(tasks)
            return call(loop, tasks)

        Parallel.__call__ = counted
        return self

    def __exit__(self, *_: object) -> None:
        from joblib import Parallel

        Parallel.__call__ = self._call

    def share(self) -> float | None:
        """Return the share of tasks done, None before the first loop."""
        done = getattr(self._outermost, "n_completed_tasks", None)
        return None if done is None else float(done) / self._total

    def seconds_of_trees(self) -> float:
        """Return what the trees, as many as there will be and like those fitted so far, take after the fit."""
        nodes = [tree.node_count for of in self._subjects if (tree := getattr(of, "tree_", None)) is not None]
        return sum(nodes) / len(nodes) * self._total * SECONDS_A_NODE if nodes else 0.0

    def _noted(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the tasks, and keep what each is about: of a forest a tree, which is fitted in place."""
        for task in tasks:
            if task[1]:
                self._subjects.append(task[1][0])
            yield task


@contextmanager
def watched_fit(estimator: Any, report: Report) -> Iterator[None]:
    """Report how far the fit of an estimator is, where that can be told."""
    total = getattr(estimator, "n_estimators", None)
    if type(estimator).__name__.startswith(("RandomForest", "ExtraTrees", "IsolationForest")) and total:
        with Tasks(total) as tasks, watched(tasks.share, report, tasks.seconds_of_trees):
            yield
    elif type(estimator).__module__.startswith("xgboost.") and not _stops_early(estimator):
        rounds = _Rounds(total or 100)
        estimator.set_params(callbacks=[rounds.for_xgboost()])
        try:
            with watched(rounds.share, report):
                yield
        finally:
            estimator.set_params(callbacks=None)
    else:
        with watched(lambda: _boosted(estimator), report):
            yield


def _boosted(estimator: Any) -> float | None:
    """Return the share of a boosting's rounds that its trees are of; None for anything else."""
    if _stops_early(estimator):
        return None
    if hasattr(estimator, "max_iter") and hasattr(estimator, "_predictors"):
        return len(estimator._predictors) / float(estimator.max_iter)
    trees = getattr(estimator, "estimators_", None)
    total = getattr(estimator, "n_estimators", None)
    if trees is None or not total:
        return None
    if hasattr(trees, "shape"):
        return sum(tree is not None for tree in trees[:, 0]) / float(total)
    return len(trees) / float(total)


def _stops_early(estimator: Any) -> bool:
    """Tell what may end before its last round."""
    if hasattr(estimator, "do_early_stopping_"):
        return bool(estimator.do_early_stopping_)
    if hasattr(estimator, "early_stopping"):
        return True
    return getattr(estimator, "early_stopping_rounds", None) is not None or (
        hasattr(estimator, "n_estimators") and getattr(estimator, "n_iter_no_change", None) is not None
    )


class _Rounds:
    """Counts the rounds of a boosting that calls back after each."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def share(self) -> float | None:
        """Return the share of rounds done."""
        return self._done / self._total

    def for_xgboost(self) -> Any:
        """Return the callback as XGBoost takes it."""
        from xgboost.callback import TrainingCallback

        rounds = self

        class Count(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                rounds._done = epoch + 1
                return False

        return Count()
