"""A weighted mean of the best few candidates of a search, where that is better on rows held out. Runs in the worker.

Weights come from the greedy selection of Caruana and others (2004): the member that lowers the loss most is taken again
and again. Whether the mean is worth it is asked honestly: each fold is scored with the weights of the other folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.features.fit_plan import EncodingNeeds
from motadata_ml_server.worker import composites, estimators
from motadata_ml_server.worker.comparison import Comparison, Fold
from motadata_ml_server.worker.losses import own_log_loss, squared_loss

Array = NDArray[np.float64]

STEPS: Final = 20
"""How often a member is taken: weights are multiples of a twentieth."""

WORTH: Final = 0.995
"""The mean has to lose so much less than the best member: it costs as many fits and answers as it has members."""


@dataclass(frozen=True)
class Member:
    """A candidate, with the seconds that its fits on all folds took."""

    algorithm: str
    hyperparameters: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Mixture:
    """Members with their weights, and the mean losses over the folds: of the mean, and of the best member alone."""

    members: list[tuple[Member, float]]
    loss: float
    best: float

    def hyperparameters(self) -> dict[str, Any]:
        """Return what makes a vote of them."""
        return {
            "estimators": [
                {"algorithm": one.algorithm, "hyperparameters": one.hyperparameters, "weight": weight}
                for one, weight in self.members
            ]
        }


def mixture(
    base: Comparison, candidates: Sequence[Member], left: Callable[[], float], threads: int, seed: int | None
) -> Mixture | None:
    """Return the weighted mean of some candidates; None where it is not better than the best of them.

    Parameters
    ----------
    base : Comparison
        The rows and the folds.
    candidates : sequence of Member
        The best first.
    left : callable
        Returns the seconds that are left: a candidate that takes more is left out.
    threads, seed : int
        Of the training.
    """
    encoded = base.encoded(EncodingNeeds(True, "none"))
    members: list[Member] = []
    answers: list[list[Array]] = []
    for candidate in candidates:
        if candidate.seconds > left():
            continue
        try:
            found = [_answers(base, candidate, encoded, fold, threads, seed) for fold in base.pairs]
        except MemoryError:
            raise
        except Exception:  # noqa: S112 - what an estimator refuses in this form is not a member
            continue
        if all(np.isfinite(one).all() for one in found):
            members.append(candidate)
            answers.append(found)
    if len(members) < 2:
        return None
    losses = [_Loss(base, fold, [one[at] for one in answers]) for at, fold in enumerate(base.pairs)]
    rows = np.array([len(fold.test) for fold in base.pairs], dtype=np.float64)
    alone = min(_mean([loss.of(unit) for loss in losses], rows) for unit in np.eye(len(members)))
    apart = [losses[at].of(_weights(losses[:at] + losses[at + 1 :] or losses)) for at in range(len(losses))]
    together = _mean(apart, rows)
    if not together < WORTH * alone:
        return None
    weights = _weights(losses)
    kept = [(one, float(weight)) for one, weight in zip(members, weights.tolist(), strict=True) if weight > 0]
    return Mixture(kept, together, alone) if len(kept) > 1 else None


def _answers(base: Comparison, member: Member, encoded: Any, fold: Fold, threads: int, seed: int | None) -> Array:
    entry = catalogue.load()[member.algorithm]
    estimator = composites.prepared(entry, estimators.make(entry, member.hyperparameters, threads, seed, None))
    estimator.fit(encoded[fold.train], fold.y_train)
    if base.classifies:
        return np.asarray(estimator.predict_proba(encoded[fold.test]), dtype=np.float64)
    return np.asarray(estimator.predict(encoded[fold.test]), dtype=np.float64)


class _Loss:
    """What weighted members lose on a fold: of classes, only each row's probability of its own counts."""

    def __init__(self, base: Comparison, fold: Fold, answers: Sequence[Array]) -> None:
        self._classifies = base.classifies
        truth = fold.y_test
        own = [one[np.arange(len(truth)), truth] for one in answers] if base.classifies else list(answers)
        self._answers = np.stack(own)
        self._truth = truth

    def of(self, weights: Array) -> float:
        """Return the mean loss: log loss, or half the squared error."""
        found = weights @ self._answers
        return own_log_loss(found) if self._classifies else squared_loss(found, self._truth)


def _weights(losses: Sequence[_Loss]) -> Array:
    counts = np.zeros(losses[0]._answers.shape[0])
    for step in range(1, STEPS + 1):
        tried = [sum(loss.of((counts + unit) / step) for loss in losses) for unit in np.eye(len(counts))]
        counts[int(np.argmin(tried))] += 1
    return counts / STEPS


def _mean(losses: Sequence[float], rows: Array) -> float:
    return float(np.average(losses, weights=rows))
