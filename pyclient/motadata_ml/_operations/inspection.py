"""Why a model answers as it does: the server takes answers apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_frame, to_row
from motadata_ml._operations.batch_input import batch_columns
from motadata_ml._operations.functions import rows_of, select_function
from motadata_ml._operations.lending import Lent, describe, lend, take_back
from motadata_ml._operations.records import label_text
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.results import Record, ResultTable


def explain(
    settings: Settings,
    model_id: str,
    input_data: Any,
    top_k: int | None,
    class_name: Any,
    version: str | None,
    detail: bool,
    tenant_id: str | None,
) -> Call[ResultTable]:
    """Return the call that takes one row's answer apart."""
    arguments = {
        "model_id": model_id,
        "input": to_row(input_data),
        "top_k": top_k,
        "class": label_text(class_name),
        "version": version,
        "detail": detail,
        "tenant_id": settings.tenant(tenant_id),
    }

    return rows_of(select_function("explain", arguments), model_id, transaction=True)


def explain_batch(
    settings: Settings,
    model_id: str,
    input_data: Any,
    id_column: str | None,
    top_k: int | None,
    class_name: Any,
    version: str | None,
    detail: bool,
    chunk_rows: int | None,
    tenant_id: str | None,
) -> Call[ResultTable]:
    """Return the call that takes the answers of many rows apart."""
    frame = None if isinstance(input_data, str) else to_frame(input_data, "input_data")
    if frame is not None and id_column is not None and id_column not in frame.columns:
        raise InvalidArgumentError(
            f"id_column must name a column of input_data, got {id_column!r}", hint="leave it out to number the rows"
        )

    def steps() -> Steps[ResultTable]:
        lent, number = Lent(str(input_data)), version
        if frame is not None:
            found = yield from describe(settings, model_id, version, tenant_id)
            columns = batch_columns(frame, input_data, found.info)
            names = [column.name for column in columns]
            given = frame if set(names) <= set(frame.columns) else frame.set_axis(names, axis=1)
            lent, number = (yield from lend(columns, given, read_only=found.read_only)), found.info["version"]
        rows = yield select_function(
            "explain_batch",
            {
                "model_id": model_id,
                "input_data": lent.argument,
                "id_column": id_column if frame is None else None,
                "top_k": top_k,
                "class": label_text(class_name),
                "version": number,
                "detail": detail,
                "chunk_rows": chunk_rows,
                "tenant_id": settings.tenant(tenant_id),
            },
        )
        yield from take_back(lent)
        if frame is not None and id_column is not None:
            ids = frame[id_column].tolist()
            rows = [{**row, "id": ids[int(row["id"]) - 1]} for row in rows]
        return ResultTable(Record(row) for row in rows)

    return Call(steps, model_id=model_id, repeat=True)


def coefficients(settings: Settings, model_id: str, version: str | None, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the coefficients of a linear model."""
    arguments = {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)}

    return rows_of(select_function("coefficients", arguments), model_id, transaction=True)


def importance(
    settings: Settings,
    model_id: str,
    input_data: str | None,
    target: str | None,
    version: str | None,
    tenant_id: str | None,
) -> Call[ResultTable]:
    """Return the call that lists what each feature adds to a model's scores."""
    arguments = {
        "model_id": model_id,
        "input_data": input_data,
        "target": target,
        "version": version,
        "tenant_id": settings.tenant(tenant_id),
    }

    return rows_of(select_function("importance", arguments), model_id, transaction=True)


def partial_dependence(
    settings: Settings,
    model_id: str,
    feature: str,
    input_data: str,
    grid: Sequence[Any] | None,
    class_name: Any,
    version: str | None,
    tenant_id: str | None,
) -> Call[ResultTable]:
    """Return the call that lists mean answers for values of one feature."""
    arguments = {
        "model_id": model_id,
        "feature": feature,
        "input_data": input_data,
        "grid": None if grid is None else list(grid),
        "class": label_text(class_name),
        "version": version,
        "tenant_id": settings.tenant(tenant_id),
    }

    return rows_of(select_function("partial_dependence", arguments), model_id, transaction=True)


def cluster_profile(
    settings: Settings, model_id: str, input_data: str, version: str | None, tenant_id: str | None
) -> Call[ResultTable]:
    """Return the call that lists what the rows of each cluster are like."""
    arguments = {
        "model_id": model_id,
        "input_data": input_data,
        "version": version,
        "tenant_id": settings.tenant(tenant_id),
    }

    return rows_of(select_function("cluster_profile", arguments), model_id, transaction=True)


def counterfactual(
    settings: Settings,
    model_id: str,
    input_data: Any,
    wanted: Any,
    vary: Sequence[str] | None,
    version: str | None,
    tenant_id: str | None,
) -> Call[dict[str, Any] | None]:
    """Return the call that finds the smallest change of a row by which the answer is another."""
    arguments = {
        "model_id": model_id,
        "input": to_row(input_data),
        "wanted": label_text(wanted),
        "vary": None if vary is None else list(vary),
        "version": version,
        "tenant_id": settings.tenant(tenant_id),
    }

    def steps() -> Steps[dict[str, Any] | None]:
        (row,) = yield select_function("counterfactual", arguments)
        found: dict[str, Any] | None = row["counterfactual"]
        return found

    return Call(steps, model_id=model_id, repeat=True)
