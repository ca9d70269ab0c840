"""How sure the predictions of a fitted model are, measured on rows that it did not learn from. Runs in the worker only.

The rows held out are halved by chance: one half calibrates, the other says what share of its rows the intervals or sets
hold. Where the rows held out are few, the scores come from a cross-fit of the training rows instead, each from a model
that has not seen it, and all rows held out verify.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InsufficientDataError, UnsupportedOperationError
from motadata_ml_server.features.fit_plan import EncodingNeeds, fit_plan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.prediction.runtimes.conformal import (
    LABELS,
    OTHERS,
    Conformal,
    Quantiles,
    Scale,
    class_scores,
    least_rows,
)
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.cross_validation import all_classes
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.rows import sample_weights
from motadata_ml_server.worker.target import EncodedTarget

Array = NDArray[np.float64]

HALF: Final = 50
"""With fewer rows in a half of those held out the training rows are cross-fitted."""

FOLDS: Final = 5
"""Models of a cross-fit."""

VERIFIED: Final = 10
"""Rows that a coverage needs at the least."""

HALVES_STREAM: Final = 3
"""Halves are drawn from a stream of their own, as splits are."""

BINS: Final = 20
"""Points of a scale at the most."""

BIN_ROWS: Final = 25
"""Training rows that a point of a scale is the mean of, at the least."""

FLOOR: Final = 0.1
"""What is added to each usual distance, as a share of the mean: predictions that were all right are not trusted so."""

VARIES: Final = 1.5
"""``auto`` normalises where the usual distances of a tenth of the rows are so many times those of another tenth."""


@dataclass(frozen=True)
class Answers:
    """Predictions beside the truth.

    Attributes
    ----------
    values : ndarray of float64
        Of shape (rows,): predicted values; or (rows, classes): probabilities.
    truth : ndarray, shape (rows,)
        True values or class numbers.
    parts : ndarray of float64, shape (rows,), or None
        Position of each row's group, of a model per group.
    """

    values: Array
    truth: NDArray[Any]
    parts: Array | None

    def take(self, rows: NDArray[np.intp]) -> Answers:
        """Return some rows."""
        return Answers(self.values[rows], self.truth[rows], None if self.parts is None else self.parts[rows])

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Learned:
    """What a model has learned from, to be cross-fitted.

    Attributes
    ----------
    entry, hyperparameters, needs : AlgorithmEntry, dict, EncodingNeeds
        What was fitted, and how.
    table, goal : ColumnTable, EncodedTarget
        The rows.
    """

    entry: AlgorithmEntry
    hyperparameters: dict[str, Any]
    needs: EncodingNeeds
    table: ColumnTable
    goal: EncodedTarget


def answers(spec: TrainingSpec, estimator: Any, encoded: Any, goal: EncodedTarget) -> Answers:
    """Return the predictions of a fitted estimator on encoded rows.

    Raises
    ------
    UnsupportedOperationError
        ML020: a classifier without probabilities.
    """
    parts = None
    if spec.group is not None:
        last = encoded[:, -1]
        parts = np.asarray(last.toarray() if hasattr(last, "toarray") else last, np.float64).reshape(-1)
    if spec.model_type == "regression":
        values = np.asarray(estimator.predict(encoded), np.float64).reshape(len(goal.values), -1)[:, 0]
        return Answers(values, np.asarray(goal.values, np.float64), parts)
    chances = estimators.probabilities(estimator, encoded)
    if chances is None:
        raise UnsupportedOperationError(
            "intervals of a classifier need probabilities, and this algorithm gives none",
            hint="Choose another algorithm, such as logistic_regression or random_forest.",
        )
    return Answers(chances, goal.values.astype(np.intp), parts)


def calibrate(
    spec: TrainingSpec, seen: Answers, held: Answers, learned: Learned, notices: list[str]
) -> tuple[Conformal, dict[str, Any]]:
    """Measure how far predictions are from the truth.

    Parameters
    ----------
    spec : TrainingSpec
        Its `intervals` are set.
    seen : Answers
        Of training rows: they say at most where predictions are usually further off.
    held : Answers
        Of the rows held out; of none where nothing was.
    learned : Learned
        For a cross-fit.
    notices : list of str
        Takes what the user should know.

    Returns
    -------
    Conformal
        To be stored.
    dict
        What is told of it under ``intervals`` in the metrics.

    Raises
    ------
    InsufficientDataError
        ML005: too few rows to calibrate on or to verify.
    """
    assert spec.intervals is not None  # noqa: S101 - the caller looked
    levels: list[float] = spec.intervals["levels"]
    needed = least_rows(max(levels))
    scored, verified, residuals = _apart(spec, held, learned, notices)
    conformal = _measured(spec, residuals, seen, scored, needed)
    told = {
        "method": conformal.method,
        "residuals": residuals,
        "n_calibrated": len(scored),
        "n_verified": len(verified),
        "levels": [
            {"level": level, "calibrated": coverage(conformal, scored, level)[0]}
            | dict(zip(("coverage", size_name(conformal)), coverage(conformal, verified, level), strict=True))
            for level in levels
        ],
    }
    return conformal, told


def _apart(spec: TrainingSpec, held: Answers, learned: Learned, notices: list[str]) -> tuple[Answers, Answers, str]:
    """Return the rows that calibrate, those that verify, and what the first are."""
    assert spec.intervals is not None  # noqa: S101 - the caller looked
    highest = max(spec.intervals["levels"])
    needed = least_rows(highest)
    if len(held) < VERIFIED:
        raise InsufficientDataError(
            f"intervals need at least {VERIFIED} rows held out to verify on, there are {len(held)}",
            hint="Hold out more with test_size, give more rows, or leave intervals out.",
        )
    if len(held) // 2 >= max(HALF, needed) or (spec.group is not None and len(held) // 2 >= needed):
        order = _random(spec).permutation(len(held))
        scored, verified = held.take(order[: len(order) // 2]), held.take(order[len(order) // 2 :])
        return scored, verified, "held_out"
    if spec.group is not None:
        raise InsufficientDataError(
            f"level {highest} of intervals needs at least {2 * needed} rows held out, half of them to calibrate on "
            f"and half to verify, there are {len(held)}",
            hint="Hold out more with test_size, or ask for lower levels.",
        )
    scored = _cross_fitted(spec, learned)
    if len(scored) < needed:
        raise InsufficientDataError(
            f"level {highest} of intervals needs at least {needed} rows to calibrate on, there are {len(scored)}",
            hint="Give more rows, or ask for lower levels.",
        )
    notices.append(
        f"intervals: {len(held)} rows held out are few, so the training rows calibrate, cross-fitted over "
        f"{FOLDS} folds, and all rows held out verify"
    )
    return scored, held, "cross_fitted"


def size_name(conformal: Conformal) -> str:
    """Return what the second number of `coverage` is called."""
    return "labels" if conformal.method in LABELS else "width"


def coverage(conformal: Conformal, found: Answers, level: float) -> tuple[float, float]:
    """Return the share of rows whose truth is held, and the mean width of intervals or number of labels of sets."""
    if conformal.method in LABELS:
        inside = conformal.members(found.values, level)
        return float(inside[np.arange(len(found)), found.truth].mean()), float(inside.sum(axis=1).mean())
    reach = conformal.half_widths(found.values, level, found.parts)
    return float((np.abs(found.truth - found.values) <= reach).mean()), float(2.0 * reach.mean())


def _random(spec: TrainingSpec) -> np.random.Generator:
    return np.random.default_rng(None if spec.random_state is None else [spec.random_state, HALVES_STREAM])


def _measured(spec: TrainingSpec, residuals: str, seen: Answers, scored: Answers, needed: int) -> Conformal:
    assert spec.intervals is not None  # noqa: S101 - the caller looked
    method, levels = spec.intervals["method"], spec.intervals["levels"]
    scale = None
    parts: NDArray[Any] | None
    if spec.model_type == "classification":
        method = "lac" if method == "auto" else method
        scores = class_scores(method, scored.values)[np.arange(len(scored)), scored.truth]
        parts = scored.truth
    else:
        distances = np.abs(scored.truth - scored.values)
        if method != "absolute":
            scale = scale_of(seen, varied=method == "auto")
        method = "absolute" if scale is None else "normalised"
        scores = distances if scale is None else distances / scale.many(scored.values)
        parts = scored.parts
    own = {}
    if parts is not None:
        for part in np.unique(parts[~np.isnan(parts.astype(np.float64))]).tolist():
            of_part = scores[parts == part]
            if len(of_part) >= needed:
                own[int(part)] = Quantiles.of(of_part)
        others = scores[~np.isin(parts, list(own))]
        if len(others) >= needed:
            own[OTHERS] = Quantiles.of(others)
    return Conformal(method, residuals, levels, Quantiles.of(scores), own, scale)


def scale_of(seen: Answers, *, varied: bool) -> Scale | None:
    """Return the usual distance by predicted value, from rows that were learned: what calibrates must not choose it.

    Parameters
    ----------
    seen : Answers
        Of training rows.
    varied : bool
        Return None where the distances hardly vary with the predicted value.

    Returns
    -------
    Scale or None
        None too where predictions do not vary, or are all right.
    """
    distances = np.abs(seen.truth - seen.values)
    count = min(BINS, len(seen) // BIN_ROWS)
    if count < 2 or not distances.any():
        return None
    order = np.argsort(seen.values, kind="stable")
    bins = np.array_split(order, count)
    at = np.array([seen.values[rows].mean() for rows in bins])
    usual = np.array([distances[rows].mean() for rows in bins]) + FLOOR * distances.mean()
    first = np.concatenate([[True], np.diff(at) > 0])
    at, usual = at[first], usual[first]
    if len(at) < 2 or (varied and np.quantile(usual, 0.9) < VARIES * np.quantile(usual, 0.1)):
        return None
    return Scale(at.tolist(), usual.tolist())


def _cross_fitted(spec: TrainingSpec, learned: Learned) -> Answers:
    """Return predictions of training rows, each from a model of the other folds."""
    table, goal = learned.table, learned.goal
    count = min(FOLDS, table.rows)
    drawn = folds(spec, table, goal, count)
    gaps = drawn.lack_classes(goal)
    names = [schema.name for schema in spec.features]
    found = []
    for train, test in drawn.pairs:
        learn, own = table.take(train), goal.take(train)
        fitted = fit_plan(learn, names, own.for_encodings(), learned.needs, spec.preprocess, spec.random_state)
        sparse = fitted.plan.sparse
        estimator = estimators.make(
            learned.entry, learned.hyperparameters, spec.threads, spec.random_state, own.classes
        )
        if gaps:
            estimator = all_classes(estimator, own.classes)
        weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        encoded = encode_table(fitted.plan, learn, sparse, fitted.overrides)
        estimators.fit(estimator, encoded, own.values, weights)
        found.append(answers(spec, estimator, encode_table(fitted.plan, table.take(test), sparse), goal.take(test)))
    return Answers(np.concatenate([one.values for one in found]), np.concatenate([one.truth for one in found]), None)
