"""The columns of a source that a model's features are read from."""

from __future__ import annotations

from dataclasses import replace

from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.ingest.source import JSON, Source, SourceColumn


def feature_schemas(plan: FeaturePlan, source: Source) -> list[ColumnSchema]:
    """Return a model's features as columns of a source, each as it travels: `trained_types.as_trained` does the rest.

    Raises
    ------
    InvalidInputError
        ML011: features are missing.
    """
    available = {column.name for column in source.columns}
    missing = [column.name for column in plan.columns if column.name not in available]
    if missing:
        raise InvalidInputError(
            f"input_data lacks the features {', '.join(map(repr, missing))}",
            hint="Select them, under these names; NULL stands for a value that is not known.",
        )
    return [_readable(source.column(column.name, "feature"), column) for column in plan.columns]


def _readable(given: SourceColumn, column: PlanColumn) -> ColumnSchema:
    other = column.spec.get("sql_type") not in (None, given.label)
    if given.label in JSON and column.canonical:
        return ColumnSchema(given.name, "text", given.label, printed=True)
    if given.kind is None or column.source == "text":
        raw = not column.canonical or not given.has_text
        return ColumnSchema(given.name, "text", given.label, raw=raw, printed=other and not raw)
    return replace(given.schema, nulls=True, printed=other and not column.single)
