"""``ml.coefficients``: the weights of a linear model for values as they stand in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.models import artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.runtimes.linear_errors import LinearErrors, in_units
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

INTERCEPT: Final = "(intercept)"

_NOT_STORED: Final = "the version was trained without them: train the model again"


def coefficients(db: Database, visible: VisibleVersion) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.coefficients``: for each class the intercept, then the parts of each column.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model is not linear.
    """
    predictor = cache.predictor_of(db, visible)
    if predictor.kind != ArtifactKind.LINEAR or predictor.task not in ("classification", "regression"):
        raise UnsupportedOperationError(
            f"model {visible.model_id!r} has no coefficients: it is no linear classifier or regressor of all rows",
            hint="Train linear_regression, ridge or logistic_regression, or ask ml.explain_batch what features add.",
        )
    stored = artifacts.load_present(db, visible, [ArtifactKind.LINEAR, ArtifactKind.COEFFICIENTS])
    model = LinearModel.from_bytes(stored[ArtifactKind.LINEAR])
    kept = stored.get(ArtifactKind.COEFFICIENTS)
    errors = (
        LinearErrors.none(_NOT_STORED)
        if kept is None
        else read_json(kept, "errors of coefficients", LinearErrors.from_json)
    )
    labels: list[str | None] = [None]
    if predictor.task == "classification":
        classes = predictor.classes or []
        labels = list(classes[1:] if len(model.intercepts) == 1 else classes)
    terms = [(INTERCEPT, None), *_terms(predictor.plan)]
    breathe = Breath(db)
    for output, (label, values) in enumerate(zip(labels, in_units(model, predictor.plan).tolist(), strict=True)):
        for at, ((term, level), value) in enumerate(zip(terms, values, strict=True)):
            breathe()
            named = {"class": label, "term": term, "level": level, "coefficient": value}
            yield named | _sure(errors, output, at, value)


def _terms(plan: FeaturePlan) -> Iterator[tuple[str, str | None]]:
    """Yield the column and the level of each encoded number."""
    for column in plan.columns:
        for name in KINDS[column.kind].names(column):
            yield column.name, _level(column, name)


def _level(column: PlanColumn, name: str) -> str | None:
    """Return the part of a column that an encoded number is: a category, a word, a part of a date, a position."""
    rest = name[len(column.name) :]
    if not rest:
        return None
    return rest[1:-1] if rest.startswith("[") else rest[1:]


def _sure(errors: LinearErrors, output: int, at: int, value: float) -> dict[str, Any]:
    """Return how sure a coefficient is."""
    error = None if errors.reason is not None else errors.std_errors[output][at]
    if error is None or errors.critical is None:
        lacking = dict.fromkeys(("std_error", "statistic", "p_value", "lower", "upper"))
        return {**lacking, "reason": errors.reason or errors.reasons.get(at, "the model has none")}
    far = errors.critical * error
    return {
        "std_error": error,
        "statistic": value / error if error else None,
        "p_value": errors.p_values[output][at],
        "lower": value - far,
        "upper": value + far,
        "reason": None,
    }
