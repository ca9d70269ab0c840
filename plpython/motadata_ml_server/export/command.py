"""Models as plain SQL: an expression, or a function that the planner inlines."""

from __future__ import annotations

import json
from typing import Any, Literal

from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.models import artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.kinds import COMPILED, ArtifactKind
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import qualified, quote_identifier
from motadata_ml_server.postgres.owner import query_as_owner
from motadata_ml_server.values.sql_text import WRITERS

Output = Literal["value", "label"]

_DESCRIBE = """
select model_type, label_type, classes, runtime operator(pg_catalog.->>) 'name' as runtime
from ml.model_version where id operator(pg_catalog.=) $1
"""

MOST_ARGUMENTS = 100
"""Arguments that a function of PostgreSQL can have, as it is built everywhere."""

_TYPES = {"value": "double precision", "label": "text"}


def expression(db: Database, visible: VisibleVersion, output: str | None, dialect: str) -> str:
    """Return a model as a SQL expression over its feature columns.

    Parameters
    ----------
    db : Database
        The session.
    visible : VisibleVersion
        The version, looked up as the caller.
    output : str or None
        value or label; None takes the value where the model has one.
    dialect : str
        A dialect of sqlglot, such as postgres or duckdb.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model has no form in SQL.
    InvalidArgumentError
        ML009: an unknown output or dialect.
    """
    row, plan, payload = _load(db, visible)
    return _expression(db, row, plan, payload, _output(row, output), dialect)


def create_function(db: Database, visible: VisibleVersion, function_name: str, output: str | None) -> str:
    """Install a model as a SQL function of its features, with the caller's rights; returns its signature.

    A model with more features than a function takes arguments becomes one of a jsonb, which has the features by name:
    ``to_jsonb(row)``.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model has no form in SQL.
    InvalidArgumentError
        ML009: the name is not one of a function.
    """
    row, plan, payload = _load(db, visible)
    chosen = _output(row, output)
    body = _expression(db, row, plan, payload, chosen, "postgres")
    name = qualified(db, "function_name", function_name)
    types = [_argument_type(column) for column in plan["columns"]]
    features = [
        f"{quote_identifier(column['name'])} {kind}" for column, kind in zip(plan["columns"], types, strict=True)
    ]
    if len(features) <= MOST_ARGUMENTS:
        arguments, signature, volatility = ", ".join(features), ", ".join(types), "immutable"
    else:
        arguments, signature, volatility = "input pg_catalog.jsonb", "jsonb", "stable"
        # one row, so that the expression finds the features as columns; $1, for one of them may be called input
        body = f"(select {body} from pg_catalog.jsonb_to_record($1) as features ({', '.join(features)}))"  # noqa: S608 - quoted
    db.run(
        f"create or replace function {name}({arguments}) returns {_TYPES[chosen]} "
        f"language sql {volatility} parallel safe return {body}"
    )
    return f"{name}({signature})"


def _load(db: Database, visible: VisibleVersion) -> tuple[Any, dict[str, Any], bytes]:
    row = query_as_owner(db, _DESCRIBE, ["bigint"], [visible.version_id])[0]
    if row["runtime"] not in COMPILED:
        raise UnsupportedOperationError(
            f"model {visible.model_id!r} has no form in SQL", hint="Linear models, trees and small ensembles have one."
        )
    plan, payload = artifacts.load_artifacts(db, visible, [ArtifactKind.PLAN, row["runtime"]])
    return row, read_json(plan, "feature plan", FeaturePlan.from_json).to_json(), payload


def _output(row: Any, output: str | None) -> Output:
    if output is None:
        return "label" if row["model_type"] == "classification" and row["label_type"] == "text" else "value"
    if output == "value":
        return "value"
    if output == "label":
        return "label"
    raise InvalidArgumentError(
        f"output must be value or label, got {output!r}", hint="Leave it out to let the model decide."
    )


def _expression(db: Database, row: Any, plan: dict[str, Any], payload: bytes, output: Output, dialect: str) -> str:
    from sqlglot import Dialect

    from motadata_ml_server.export.sql import to_sql

    if not dialect or dialect not in Dialect.classes:
        raise InvalidArgumentError(
            f"dialect must be one of {', '.join(sorted(filter(None, Dialect.classes)))}, got {dialect!r}",
            hint="postgres is the default; duckdb, snowflake and bigquery are others.",
        )
    return to_sql(
        plan,
        row["runtime"],
        payload,
        task=row["model_type"],
        classes=row["classes"],
        label_type=row["label_type"],
        output=output,
        dialect=dialect,
        breathe=Breath(db),
    )


def _argument_type(column: dict[str, Any]) -> str:
    """Return the type of a function's argument: double precision for numbers, text for most categories."""
    kind, sql_type = column["source"], str(column["sql_type"])
    if kind == "number" and not sql_type.startswith(("interval", "time")):
        return "double precision"
    if kind in ("number", "timestamp"):
        return sql_type
    if kind == "text" and column.get("form") and sql_type in WRITERS and sql_type != "character":
        return sql_type
    if kind in ("text", "boolean"):
        return str(kind)
    raise UnsupportedOperationError(
        f"feature {column['name']!r} is a {column['kind']}, which has no form in SQL",
        hint="Models over numbers, booleans, categories and timestamps can be turned into SQL.",
    )


def model_bytes(db: Database, visible: VisibleVersion) -> bytes:
    """Return a model as ONNX, its name, version and classes in its metadata.

    Parameters
    ----------
    db : Database
        The session.
    visible : VisibleVersion
        The version, looked up as the caller.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model has no form in ONNX.
    """
    from motadata_ml_server.export.onnx import export_onnx

    row = query_as_owner(db, _DESCRIBE, ["bigint"], [visible.version_id])[0]
    if row["runtime"] not in COMPILED:
        raise UnsupportedOperationError(
            f"model {visible.model_id!r} has no form in ONNX",
            hint="runtime in ml.get_model_info says why; linear models and tree ensembles have one.",
        )
    plan, payload = artifacts.load_artifacts(db, visible, [ArtifactKind.PLAN, row["runtime"]])
    return export_onnx(
        read_json(plan, "feature plan", FeaturePlan.from_json).to_json(),
        row["runtime"],
        payload,
        task=row["model_type"],
        classes=row["classes"],
        label_type=row["label_type"],
        metadata={
            "model_id": visible.model_id,
            "version": visible.version,
            "classes": json.dumps(row["classes"] or []),
        },
        breathe=Breath(db),
    )
