"""``predict_into``: predictions that stay in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_column, to_frame
from motadata_ml._operations.batch_input import batch_columns
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.lending import Lent, describe, lend, take_back
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InvalidArgumentError


def predict_into(
    settings: Settings,
    model_id: str,
    input_data: Any,
    target_table: str,
    id_column: str | None,
    version: str | None,
    keep: Sequence[str] | None,
    mode: str | None,
    level: float | None,
    tenant_id: str | None,
) -> Call[int]:
    """Return the call that writes the predictions of many rows to a table; its answer is how many."""
    frame = None if isinstance(input_data, str) else to_frame(input_data, "input_data")
    if frame is not None and id_column is not None and id_column not in frame.columns:
        raise InvalidArgumentError(
            f"id_column must name a column of input_data, got {id_column!r}",
            hint="for the index: input_data.reset_index()",
        )

    def steps() -> Steps[int]:
        lent, number = Lent(str(input_data)), version
        if frame is not None:
            described = yield from describe(settings, model_id, version, tenant_id)
            columns, number = batch_columns(frame, input_data, described.info), described.info["version"]
            for name in _beside(frame, id_column, keep):
                if name not in {column.name for column in columns}:
                    columns.append(to_column(frame[name], name, "input_data"))
            # What writes cannot be done in a read-only session: the server says so.
            lent = yield from lend(columns, frame, read_only=False)
        rows = yield select_function(
            "predict_into",
            {
                "model_id": model_id,
                "input_data": lent.argument,
                "target_table": target_table,
                "id_column": id_column,
                "version": number,
                "keep": keep,
                "mode": mode,
                "level": level,
                "tenant_id": settings.tenant(tenant_id),
            },
            "predict_into as count",
        )
        yield from take_back(lent)
        return int(rows[0]["count"])

    return Call(steps, model_id=model_id)


def _beside(frame: pd.DataFrame, id_column: str | None, keep: Sequence[str] | None) -> list[str]:
    """Return the columns of a frame that are sent though no feature may be read from them."""
    wanted = [] if id_column is None else [id_column]
    for name in keep or ():
        wanted += list(frame.columns) if name == "*" else [name] if name in frame.columns else []
    return wanted
