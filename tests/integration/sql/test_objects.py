"""Every SQL object: a comment, a line in the reference, the same name and arguments as its entry point."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml_server import entrypoints
from motadata_ml_server.training.arguments import Arguments

REFERENCE = Path(__file__).parents[3] / "docs" / "sql-reference.md"

CHUNKS = {
    "explain": "explain_row",
    "predict_batch": "predict_chunks",
    "explain_batch": "explain_chunks",
    "forecast": "forecast_chunks",
    "backtest": "backtest_chunks",
    "decompose": "decompose_chunks",
    "series_anomalies": "series_anomaly_chunks",
}
"""Functions over an internal one, by the entry point that both are of."""

FUNCTIONS = """
select p.proname, p.proargnames[1:p.pronargs], obj_description(p.oid, 'pg_proc'), l.lanname
from pg_proc p join pg_language l on l.oid = p.prolang where p.pronamespace = 'ml'::regnamespace
"""


@pytest.fixture(scope="module")
def functions(module_db: psycopg.Connection[Any]) -> list[tuple[str, list[str] | None, str | None, str]]:
    return module_db.execute(FUNCTIONS).fetchall()


def test_every_object_and_every_column_has_a_comment(module_db: psycopg.Connection[Any]) -> None:
    rows = module_db.execute(
        """select 'function ' || p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'ml'::regnamespace and obj_description(p.oid, 'pg_proc') is null
        union all select 'relation ' || c.oid::regclass from pg_class c
        where c.relnamespace = 'ml'::regnamespace and c.relkind not in ('i', 'c')
            and obj_description(c.oid, 'pg_class') is null
        union all select 'type ' || t.oid::regtype from pg_type t left join pg_class c on c.oid = t.typrelid
        where t.typnamespace = 'ml'::regnamespace and t.typelem = 0 and coalesce(c.relkind, 'c') = 'c'
            and obj_description(t.oid, 'pg_type') is null
        union all select format('column %s.%s', c.oid::regclass, a.attname)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'ml'::regnamespace and c.relkind not in ('i', 'S')
            and col_description(c.oid, a.attnum) is null
        union all select format('operator %s', o.oid::regoperator) from pg_operator o
        where o.oprnamespace = 'ml'::regnamespace and obj_description(o.oid, 'pg_operator') is null"""
    ).fetchall()
    assert rows == []


def test_comment_is_the_first_line_of_the_entry_point(
    functions: list[tuple[str, list[str] | None, str | None, str]],
) -> None:
    checked = 0
    for name, arguments, comment, _ in functions:
        entry = getattr(entrypoints, CHUNKS.get(name, name), None)
        if entry is None or name.startswith("_"):
            continue
        assert comment == (inspect.getdoc(entry) or "").split("\n")[0], name
        taken = [field.name for field in fields(Arguments)] if name == "train" else inspect.signature(entry).parameters
        if name == "predict_batch":  # in several functions, over one internal one; the form of 0.2.0 names no argument
            assert {*(arguments or [])} - {"id_type", "level", ""} in ({*taken} - {"exact_ids", "level"}, set())
        else:
            # class is a word of Python's
            assert [argument.removesuffix("_") for argument in taken] == list(arguments or []), name
        checked += 1
    assert checked >= 20


def test_every_public_object_is_in_the_reference(
    module_db: psycopg.Connection[Any], functions: list[tuple[str, list[str] | None, str | None, str]]
) -> None:
    text = REFERENCE.read_text()
    names = {name for name, *_ in functions if not name.startswith("_")}
    names |= {
        row[0]
        for row in module_db.execute(
            "select relname from pg_class where relnamespace = 'ml'::regnamespace and relkind in ('r', 'v')"
        )
    }
    assert [name for name in sorted(names) if f"`ml.{name}" not in text] == []


def test_model_functions_end_with_the_tenant(functions: list[tuple[str, list[str] | None, str | None, str]]) -> None:
    for name, arguments, _, _ in functions:
        if arguments and "model_id" in arguments and not name.startswith("_"):
            assert arguments[-1] == "tenant_id", name


def test_granted_role_may_use_every_public_function_but_the_administrators(
    module_db: psycopg.Connection[Any], role_factory: Any
) -> None:
    role = role_factory("user")
    module_db.execute("select ml.grant_usage(%s)", [role])
    rows = module_db.execute(
        """select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'ml'::regnamespace
        and not has_function_privilege(%s, p.oid, 'execute') order by 1""",
        [role],
    ).fetchall()
    assert [row[0] for row in rows] == [
        "ml._as_float8_array(bytea)",
        "ml._as_int4_array(bytea)",
        "ml.refresh_usage()",
        "ml.set_option(text,text)",
        "ml.set_quota(text,integer,bigint,double precision)",
    ]
    module_db.execute("select ml.revoke_usage(%s)", [role])
    left = module_db.execute(
        """select count(*) from pg_proc p where p.pronamespace = 'ml'::regnamespace
        and has_function_privilege(%s, p.oid, 'execute')""",
        [role],
    ).fetchone()
    assert left == (0,)


def test_one_row_functions_are_parallel_safe_only_where_that_is_sound(module_db: psycopg.Connection[Any]) -> None:
    rows = module_db.execute(
        """select distinct proparallel, provolatile, procost from pg_proc
        where pronamespace = 'ml'::regnamespace
            and proname in ('predict', 'predict_value', 'predict_label', 'predict_proba')"""
    ).fetchall()
    expected = "s" if module_db.info.server_version >= 170000 else "u"
    assert rows == [(expected, "s", 500.0)]


def test_forced_parallel_query_leaves_the_session_usable(db: psycopg.Connection[Any]) -> None:
    db.execute("create table many as select i::float8 as x, i > 500 as y from generate_series(1, 1000) i")
    db.execute("select ml.train('m', 'classification', 'many', 'y', algorithm => 'decision_tree')")
    for setting in ("parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"):
        db.execute(f"set {setting}")
    for name in ("force_parallel_mode", "debug_parallel_query"):
        if db.execute("select 1 from pg_settings where name = %s", [name]).fetchone():
            db.execute(f"set {name} = on")
    for _ in range(2):
        row = db.execute("select count(*) from many where (ml.predict_label('m', ARRAY[x]) = 'true') = y").fetchone()
        assert row == (1000,)
    assert db.execute("select ml.predict_label('m', ARRAY[999])").fetchone() == ("true",)
