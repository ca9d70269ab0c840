"""In-memory rows lent to a function that reads a relation: a temporary table, or JSON where there can be none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg import sql

from motadata_ml._calls import Fetch, Steps
from motadata_ml._frames import Column, to_row
from motadata_ml._operations.functions import qualified, select_function
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.upload import Relation, drop, upload

_SETTING = "motadata_ml_client.rows"
"""A setting of the transaction: on a standby it is the one place that holds rows without a write."""

_FROM_SETTING = sql.SQL(
    "select r.* from pg_catalog.jsonb_to_recordset(pg_catalog.current_setting({})::pg_catalog.jsonb) as r ({})"
)


@dataclass(frozen=True)
class Lent:
    """Rows that a function can read.

    Attributes
    ----------
    argument : str
        The relation or SELECT, as an argument of the function.
    relation : Relation or None
        The temporary table, where there is one.
    in_setting : bool
        Whether the rows lie in a setting instead.
    """

    argument: str
    relation: Relation | None = None
    in_setting: bool = False


@dataclass(frozen=True)
class Described:
    """A model version and the session that was asked for it.

    Attributes
    ----------
    info : dict
        As ``ml.get_model_info`` tells.
    read_only : bool
        Whether the session takes no writes, so that there are no temporary tables.
    """

    info: dict[str, Any]
    read_only: bool


def describe(settings: Settings, model_id: str, version: str | None, tenant_id: str | None) -> Steps[Described]:
    """Ask which version answers, as the caller, and whether rows can be written."""
    rows = yield select_function(
        "get_model_info",
        {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)},
        "get_model_info as info, pg_catalog.current_setting('transaction_read_only')::boolean as read_only",
    )
    return Described(rows[0]["info"], rows[0]["read_only"])


def lend(columns: Sequence[Column], frame: pd.DataFrame, *, read_only: bool) -> Steps[Lent]:
    """Put rows where a function of the server can read them.

    Parameters
    ----------
    columns : sequence of Column
        What the relation has.
    frame : DataFrame
        The same values, by the same names.
    read_only : bool
        Lend them without a write.
    """
    if not read_only:
        relation = yield from upload(columns)
        return Lent(relation.argument, relation)
    names = [column.name for column in columns]
    rows = [to_row(row) for row in frame[names].to_dict("records")]
    yield Fetch("select pg_catalog.set_config(%s, %s, true)", (_SETTING, json.dumps(rows)))
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(qualified(column.sql_type))) for column in columns
    )
    return Lent(_FROM_SETTING.format(_SETTING, definitions).as_string(), in_setting=True)


def take_back(lent: Lent) -> Steps[None]:
    """Drop the rows now: the caller's own transaction may go on for long."""
    if lent.relation is not None:
        yield from drop(lent.relation)
    elif lent.in_setting:
        yield Fetch("select pg_catalog.set_config(%s, '', true)", (_SETTING,))
