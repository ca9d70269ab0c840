"""Entry points of evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.tenants import resolution

if TYPE_CHECKING:
    from motadata_ml_server.evaluation.evaluate import Evaluation

FIVE_ARGUMENTS = "five arguments"
"""Tells the SQL body of version 0.2.0, which hands over the tenant last of five, until the extension is updated."""


@boundary
def evaluate(
    model_id: str,
    input_data: str,
    target: str | None,
    version: str | None,
    positive_class: str | None,
    tenant_id: str | None = FIVE_ARGUMENTS,
) -> str:
    """Score a model on a table, a view or a SELECT that has its target."""
    if tenant_id == FIVE_ARGUMENTS:
        positive_class, tenant_id = None, positive_class
    return json.dumps(_evaluation(model_id, input_data, target, version, tenant_id, positive_class).metrics())


@boundary_rows
def confusion_matrix(
    model_id: str, input_data: str, target: str | None, version: str | None, tenant_id: str | None
) -> Iterator[dict[str, Any]]:
    """Count the rows of each pair of actual and predicted label that occurs."""
    found = _evaluation(model_id, input_data, target, version, tenant_id).classification()
    for actual, predicted, count in found.pairs():
        yield {"actual": actual, "predicted": predicted, "count": count}


def _evaluation(
    model_id: str,
    input_data: str,
    target: str | None,
    version: str | None,
    tenant_id: str | None,
    positive_class: str | None = None,
) -> Evaluation:
    from motadata_ml_server.evaluation.evaluate import Evaluation

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return Evaluation(db, visible, required("input_data", input_data), target, positive_class)


@boundary_rows
def roc_curve(
    model_id: str,
    input_data: str,
    class_: str | None,
    version: str | None,
    target: str | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Return the false and the true positive rate of each threshold on the probability of a class."""
    from motadata_ml_server.evaluation import curves

    yield from curves.roc_curve(_evaluation(model_id, input_data, target, version, tenant_id).tally(class_))


@boundary_rows
def precision_recall_curve(
    model_id: str,
    input_data: str,
    class_: str | None,
    version: str | None,
    target: str | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Return precision and recall of each threshold on the probability of a class."""
    from motadata_ml_server.evaluation import curves

    tally = _evaluation(model_id, input_data, target, version, tenant_id).tally(class_)
    yield from curves.precision_recall_curve(tally)


@boundary_rows
def calibration_curve(
    model_id: str,
    input_data: str,
    class_: str | None,
    version: str | None,
    target: str | None,
    n_bins: int | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Compare the probabilities of a class with the share of rows that are of it, by bins of equal width."""
    from motadata_ml_server.evaluation import curves

    found = _evaluation(model_id, input_data, target, version, tenant_id)
    bins = curves.bins_of(n_bins)  # whose model it is comes first
    yield from curves.calibration_curve(found.tally(class_), bins)


@boundary_rows
def lift_curve(
    model_id: str,
    input_data: str,
    class_: str | None,
    version: str | None,
    target: str | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Return how much of a class is found among the rows of its highest probabilities."""
    from motadata_ml_server.evaluation import curves

    yield from curves.lift_curve(_evaluation(model_id, input_data, target, version, tenant_id).tally(class_))


@boundary_rows
def thresholds(
    model_id: str,
    input_data: str,
    costs: str | None,
    class_: str | None,
    version: str | None,
    target: str | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Return what each threshold on the probability of a class costs on rows, with the best one marked."""
    from motadata_ml_server.evaluation import curves
    from motadata_ml_server.training.arguments import json_object

    found = _evaluation(model_id, input_data, target, version, tenant_id)
    asked = curves.costs_of(json_object(costs, "costs"))  # whose model it is comes first
    yield from curves.thresholds(found.tally(class_), asked)


@boundary_rows
def compare(
    model_id: str,
    versions: list[str | None] | None,
    input_data: str,
    metric: str | None,
    target: str | None,
    confidence: float | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Score versions of a model on the same rows, and tell their differences to the first from chance."""
    from motadata_ml_server.evaluation import compare as _compare

    resolution.resolve(database.current(), tenant_id)  # whose model it is comes before what is asked of it
    names, level = _compare.versions_of(versions), _compare.confidence_of(confidence)
    sides = [_evaluation(model_id, input_data, target, version, tenant_id) for version in names]
    yield from _compare.Comparison(database.current(), sides, metric).rows(level)


@boundary_rows
def drift(model_id: str, input_data: str, version: str | None, tenant_id: str | None) -> Iterator[dict[str, Any]]:
    """Compare the rows of a table, a view or a SELECT with those a model was trained on."""
    from motadata_ml_server.evaluation import drift as _drift

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    yield from _drift.rows_of(_drift.drift(db, visible, required("input_data", input_data)))
