"""``algorithm => 'best'``: families and hyperparameters tried for as long as was allowed. Runs in the worker only.

The candidates of `comparison` come first, so that the answer is no worse than the default's by the folds; then draws,
half of boosting's near the best so far. A candidate meets the folds one after another and is given up where its loss is
far behind that of the best on the same folds: most see one fold of five. The best so far is the answer whenever the
time is over.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InvalidArgumentError, TrainingError
from motadata_ml_server.features.fit_plan import EncodingNeeds
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.comparison import BOOSTING, Choice, Comparison, mean_curve
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.target import EncodedTarget
from motadata_ml_server.worker.threads import threads_for

DRAW_STREAM: Final = 7
"""Candidates are drawn from a stream of their own, as folds are."""

FOLDS: Final = 5
SECONDS: Final = 60.0
"""Where neither seconds nor trials are named."""

BEHIND: Final = 1.05
"""A candidate whose loss on the folds so far is so many times the best one's there is given up."""

LAST_FIT: Final = 0.1
"""Share of the seconds that is kept for the fit on all rows, for what compiles it and what stores it."""

MAX_FAILURES: Final = 10
"""So many reasons are told where nothing could be fitted."""


@dataclass
class _Trial:
    """One candidate: what it lost on each fold it has met."""

    family: str
    algorithm: str
    hyperparameters: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    curves: list[Any] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None

    @property
    def loss(self) -> float:
        if self.curves:
            return float(mean_curve(self.curves).min())
        return float(np.mean(self.losses)) if self.losses else float("inf")

    def forget(self) -> None:
        """Leave out what it lost: it failed on one of the folds."""
        self.losses.clear()
        self.curves.clear()


