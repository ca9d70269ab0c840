"""Reading a table into NumPy: the server package against clients."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results, interleave, require

READ = """
create or replace function bench_read(source text, sums boolean, columns text[] default null) returns text
language plpython3u as $$
import json
import numpy as np
from motadata_ml_server.postgres import database
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.training.protocol import MemoryFile, map_chunks
db = database.current()
found = resolve(db, source, "source")
names = columns or [column.name for column in found.columns]
schemas = [found.column(name, "column").schema for name in names]
file, layout = MemoryFile("bench"), []
for chunk in read_chunks(db, found, schemas, 10000):
    file.append_chunk(chunk, layout)
table = decode_table(schemas, map_chunks(file.descriptor, [layout])[0])
file.close()
answer = {"rows": table.rows}
if sums:
    for name, column in table.columns.items():
        if column.schema.kind == "text":
            texts = column.texts
            lengths = np.array([len(word) for word in texts.dictionary] + [0])
            answer[name] = int(lengths[texts.codes].sum())
        else:
            answer[name] = float(np.nansum(column.numbers))
return json.dumps(answer)
$$
"""

COLUMNS = {
    "numbers": [f"c{n}" for n in range(1, 12)],
    "flights": [
        *("dep_delay", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "tailnum", "distance"),
        "time_hour",
    ],
}


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Compare ways to have a table in NumPy arrays; who asks has a session already."""
    import adbc_driver_postgresql.dbapi as adbc

    with psycopg.connect(dsn, autocommit=True) as session, adbc.connect(dsn, autocommit=True) as connection:
        session.execute(READ)

        def ours(table: str, sums: bool = False) -> Any:
            row = session.execute("select bench_read(%s, %s, %s)", [table, sums, COLUMNS[table]]).fetchone()
            assert row is not None
            return json.loads(row[0])

        def by_adbc(table: str, sums: bool = False) -> Any:
            with connection.cursor() as cursor:
                cursor.execute(f"select {', '.join(COLUMNS[table])} from {table}")
                table = cursor.fetch_arrow_table()
            return _arrays(table, sums)

        def by_psycopg() -> Any:
            with session.cursor(binary=True) as cursor:
                return {"rows": len(np.array(cursor.execute("select * from numbers").fetchall(), dtype=np.float64))}

        def scan() -> Any:
            listed = ", ".join(f"sum(c{n})" for n in range(1, 12))
            row = session.execute(f"select count(*), {listed} from numbers").fetchone()
            assert row is not None
            return {"rows": row[0], **{f"c{n}": row[n] for n in range(1, 12)}}

        sides = {
            "ours": lambda: ours("numbers"),
            "adbc": lambda: by_adbc("numbers"),
            "psycopg": by_psycopg,
            "scan": scan,
        }
        timings, answers = interleave(sides, effort.rounds)
        _same("numbers", ours("numbers", True), answers["scan"])
        _same("numbers", by_adbc("numbers", True), answers["scan"])
        require(answers["psycopg"]["rows"] == answers["ours"]["rows"], f"rows read: {answers}")
        results.add("ingest_seconds", timings["ours"].best)
        for other in ("adbc", "psycopg", "scan"):
            results.ratio(f"ingest_ratio_vs_{other}", timings, "ours", other)

        timings, _ = interleave({"ours": lambda: ours("flights"), "adbc": lambda: by_adbc("flights")}, effort.rounds)
        _same("flights", ours("flights", True), by_adbc("flights", True))
        results.ratio("ingest_mixed_ratio_vs_adbc", timings, "ours", "adbc")


def _arrays(table: Any, sums: bool) -> dict[str, Any]:
    """Turn an Arrow table into arrays as the server package does: texts as codes of a dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    answer: dict[str, Any] = {"rows": len(table)}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_string(column.type):
            encoded = column.combine_chunks().dictionary_encode()
            encoded.indices.fill_null(-1).to_numpy()
            if sums:
                answer[name] = pc.sum(pc.utf8_length(column)).as_py()
        elif pa.types.is_timestamp(column.type):
            column.cast(pa.timestamp("us")).to_numpy()
            if sums:
                answer[name] = pc.sum(column.cast(pa.int64()).cast(pa.float64())).as_py() / 1e6
        else:
            array = column.to_numpy()
            if sums:
                answer[name] = float(np.nansum(array.astype(np.float64)))
    return answer


def _same(what: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Compare row counts and each column's sum: of numbers, of seconds, of the lengths of texts."""
    require(one.keys() == other.keys(), f"columns of {what}: {list(one)} and {list(other)}")
    for name, value in one.items():
        require(abs(value - other[name]) <= 1e-9 * abs(value), f"{what}.{name}: {value} and {other[name]}")
