"""Which columns of the training data are features, target and helpers, and how each travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnKind, ColumnSchema
from motadata_ml_server.errors import (
    InsufficientDataError,
    InvalidArgumentError,
    InvalidTargetError,
    UnsupportedColumnError,
)
from motadata_ml_server.ingest.collations import nondeterministic
from motadata_ml_server.ingest.source import Source, SourceColumn
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_identifier
from motadata_ml_server.training.remedies import text_remedy

_LABEL_TYPES = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "bool": "boolean",
    "float4": "number",
    "float8": "number",
    "numeric": "number",
}
"""What labels are by their type; those of all others are text."""

_OVERRIDES: Mapping[str, ColumnKind] = {
    "number": "number",
    "numeric": "number",
    "boolean": "boolean",
    "category": "text",
    "text": "text",
    "timestamp": "timestamp",
    "vector": "vector",
}


@dataclass(frozen=True)
class Target:
    """The column to predict.

    Attributes
    ----------
    schema : ColumnSchema
        How it travels: a label as text, a number as number.
    label_type : str or None
        What a label is in the table: text, integer, boolean or number; None for regression.
    """

    schema: ColumnSchema
    label_type: str | None


def target(source: Source, name: str, model_type: str) -> Target:
    """Return the target of a supervised model.

    Raises
    ------
    ColumnNotFoundError
        ML003: no such column.
    InvalidTargetError
        ML006: its type does not suit the model type.
    """
    column = source.column(name, "target")
    if model_type == "regression":
        if column.kind not in ("number", "boolean"):
            raise InvalidTargetError(
                f"target {column.name!r} must be numeric for regression, it is {column.label}",
                hint="Use model_type => 'classification' for labels, or cast the target to a number in a SELECT.",
            )
        return Target(ColumnSchema(column.name, "number", column.label), None)
    if column.kind in (None, "vector"):
        raise InvalidTargetError(
            f"target {column.name!r} must hold one label a row, it is {column.label}",
            hint="Use a text, integer, boolean, enum or date column.",
        )
    label_type = _LABEL_TYPES.get(column.type_name, "text")
    return Target(ColumnSchema(column.name, "text", column.label, label=True), label_type)


def group(source: Source, name: str, target: Target | None, helper: ColumnSchema | None) -> ColumnSchema:
    """Return the column whose values each get a model of their own.

    Raises
    ------
    ColumnNotFoundError
        ML003: no such column.
    InvalidArgumentError
        ML009: it has another role already, or a type without distinct values.
    """
    column = source.column(name, "group_by column")
    if column.name in {schema.name for schema in (target.schema if target else None, helper) if schema is not None}:
        raise InvalidArgumentError(
            f"group_by must not name {column.name!r}, which is the target or splits the rows",
            hint="Group by another column.",
        )
    if column.kind in (None, "vector"):
        raise InvalidArgumentError(
            f"group_by column {column.name!r} must hold one value a row, it is {column.label}",
            hint="Use a text, integer, boolean, enum or date column.",
        )
    return ColumnSchema(column.name, "text", column.label)


def split_group(column: SourceColumn) -> ColumnSchema:
    """Return the column whose values stay on one side of the split together.

    Raises
    ------
    InvalidArgumentError
        ML009: it has a type without distinct values.
    """
    if column.kind in (None, "vector"):
        raise InvalidArgumentError(
            f"split column {column.name!r} must hold one value a row, it is {column.label}",
            hint="Use a text, integer, boolean, enum or date column.",
        )
    return ColumnSchema(column.name, "text", column.label)


def weight(source: Source, preprocess: Mapping[str, Any], entry: AlgorithmEntry | None) -> ColumnSchema | None:
    """Return the column that says how much each row counts in the fit: the one whose preprocess type is weight.

    Raises
    ------
    InvalidArgumentError
        ML009: there are two, it is no number, or the algorithm takes none.
    """
    named = [name for name, rule in preprocess.items() if isinstance(rule, dict) and rule.get("type") == "weight"]
    if not named:
        return None
    if len(named) > 1:
        raise InvalidArgumentError(
            f"preprocess gives {len(named)} columns the type weight", hint="One column weighs a row; multiply them."
        )
    column = source.column(named[0], "weight column")
    if column.kind != "number":
        raise InvalidArgumentError(
            f"weight column {column.name!r} must be numeric, it is {column.label}", hint="Cast it in a SELECT."
        )
    if entry is not None and not entry.weights:
        raise InvalidArgumentError(
            f"algorithm {entry.name} takes no sample weights",
            hint=f"Leave {column.name!r} out, or choose another algorithm.",
        )
    return ColumnSchema(column.name, "number", column.label)


def features(
    source: Source, named: Sequence[str | None] | None, excluded: Sequence[str], preprocess: Mapping[str, Any]
) -> list[ColumnSchema]:
    """Return the features: those named, else all columns but the target and helpers.

    Parameters
    ----------
    source : Source
        The training data.
    named : sequence of str or None
        The argument of that name.
    excluded : sequence of str
        The target and helper columns.
    preprocess : mapping
        Overrides by column; a "type" decides how a column travels.

    Raises
    ------
    ColumnNotFoundError
        ML003: a named feature or override is not there.
    UnsupportedColumnError
        ML010: a feature's type cannot be one.
    """
    if named is None:
        columns = [column for column in source.columns if column.name not in excluded]
    else:
        columns = [source.column(_name(name), "feature") for name in named]
        _refuse_wrong_names(columns, excluded)
    if not columns:
        raise InsufficientDataError(
            "there is no feature to learn from", hint="The training data needs a column besides the target."
        )
    types = {
        source.column(name, "preprocess column").name: _type_of(name, rule)
        for name, rule in preprocess.items()
        if not (isinstance(rule, dict) and rule.get("type") == "weight")
    }
    return [_feature(column, types.get(column.name)) for column in columns]


def refuse_collations(db: Database, source: Source, columns: Sequence[ColumnSchema]) -> None:
    """Refuse texts whose collation calls different ones equal.

    Raises
    ------
    UnsupportedColumnError
        ML010: there is one.
    """
    texts = [column.name for column in columns if column.kind == "text"]
    for name, collation in nondeterministic(db, source, texts).items():
        raise UnsupportedColumnError(
            f"column {name!r} has the collation {collation!r}, which calls different texts equal: it cannot be a "
            "category, a group or a label",
            hint=f"Make equal texts the same in a SELECT, such as lower({quote_identifier(name)}), and give it another "
            f'collation: {quote_identifier(name)} collate "C".',
        )


def _name(name: str | None) -> str:
    if name is None:
        raise InvalidArgumentError("features must not contain NULL", hint="Name columns: ARRAY['a', 'b'].")
    return name


def _refuse_wrong_names(columns: Sequence[SourceColumn], excluded: Sequence[str]) -> None:
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgumentError(f"features names {name!r} more than once", hint="Name each column once.")
        if name in excluded:
            raise InvalidArgumentError(
                f"features must not contain {name!r}, which is the target, splits, groups or weighs the rows",
                hint="A model that sees its target learns nothing; a group's own model sees one group only.",
            )


def _type_of(name: str, rule: Any) -> ColumnKind | None:
    if not isinstance(rule, dict):
        raise InvalidArgumentError(
            f"preprocess for {name!r} must be a JSON object, got {rule!r}",
            hint='Write {"column": {"type": "text"}}.',
        )
    kind = rule.get("type")
    if kind is None:
        return None
    if kind not in _OVERRIDES:
        raise InvalidArgumentError(
            f"preprocess type of {name!r} must be one of {', '.join((*_OVERRIDES, 'weight'))}, got {kind!r}",
            hint="Leave it out to let the column's own type decide.",
        )
    return _OVERRIDES[kind]


def _feature(column: SourceColumn, override: ColumnKind | None) -> ColumnSchema:
    kind = override or column.kind
    if kind == "text" and not column.has_text:
        raise UnsupportedColumnError(
            f"column {column.name!r} of type {column.label} cannot be a category or a text: equal values of the type "
            "have several texts",
            hint=f"Make one text of them in a SELECT: {text_remedy(column)}.",
        )
    if kind is None:
        hint = f"Write {text_remedy(column)} in a SELECT, or name the features without it."
        if column.type_name in ("json", "jsonb"):
            hint = f"Unpack its fields in a SELECT, such as {column.name} ->> 'field', or name the features without it."
        raise UnsupportedColumnError(f"column {column.name!r} of type {column.label} cannot be a feature", hint=hint)
    return ColumnSchema(column.name, kind, column.label)
