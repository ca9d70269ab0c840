"""Standard errors of the coefficients of linear models, where their theory holds. Runs in the worker only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.runtimes.linear_errors import LinearErrors, in_units
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

Array = NDArray[np.float64]

LEVEL: Final = 0.95
"""Of the bounds."""

MAX_WORK: Final = 4e9
"""Rows times squared columns beyond which no errors are computed: some seconds."""

BLOCK_ROWS: Final = 65_536
"""Rows that are decomposed at once."""

UNPENALISED: Final = 1e10
"""From this C on a logistic regression counts as unpenalised: its penalty moves nothing that can be seen."""

_ESTIMABLE: Final = 1e-7
"""How far a column may be from what the others leave open, where they determine each other."""


def linear_errors(
    estimator: Any,
    model: LinearModel,
    plan: FeaturePlan,
    encoded: Any,
    values: NDArray[Any] | None,
    weights: Array | None,
) -> LinearErrors:
    """Return the standard errors of a fitted linear model's coefficients, in the units of the table.

    Least squares: s^2 (X'X)^-1 with t; logistic and Poisson regression: the inverse of the information matrix with z
    (McCullagh and Nelder, 1989). X is centred and decomposed by QR, a block of rows at a time.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    model : LinearModel
        Its scores.
    plan : FeaturePlan
        What the encoded numbers are.
    encoded : ndarray or csr_matrix, shape (rows, width)
        The rows that it learned from.
    values : ndarray of shape (rows,) or None
        Their target.
    weights : ndarray of float64, shape (rows,), or None
        Their weights.
    """
    reason = _unsuited(estimator, model, encoded, values, weights)
    if reason is not None:
        return LinearErrors.none(reason)
    family = type(estimator).__name__
    intercept = bool(getattr(estimator, "fit_intercept", True))
    information = _information(family, model, encoded)
    mean, sums = _centre(encoded, information, intercept)
    triangle, scale = _triangle(encoded, information, mean)
    _, singular, right = np.linalg.svd(triangle, full_matrices=False)
    kept = singular > np.finfo(np.float64).eps * max(encoded.shape) * singular[0]
    rank = int(kept.sum())
    freedom = len(encoded) - rank - intercept
    if rank > int(getattr(estimator, "rank_", rank)):
        return LinearErrors.none("columns are so much alike that the fit left some of what they say out: lower tol")
    if freedom < 1:
        return LinearErrors.none("there are no more rows than coefficients")
    squares = family == "LinearRegression"
    variance = _variance(model, encoded, values, freedom) if squares else 1.0
    axes = right[kept]
    units = scale * np.concatenate([column.scale for column in plan.columns])
    covariance = variance * (axes.T / singular[kept] ** 2) @ axes / np.outer(units, units)
    own = np.abs(np.einsum("ij,ij->j", axes, axes) - 1.0) < _ESTIMABLE
    constant = variance / sums if intercept else None
    return _told(model, plan, _errors(plan, covariance, own, mean, constant), freedom if squares else None, own)


def _errors(
    plan: FeaturePlan, covariance: Array, own: NDArray[np.bool_], mean: Array, constant: float | None
) -> list[float | None]:
    """Return the standard errors, the intercept's first: what is left where all columns are zero needs each of them."""
    raw = mean * np.concatenate([column.scale for column in plan.columns])
    middle = raw + np.concatenate([column.shift for column in plan.columns])
    first = None
    if constant is not None and own.all():
        first = float(np.sqrt(max(0.0, constant + middle @ covariance @ middle)))
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return [first, *(float(error) if there else None for error, there in zip(errors, own, strict=True))]


def _information(family: str, model: LinearModel, encoded: Array) -> Array:
    """Return what each row tells of its score: the variance that the model expects of its outcome."""
    if family == "LinearRegression":
        return np.ones(len(encoded))
    scores = model.scores(encoded)[:, 0]
    if family == "PoissonRegressor":
        return np.asarray(np.exp(scores))
    small = np.exp(-np.abs(scores))
    return np.asarray(small / (1.0 + small) ** 2)


def _variance(model: LinearModel, encoded: Array, values: Any, freedom: int) -> float:
    residuals = np.asarray(values, dtype=np.float64) - model.scores(encoded)[:, 0]
    return float(residuals @ residuals) / freedom


def _unsuited(estimator: Any, model: LinearModel, encoded: Any, values: Any, weights: Array | None) -> str | None:
    """Return why the theory does not hold for a model, None where it does."""
    rows, width = encoded.shape
    rules = {
        "rows have weights": weights is not None,
        "there are too many columns": hasattr(encoded, "toarray") or values is None,
        "there is no column": width == 0,
        "there are too many rows and columns": rows * float(width) ** 2 > MAX_WORK,
    }
    family = type(estimator).__name__
    own = _RULES[family](estimator, model) if family in _RULES else _OTHER.format(family)
    return own or next((reason for reason, broken in rules.items() if broken), None)


def _least_squares(estimator: Any, _: LinearModel) -> str | None:
    return "the coefficients are bound to be positive" if estimator.positive else None


def _logistic(estimator: Any, model: LinearModel) -> str | None:
    if len(model.intercepts) > 1:
        return "standard errors are computed for two classes only"
    if estimator.penalty is not None and float(estimator.C) < UNPENALISED:
        return f"{_PENALISED}: C must be 1e10 or more"
    return None if estimator.class_weight is None else "classes have weights"


def _poisson(estimator: Any, _: LinearModel) -> str | None:
    return None if estimator.alpha == 0 else f"{_PENALISED}: alpha must be 0"


_PENALISED: Final = "the model is penalised, which biases its coefficients"
_OTHER: Final = "the theory of standard errors does not hold for {}"
_RULES: Final[Mapping[str, Callable[[Any, LinearModel], str | None]]] = {
    "LinearRegression": _least_squares,
    "LogisticRegression": _logistic,
    "PoissonRegressor": _poisson,
}


def _centre(encoded: Array, information: Array, intercept: bool) -> tuple[Array, float]:
    sums = float(information.sum())
    if not intercept:
        return np.zeros(encoded.shape[1]), sums
    return np.asarray(information @ encoded / sums), sums


def _triangle(encoded: Array, information: Array, mean: Array) -> tuple[Array, Array]:
    """Return R of the centred rows' QR decomposition, its columns scaled, and the scale."""
    triangle: Array = np.zeros((0, encoded.shape[1]))
    for at in range(0, len(encoded), BLOCK_ROWS):
        part = slice(at, at + BLOCK_ROWS)
        block = (encoded[part] - mean) * np.sqrt(information[part])[:, None]
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, block]), mode="r"))
    length = np.sqrt((triangle**2).sum(axis=0))
    scale = np.where(length > 0, length, 1.0)
    return triangle / scale, scale


def _told(
    model: LinearModel, plan: FeaturePlan, errors: list[float | None], freedom: int | None, own: NDArray[np.bool_]
) -> LinearErrors:
    """Return the errors with what follows from them: of Student's t, or of the normal distribution without freedom."""
    from scipy import stats

    spread = stats.norm if freedom is None else stats.t(freedom)
    values = in_units(model, plan)[0]
    chances = [
        None if error is None or error == 0.0 else float(2.0 * spread.sf(abs(value / error)))
        for value, error in zip(values, errors, strict=True)
    ]
    reasons = {1 + at: "it and other columns determine each other" for at in np.flatnonzero(~own).tolist()}
    if errors[0] is None:
        reasons[0] = "columns determine each other" if reasons else "the model has no intercept"
    return LinearErrors([errors], [chances], float(spread.ppf(0.5 + LEVEL / 2)), None, reasons)
