"""Entry points of inspection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows, boundary_stream

if TYPE_CHECKING:
    from motadata_ml_server.inspection.explained import ExplainedModel
    from motadata_ml_server.models.version import VisibleVersion
    from motadata_ml_server.postgres.database import Database


@boundary
def explain_row(
    model_id: str,
    input: str | None,
    top_k: int | None,
    class_: str | None,
    version: str | None,
    detail: bool | None,
    tenant_id: str | None,
) -> str | None:
    """Tell what each feature adds to the score of one row: with the base they add up to it."""
    if input is None:
        return None
    from motadata_ml_server.inspection import one_row

    if model_id is None:
        required("model_id", model_id)
    db = database.current()
    visible = visibility.visible_version(db, model_id, version, tenant_id, "train")
    return one_row.explain(db, visible, input, class_, top_k, bool(detail))


@boundary_rows
def coefficients(model_id: str, version: str | None, tenant_id: str | None) -> Iterator[dict[str, Any]]:
    """List the coefficients of a linear model in the units of the table, with their standard errors."""
    from motadata_ml_server.inspection import coefficients as _coefficients

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    yield from _coefficients.coefficients(db, visible)


@boundary_rows
def importance(
    model_id: str, input_data: str | None, target: str | None, version: str | None, tenant_id: str | None
) -> Iterator[dict[str, Any]]:
    """List how much worse a model scores without each feature: as at training, or on the rows given."""
    from motadata_ml_server.inspection import importance as _importance

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    yield from _importance.importance(db, visible, input_data, target)


@boundary_rows
def partial_dependence(
    model_id: str,
    feature: str,
    input_data: str,
    grid: str | None,
    class_: str | None,
    version: str | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """List the mean answer over the rows given, for values of one feature that all of them are given."""
    from motadata_ml_server.inspection import partial_dependence as _dependence

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    named, rows = required("feature", feature), required("input_data", input_data)
    yield from _dependence.partial_dependence(db, visible, named, rows, grid, class_)


@boundary_rows
def cluster_profile(
    model_id: str, input_data: str, version: str | None, tenant_id: str | None
) -> Iterator[dict[str, Any]]:
    """List what the rows of each cluster are like: means of numbers and shares of categories, against all rows."""
    from motadata_ml_server.inspection import cluster_profile as _profile

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    yield from _profile.cluster_profile(db, visible, required("input_data", input_data))


@boundary
def counterfactual(
    model_id: str, input: str | None, wanted: str, vary: list[str] | None, version: str | None, tenant_id: str | None
) -> str | None:
    """Return the smallest change of the named features by which the model answers what is wanted, NULL for none."""
    if input is None:
        return None
    from motadata_ml_server.inspection import counterfactual as _counterfactual

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return _counterfactual.counterfactual(db, visible, input, required("wanted", wanted), vary)


@boundary_stream
def explain_chunks(
    model_id: str,
    input_data: str,
    id_column: str | None,
    top_k: int | None,
    class_: str | None,
    version: str | None,
    detail: bool | None,
    chunk_rows: int | None,
    tenant_id: str | None,
) -> Iterator[dict[str, Any]]:
    """Tell what each feature adds to the score of every row of a table, a view or a SELECT, in its order."""
    from motadata_ml_server.inspection import batch
    from motadata_ml_server.inspection.ranking import check_top_k

    db = database.current()
    visible, model = _model(db, model_id, version, tenant_id)
    chunks = batch.explain_chunks(
        db,
        model,
        required("input_data", input_data),
        id_column,
        model.class_of(class_),
        check_top_k(top_k),
        bool(detail),
        chunk_rows,
    )
    check = visibility.right_to(db, visible)
    for number, chunk in enumerate(chunks):
        if number:  # a cursor may be read on long after it was opened
            check()
        yield chunk


def _model(
    db: Database, model_id: str, version: str | None, tenant_id: str | None
) -> tuple[VisibleVersion, ExplainedModel]:
    """Return a version that the caller may look into, ready to be explained."""
    from motadata_ml_server.inspection.explained import explained_model

    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return visible, explained_model(db, visible)
