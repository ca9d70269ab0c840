"""``algorithm => 'best'``: families and hyperparameters tried for as long as was allowed. Runs in the worker only.

The candidates of `comparison` come first, so that the answer is no worse than the default's by the folds; then draws,
half of boosting's near the best so far. A candidate meets the folds one after another and is given up where its loss is
far behind that of the best on the same folds: most see one fold of five. The best so far is the answer whenever the
time is over.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InvalidArgumentError, TrainingError
from motadata_ml_server.features.fit_plan import EncodingNeeds
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.candidates import Candidates, Trial
from motadata_ml_server.worker.comparison import Choice, Comparison
from motadata_ml_server.worker.ensemble import Member, Mixture, mixture
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.losses import mean_curve
from motadata_ml_server.worker.target import EncodedTarget
from motadata_ml_server.worker.threads import threads_for

FOLDS: Final = 5
SECONDS: Final = 60.0
"""Where neither seconds nor trials are named."""

BEHIND: Final = 1.05
"""A candidate whose loss on the folds so far is so many times the best one's there is given up."""

LAST_FIT: Final = 0.1
"""Share of the seconds that is kept for the fit on all rows, for what compiles it and what stores it."""

TOGETHER: Final = 0.15
"""Share of the seconds that is kept for asking whether several candidates together are better than one."""

MEMBERS: Final = 4
"""So many candidates, and the best of each family, are put together."""

HOPELESS: Final = 1.5
"""A family's best whose loss is so many times the best one's is not among them."""

MAX_FAILURES: Final = 10
"""So many reasons are told where nothing could be fitted."""


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
        self._done: list[Trial] = []
        self._slowest_fold: dict[str, float] = {}

    def run(self) -> tuple[Choice, list[dict[str, Any]]]:
        from threadpoolctl import threadpool_limits

        base = self._base
        drawn = folds(self._spec, base.sample, base.goal, FOLDS)
        base.pairs = base.usable(drawn.pairs)
        width = len(self._spec.features)
        with threadpool_limits(threads_for(base.sample.rows, width, self._spec.threads)):
            for candidate in Candidates(base, self._words, self._spec.random_state, self._best):
                if self._over(candidate):
                    break
                self._try(candidate)
                self._done.append(candidate)
                self._tell()
            together = self._together()
        return self._answer(together)

    def _left(self, kept: float = TOGETHER) -> float:
        """Return the seconds that are left, beside a share that is kept."""
        if self._seconds is None:
            return float("inf")
        return self._seconds * (1 - LAST_FIT - kept) - (time.monotonic() - self._began) - self._last_fit()

    def _last_fit(self) -> float:
        """Return the seconds that the best so far may take on all rows."""
        whole = [one for one in self._done if one.losses]
        if not whole:
            return 0.0
        best = min(whole, key=self._order)
        return best.seconds / len(best.losses) * self._base.growth()

    def _over(self, candidate: Trial) -> bool:
        if self._spec.trials is not None and len(self._done) >= self._spec.trials:
            return True
        return bool(self._done) and self._left() <= self._slowest_fold.get(candidate.family, 0.0)

    def _order(self, trial: Trial) -> tuple[int, float]:
        """Return the key of the leaderboard: who met more folds has lost on none."""
        return -len(trial.losses), trial.loss

    def _best(self) -> Trial | None:
        whole = [one for one in self._done if one.losses]
        return min(whole, key=self._order) if whole else None

    def _try(self, trial: Trial) -> None:
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

    def _fold(self, trial: Trial, at: int) -> None:
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

    def _together(self) -> Mixture | None:
        """Return several candidates as one model, None where one alone is as good."""
        best = self._best()
        if best is None or self._words is not None or self._spec.weight is not None:
            return None
        ranked = sorted((one for one in self._done if one.losses), key=self._order)
        firsts = [next(one for one in ranked if one.family == family) for family in {one.family: 0 for one in ranked}]
        whole = [one for one in ranked if len(one.losses) == len(best.losses)][:MEMBERS]
        others = [one for one in firsts if one not in whole and one.loss <= HOPELESS * best.loss]
        chosen = [one for one in (*whole, *others) if one.family != "forest" or self._base.outputs == 1]
        spent = 0.0
        members = []
        for one in chosen:
            seconds = one.seconds / len(one.losses)
            spent += seconds * self._base.growth()
            if self._seconds is None or spent <= self._seconds * LAST_FIT:
                members.append(Member(one.algorithm, self._final(one), seconds * len(self._base.pairs)))
        if len(members) < 2:
            return None
        return mixture(self._base, members, lambda: self._left(0.0), self._spec.threads, self._spec.random_state)

    def _final(self, trial: Trial) -> dict[str, Any]:
        """Return the hyperparameters for a fit without rows held out."""
        if trial.family != "boosting":
            return dict(trial.hyperparameters)
        rounds = max(1, round((int(mean_curve(trial.curves).argmin()) + 1) * 1.1))
        return {**trial.hyperparameters, "max_iter": rounds, "early_stopping": False}

    def _answer(self, together: Mixture | None) -> tuple[Choice, list[dict[str, Any]]]:
        best = self._best()
        if best is None:
            reasons = dict.fromkeys(f"{one.algorithm}: {one.failure}" for one in self._done)
            raise TrainingError(
                f"every candidate of {len(self._done)} failed: {'; '.join(list(reasons)[:MAX_FAILURES])}",
                hint="The texts are the library's own; check the data, or name an algorithm.",
            )
        ranked = sorted(self._done, key=self._order)
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
        if together is None:
            return Choice(catalogue.load()[best.algorithm], self._final(best), why), trials
        suffix = "Classifier" if self._base.classifies else "Regressor"
        why = (
            f"of {len(ranked)} candidates {len(together.members)} together have the least {measure} over {where}, "
            f"{together.loss:.4g}, the best alone {together.best:.4g}"
        )
        return Choice(catalogue.load()[f"Voting{suffix}"], together.hyperparameters(), why), trials
