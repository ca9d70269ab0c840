"""`ml.predict_batch` inside larger queries: fast, without temporary files, with ids of a type, in chunks of a size."""

from __future__ import annotations

import datetime
import decimal
import time
import uuid
from typing import Any

import psycopg
import pytest

ROWS = 50_000

SETUP = f"""
create table t as
select i as id, sin(i) as a, cos(i * 3) as b, i % 5 as k, (array['x', 'y', 'z'])[1 + i % 3] as lab
from generate_series(1, {ROWS}) as i;
alter table t add primary key (id);
create table few as select * from t limit 300;
"""

BATCH = "ml.predict_batch('m', 't', 'id')"

SHAPES = {
    "create table as": f"create table o as select t.*, p.* from (select a, b, id::text as tid from t) t "
    f"join {BATCH} p on p.id = t.tid",
    "insert select": f"insert into kept select id, prediction, confidence from {BATCH} order by confidence",
    "prediction": f"create table o as select t.*, p.prediction from t join {BATCH} p on p.id = t.id::text",
    "typed id": "create table o as select t.*, p.prediction, p.probabilities "
    "from t join ml.predict_batch('m', 't', 'id', id_type => null::integer) p using (id)",
    "sort": f"create table o as select * from {BATCH} p order by prediction, confidence, id",
    "materialized": f"with p as materialized (select * from {BATCH}) "
    "select count(*), max(p.confidence) from p join t on t.id = p.id::integer",
    "window": "select max(n) from "
    f"(select row_number() over (order by confidence) n, p.probabilities from {BATCH} p) s",
    "lateral": "create table o as select g, p.* from generate_series(0, 4) g, "
    "lateral ml.predict_batch('m', 'select * from t where k = ' || g, 'id') p order by p.confidence",
    "regression": "create table o as select t.*, p.value from t join ml.predict_batch('r', 't', 'id') p "
    "on p.id = t.id::text",
}