def find(
    spec: TrainingSpec,
    learn: ColumnTable,
    goal: EncodedTarget,
    words: str | None,
    report: Callable[[float, dict[str, Any]], None],
    began: float,
) -> tuple[Choice, list[dict[str, Any]]]:
    """Search until the seconds, or the trials, are spent.

    Parameters
    ----------
    spec : TrainingSpec
        Model type, features, split, seed; seconds and trials.
    learn : ColumnTable
        The rows to learn from.
    goal : EncodedTarget
        Their target.
    words : str or None
        A feature that is free text: linear models alone are tried.
    report : callable
        Told the share done, and the trials and the best score so far.
    began : float
        When the training began, by ``time.monotonic``.

    Returns
    -------
    Choice
        The best candidate.
    list of dict
        Every trial, the best first: algorithm, hyperparameters, score, seconds, folds.

    Raises
    ------
    InvalidArgumentError
        ML009: the seconds were over before one candidate had been fitted.
    TrainingError
        ML015: every candidate failed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Search(spec, learn, goal, words, report, began).run()


class _Search:
    def __init__(
        self,
        spec: TrainingSpec,
        learn: ColumnTable,
        goal: EncodedTarget,
        words: str | None,
        report: Callable[[float, dict[str, Any]], None],
        began: float,
    ) -> None:
        self._spec = spec
        self._base = Comparison(spec, learn, goal, words)
        self._words = words
        self._report = report
        self._began = began
        self._seconds = spec.seconds if spec.seconds is not None or spec.trials is not None else SECONDS
        self._encoded: dict[str, Any] = {}
        self._done: list[_Trial] = []
        self._slowest_fold: dict[str, float] = {}

    def run(self) -> tuple[Choice, list[dict[str, Any]]]:
        from threadpoolctl import threadpool_limits

        base = self._base
        drawn = folds(self._spec, base.sample, base.goal, FOLDS)
        base.pairs = base.usable(drawn.pairs)
        width = len(self._spec.features)
        with threadpool_limits(threads_for(base.sample.rows, width, self._spec.threads)):
            for candidate in self._candidates():
                if self._over(candidate):
                    break
                self._try(candidate)
                self._done.append(candidate)
                self._tell()
        return self._answer()

    def _left(self) -> float:
        """Return the seconds that are left to search in."""
        if self._seconds is None:
            return float("inf")
        return self._seconds * (1 - LAST_FIT) - (time.monotonic() - self._began) - self._last_fit()

    def _last_fit(self) -> float:
        """Return the seconds that the best so far may take on all rows."""
        whole = [one for one in self._done if one.losses]
        if not whole:
            return 0.0
        best = min(whole, key=self._order)
        return best.seconds / len(best.losses) * self._base.growth()

    def _over(self, candidate: _Trial) -> bool:
        if self._spec.trials is not None and len(self._done) >= self._spec.trials:
            return True
        return bool(self._done) and self._left() <= self._slowest_fold.get(candidate.family, 0.0)

    def _order(self, trial: _Trial) -> tuple[int, float]:
        """Return the key of the leaderboard: who met more folds has lost on none."""
        return -len(trial.losses), trial.loss

    def _best(self) -> _Trial | None:
        whole = [one for one in self._done if one.losses]
        return min(whole, key=self._order) if whole else None

    def _try(self, trial: _Trial) -> None:
        started = time.monotonic()
        best = self._best()
        for at in range(len(self._base.pairs)):
            if at and self._left() <= self._slowest_fold.get(trial.family, 0.0):
                break
            began = time.monotonic()
            try:
                self._fold(trial, at)
            except MemoryError:
                raise
            except Exception as error:  # whatever an estimator raises on rows that do not suit it
                trial.failure = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
                trial.forget()
                break
            took = time.monotonic() - began
            self._slowest_fold[trial.family] = max(took, self._slowest_fold.get(trial.family, 0.0))
            if not self._done and not at and self._left() <= took * self._base.growth():
                raise self._too_short()
            if not np.isfinite(trial.loss):
                trial.failure = "its loss is not finite"
                trial.forget()
                break
            if best is not None and trial.loss > BEHIND * float(np.mean(best.losses[: at + 1])):
                break
        trial.seconds = time.monotonic() - started

    def _too_short(self) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"execution.seconds {self._seconds:g} is less than one fit of these rows takes: the first of "
            f"{len(self._base.pairs)} folds was done after {time.monotonic() - self._began:.1f}",
            hint="Allow more seconds, or leave algorithm out: the default looks at no clock.",
        )

    def _fold(self, trial: _Trial, at: int) -> None:
        base = self._base
        entry = catalogue.load()[trial.algorithm]
        fold = base.pairs[at]
        if trial.family == "boosting":
            curve = base.curve(entry, trial.hyperparameters, self._rows("boosting"), fold)
            trial.losses.append(float(curve.min()))
            trial.curves.append(curve)
        else:
            trial.losses.append(base.loss_on(entry, trial.hyperparameters, self._rows(trial.family), fold))

    def _rows(self, family: str) -> Any:
        if family not in self._encoded:
            needs = EncodingNeeds(family == "boosting", "standard" if family == "linear" else "none")
            self._encoded[family] = self._base.encoded(needs)
        return self._encoded[family]

    def _candidates(self) -> Iterator[_Trial]:
        """Yield candidates: those of the default, then draws without an end."""
        base = self._base
        linear, boosting, forest = (base.entry(family).name for family in ("linear", "boosting", "forest"))
        trees = base.outputs <= 30 and self._words is None
        for strength in (0.3, 3.0, 0.03):
            yield _Trial("linear", linear, base.linear(strength))
            if strength == 0.3 and self._words is None:
                for leaves in (8, 4, 24) if trees else ():
                    yield _Trial("boosting", boosting, {**BOOSTING, "max_leaf_nodes": leaves})
                yield _Trial("forest", forest, {"n_estimators": 100, "min_samples_leaf": 3, "max_features": 0.4})
        seed = self._spec.random_state
        draw = np.random.default_rng(None if seed is None else [seed, DRAW_STREAM])
        families = ["linear"] if self._words is not None else ["forest", "extra", "linear"]
        while True:
            family = str(draw.choice(families))
            if trees and draw.random() < 0.75:
                family = "boosting"
            if family == "linear":
                yield _Trial("linear", linear, base.linear(float(f"{10 ** draw.uniform(-3, 2):.3g}")))
            elif family == "boosting":
                yield _Trial("boosting", boosting, self._boosting(draw))
            else:
                name = forest if family == "forest" else forest.replace("RandomForest", "ExtraTrees")
                yield _Trial("forest", name, self._forest(draw))

    def _boosting(self, draw: np.random.Generator) -> dict[str, Any]:
        """Draw hyperparameters of boosting, every other time near those of the best so far."""
        best = self._best()
        if best is not None and best.family == "boosting" and draw.random() < 0.5:
            near = dict(best.hyperparameters)
            near["max_leaf_nodes"] = int(np.clip(round(near["max_leaf_nodes"] * 2 ** draw.uniform(-0.7, 0.7)), 2, 128))
            near["learning_rate"] = float(f"{np.clip(near['learning_rate'] * 2 ** draw.uniform(-1, 1), 0.01, 0.3):.3g}")
            near["max_features"] = float(f"{np.clip(near['max_features'] * 2 ** draw.uniform(-0.7, 0.7), 0.1, 1):.3g}")
            near["min_samples_leaf"] = int(np.clip(round(near["min_samples_leaf"] * 2 ** draw.uniform(-1, 1)), 1, 100))
            return near
        return {
            "learning_rate": float(f"{10 ** draw.uniform(-1.7, -0.7):.3g}"),
            "l2_regularization": float(f"{10 ** draw.uniform(-2, 1.5):.3g}"),
            "max_features": float(f"{draw.uniform(0.2, 1.0):.3g}"),
            "min_samples_leaf": round(10 ** draw.uniform(0.3, 1.8)),
            "max_leaf_nodes": round(2 ** draw.uniform(1.6, 6.5)),
        }

    def _forest(self, draw: np.random.Generator) -> dict[str, Any]:
        return {
            "n_estimators": 200,
            "min_samples_leaf": round(10 ** draw.uniform(0, 1.2)),
            "max_features": float(f"{draw.uniform(0.15, 1.0):.3g}"),
        }

    def _tell(self) -> None:
        best = self._best()
        spent = 0.0 if self._seconds is None else (time.monotonic() - self._began) / self._seconds
        share = spent if self._spec.trials is None else max(spent, len(self._done) / self._spec.trials)
        more: dict[str, Any] = {"trials": len(self._done)}
        if best is not None:
            more |= {"algorithm": best.algorithm, "best_score": -best.loss}
        if self._seconds is not None:
            more["seconds_left"] = max(0.0, self._seconds - (time.monotonic() - self._began))
        self._report(min(1.0, share), more)

    def _answer(self) -> tuple[Choice, list[dict[str, Any]]]:
        best = self._best()
        if best is None:
            reasons = dict.fromkeys(f"{one.algorithm}: {one.failure}" for one in self._done)
            raise TrainingError(
                f"every candidate of {len(self._done)} failed: {'; '.join(list(reasons)[:MAX_FAILURES])}",
                hint="The texts are the library's own; check the data, or name an algorithm.",
            )
        ranked = sorted(self._done, key=self._order)
        chosen = dict(best.hyperparameters)
        if best.family == "boosting":
            chosen |= {
                "max_iter": max(1, round((int(mean_curve(best.curves).argmin()) + 1) * 1.1)),
                "early_stopping": False,
            }
        measure = "log loss" if self._spec.model_type == "classification" else "half its mean squared error"
        count = len(best.losses)
        where = "1 fold" if count == 1 else f"{count} folds"
        why = f"of {len(ranked)} candidates its {measure} over {where} is the least, {best.loss:.4g}"
        trials = [
            {
                "algorithm": one.algorithm,
                "hyperparameters": one.hyperparameters,
                "score": -one.loss if one.losses else None,
                "seconds": round(one.seconds, 3),
                "folds": len(one.losses),
                "rank": rank,
                **({"failure": one.failure} if one.failure else {}),
            }
            for rank, one in enumerate(ranked, 1)
        ]
        return Choice(catalogue.load()[best.algorithm], chosen, why), trials
