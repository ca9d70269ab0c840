"""The columns of a source that a model's features are read from."""

from __future__ import annotations

from motadata_ml_server.columns import ColumnKind, ColumnSchema
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.ingest.source import Source


def feature_schemas(plan: FeaturePlan, source: Source) -> list[ColumnSchema]:
    """Return a model's features as columns of a source, each with the kind it has to travel as.

    Raises
    ------
    InvalidInputError
        ML011: features are missing, or of another kind.
    """
    available = {column.name for column in source.columns}
    wanted = [(column.name, column.source) for column in plan.columns]
    missing = [name for name, _ in wanted if name not in available]
    if missing:
        raise InvalidInputError(
            f"input_data lacks the features {', '.join(map(repr, missing))}",
            hint="Select them, under these names; NULL stands for a value that is not known.",
        )
    return [_readable(source, name, kind) for name, kind in wanted]


def _readable(source: Source, name: str, kind: ColumnKind) -> ColumnSchema:
    column = source.column(name, "feature")
    if kind not in ("text", column.kind) and (kind, column.kind) != ("number", "boolean"):
        raise InvalidInputError(
            f"feature {name!r} must be a {kind}, input_data has {column.label}", hint="Cast it in a SELECT."
        )
    return ColumnSchema(column.name, kind, column.label)