@pytest.fixture(scope="module")
def session(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    module_db.execute("create table kept (id text, prediction text, confidence float8)")
    for name, model_type, target, algorithm in (
        ("m", "classification", "lab", "decision_tree"),
        ("r", "regression", "a", "ridge"),
    ):
        features = "a, b, k, lab" if target == "lab" else "b, k, a"
        module_db.execute(
            f"select ml.train(%s, %s, 'select {features} from t limit 2000', %s, algorithm => %s)".encode(),
            [name, model_type, target, algorithm],
        )
    module_db.execute(f"create table predicted as select * from {BATCH}")
    module_db.execute("vacuum analyze t, few")
    return module_db


def plan_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node of a plan and all below it."""
    return [node, *(inner for child in node.get("Plans", ()) for inner in plan_of(child))]


@pytest.mark.parametrize("method", ["hash", "merge"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_row_of_a_larger_query_carries_a_chunk(session: psycopg.Connection[Any], shape: str, method: str) -> None:
    session.execute("drop table if exists o")
    session.execute(f"set enable_hashjoin = {method == 'hash'}".encode())
    session.execute(f"set enable_mergejoin = {method == 'merge'}".encode())
    session.execute("set enable_nestloop = off")
    row = session.execute("select pg_relation_size('t') + pg_relation_size('predicted')").fetchone()
    assert row
    started = time.perf_counter()
    found = session.execute(f"explain (analyze, buffers, format json) {SHAPES[shape]}".encode()).fetchone()
    seconds = time.perf_counter() - started
    assert found
    top = found[0][0]["Plan"]
    written = top.get("Temp Written Blocks", 0) * 8192
    assert written <= row[0], f"{written} bytes of temporary files for {row[0]} of rows and predictions"
    assert seconds < 10, "a second where nothing else runs"
    widths = [node["Plan Width"] for node in plan_of(top) if node["Node Type"] in ("Sort", "Hash", "Materialize")]
    assert max(widths, default=0) < 400, "the planner thinks of arrays in the rows that it sorts or hashes"
    session.execute("reset all")


def test_a_cursor_that_scrolls_over_predictions_keeps_rows_only(session: psycopg.Connection[Any]) -> None:
    before = session.execute(f"select * from {BATCH}").fetchall()
    with session.transaction():
        session.execute(f"declare back scroll cursor for select * from {BATCH}".encode())
        session.execute("move last from back")
        assert session.execute("fetch first from back").fetchall() == before[:1]


TYPES = {
    "smallint": ("k::smallint", int),
    "integer": ("id", int),
    "bigint": ("id::bigint * 10000000000", int),
    "numeric": ("id * 1.50", decimal.Decimal),
    "text": ("id || '-a'", str),
    "uuid": ("md5(id::text)::uuid", uuid.UUID),
    "date": ("date '2026-01-01' + id", datetime.date),
    "timestamp": ("timestamp '2026-01-01' + id * interval '1.000001 s'", datetime.datetime),
    "timestamptz": ("timestamptz '2026-03-29 00:30+00' + id * interval '61.000001 s'", datetime.datetime),
}


@pytest.mark.parametrize("style", ["ISO, MDY", "German", "SQL, DMY", "Postgres, MDY"])
@pytest.mark.parametrize("name", TYPES)
def test_ids_have_the_type_that_is_asked_for(session: psycopg.Connection[Any], name: str, style: str) -> None:
    expression, python = TYPES[name]
    query = f"select *, {expression} as own from few"
    session.execute("select set_config('datestyle', %s, false), set_config('timezone', 'Asia/Kolkata', false)", [style])
    shown = "p.id" if style.startswith("ISO") else "null"
    rows = session.execute(
        f"select {shown}, s.own = p.id, pg_typeof(p.id)::text from ml.predict_batch('m', %s, 'own', "
        f"version => '1.0.0', id_type => null::{name}) with ordinality as p "
        f"join (select own, row_number() over () as ordinality from ({query}) q) s using (ordinality)".encode(),
        [query],
    ).fetchall()
    session.execute("reset all")
    assert len(rows) == 300
    assert all(same for _, same, _ in rows)
    known = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}
    assert {kind for *_, kind in rows} == {known.get(name, name)}
    if style.startswith("ISO"):
        assert {type(own) for own, *_ in rows} == {python}


def test_typed_ids_are_null_or_numbers_where_there_is_no_column(session: psycopg.Connection[Any]) -> None:
    assert session.execute(
        "select id from ml.predict_batch('m', 'few', null, id_type => null::bigint) limit 2"
    ).fetchall() == [(1,), (2,)]
    assert session.execute(
        "select id from ml.predict_batch('m', 'select *, null::date as own from few limit 1', 'own', null::date)"
    ).fetchall() == [(None,)]
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        session.execute("select id from ml.predict_batch('m', 'few', 'lab', id_type => null::bigint)")


CALLS = [
    "'m', 'few'",
    "'m', 'few', 'id'",
    "'m', 'few', null",
    "'m', 'few', 'id', '1.0.0'",
    "'m', 'few', 'id', null",
    "'m', 'few', 'id', null, 'default'",
    "'m', 'few', 'id', '1.0.0', 'default'",
    "'m', 'few', null, null, null",
    "'m', 'few', 'id', '1.0.0', 200",
    "'m', 'few', 'id', '1.0.0', 200, 'default'",
    "'m', 'few', chunk_rows => 200",
    "'m', 'few', 'id', chunk_rows => 200, tenant_id => 'default'",
    "'m', 'few', tenant_id => 'default', id_column => 'id', version => '1.0.0'",
    "'m', 'few', 'id', null::bigint",
    "'m', 'few', 'id', null::bigint, '1.0.0'",
    "'m', 'few', version => '1.0.0', id_type => null::bigint, id_column => 'id'",
    "'m', 'few', 'id', id_type => null::bigint, chunk_rows => 200, tenant_id => 'default'",
    "'m', 'few', 'id', id_type => null::varchar(10)",
]


@pytest.mark.parametrize("arguments", CALLS)
def test_calls_resolve_without_a_cast(session: psycopg.Connection[Any], arguments: str) -> None:
    rows = session.execute(f"select id::text, prediction from ml.predict_batch({arguments})".encode()).fetchall()
    assert [key for key, _ in rows] == [str(number) for number in range(1, 301)]


@pytest.mark.parametrize("rows", [100, 101, 7_000, 1_000_000])
@pytest.mark.parametrize("source", ["t", "select * from t"])
def test_chunks_of_any_size_give_the_same_rows(session: psycopg.Connection[Any], source: str, rows: int) -> None:
    query = "select id, prediction, confidence from ml.predict_batch('m', %s, 'id', chunk_rows => %s)"
    assert session.execute(query, [source, rows]).fetchall() == session.execute(query, [source, None]).fetchall()


@pytest.mark.parametrize("rows", [0, -1, 99, 1_000_001])
def test_a_chunk_size_out_of_bounds_is_refused(session: psycopg.Connection[Any], rows: int) -> None:
    with pytest.raises(psycopg.Error) as caught:
        session.execute("select * from ml.predict_batch('m', 'few', chunk_rows => %s)", [rows])
    assert caught.value.sqlstate == "ML009"
    assert "chunk_rows" in str(caught.value)


def test_a_small_chunk_ends_early(session: psycopg.Connection[Any]) -> None:
    def predicted() -> int:
        row = session.execute("select coalesce(sum(rows), 0) from ml.stat_models where model_id = 'm'").fetchone()
        assert row
        return int(row[0])

    before = predicted()
    session.execute("select * from ml.predict_batch('m', 't', chunk_rows => 500) limit 3").fetchall()
    assert 0 < predicted() - before <= 500
