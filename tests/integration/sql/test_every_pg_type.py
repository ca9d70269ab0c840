"""Every type that PostgreSQL has: it has one text for equal values and a test of that, or it is refused in training."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.sql.values import EXAMPLES, TYPES

Session = psycopg.Connection[Any]

FUNCTION = """
create function pg_temp.kinds(described text) returns table (label text, kind text, has_text boolean)
language plpython3u as $$
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.postgres.database import current
for column in resolve(current(), described, 'training_data').columns:
    yield column.label, column.kind, column.has_text
$$
"""

LABELS = (
    "select distinct format_type(case t.typtype when 'd' then t.typbasetype else t.oid end, null) "
    "from unnest(%s::regtype[]) as r (oid) join pg_type t on t.oid = r.oid"
)

ALL = (
    "select format('null::%s as c%s', format_type(oid, null), oid) from pg_type where typtype in ('b', 'c', 'd', 'e', "
    "'m', 'r') and typnamespace in ('pg_catalog'::regnamespace, 'public'::regnamespace) and typname !~ '^_?pg_|^_' "
    "and typisdefined"
)


@pytest.fixture(scope="module")
def database(module_db: Session) -> Session:
    module_db.execute(TYPES.encode())
    module_db.execute(FUNCTION.encode())
    return module_db


def test_every_type_is_tested_or_refused(database: Session) -> None:
    columns = [row[0] for row in database.execute(ALL.encode()).fetchall()]
    assert len(columns) > 60
    found = database.execute("select * from pg_temp.kinds(%s)", [f"select {', '.join(columns)}"]).fetchall()
    tested = {row[0] for row in database.execute(LABELS.encode(), [list(EXAMPLES)]).fetchall()}
    assert {label for label, _, has_text in found if has_text} == tested


def test_what_is_refused_says_what_to_write_instead(database: Session) -> None:
    columns = [row[0] for row in database.execute(ALL.encode()).fetchall()]
    named = [column.replace("null::", "").rpartition(" as ")[0] for column in columns]
    described = database.execute("select * from pg_temp.kinds(%s)", [f"select {', '.join(columns)}"]).fetchall()
    refused = [name for name, (_, _, has_text) in zip(named, described, strict=True) if not has_text]
    assert {"money", "bytea", "jsonb", "int4range", "point", "tsvector", "xml"} <= set(refused)
    for name in refused:
        with pytest.raises(psycopg.Error) as caught:
            database.execute(
                "select ml.train('x', 'regression', %s, 'y', preprocess => '{\"f\": {\"type\": \"category\"}}')",
                [f"select null::{name} as f, 1 as y"],
            )
        assert caught.value.sqlstate == "ML010", name
        assert "'f'" in str(caught.value)
        assert '"f"' in (caught.value.diag.message_hint or "")
