"""Reading a table into NumPy: the server package against clients."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg

from benchmarks.measure import Results, interleave, require

_READ = """
create or replace function bench_read(source text) returns table (row_count bigint, checksum float8)
language plpython3u as $$
from motadata_ml_server import database
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.training.transport import MemoryFile, map_chunks
import numpy as np
db = database.current()
found = resolve(db, source, "source")
schemas = [column.schema for column in found.columns]
file, layout = MemoryFile("bench"), []
for chunk in read_chunks(db, found, schemas, 10000):
    file.append_chunk(chunk, layout)
table = decode_table(schemas, map_chunks(file.descriptor, [layout])[0])
file.close()
numbers = [c.values for c in table.columns.values() if isinstance(c.values, np.ndarray)]
return [(table.rows, float(sum(np.nansum(values[:1000]) for values in numbers)))]
$$
"""

FLIGHTS = (
    "select dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest, tailnum, distance, time_hour from flights"
)


def measure(dsn: str, results: Results, rounds: int) -> None:
    """Compare ways to have a table in NumPy arrays."""
    import adbc_driver_postgresql.dbapi as adbc

    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(_READ)

        def ours(source: str) -> Any:
            return session.execute("select * from bench_read(%s)", [source]).fetchone()

        def by_adbc(query: str) -> Any:
            with adbc.connect(dsn) as connection, connection.cursor() as cursor:
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
            arrays = [column.to_numpy() for column in table.columns]
            return len(table), float(sum(np.nansum(a[:1000].astype(float)) for a in arrays if a.dtype.kind in "fi"))

        def by_psycopg() -> Any:
            with session.cursor(binary=True) as cursor:
                rows = cursor.execute("select * from numbers").fetchall()
            array = np.array(rows, dtype=np.float64)
            return len(array), float(array[:1000].sum())

        def scan() -> Any:
            listed = ", ".join(f"sum(c{n})" for n in range(1, 12))
            return session.execute(f"select count(*), {listed} from numbers").fetchone()

        timings, answers = interleave(
            {
                "ours": lambda: ours("numbers"),
                "adbc": lambda: by_adbc("select * from numbers"),
                "psycopg": by_psycopg,
                "scan": scan,
            },
            rounds,
        )
        require(abs(answers["ours"][1] - answers["adbc"][1]) < 1e-6, "numbers read by us and by ADBC")
        require(answers["ours"][0] == answers["psycopg"][0] == answers["scan"][0], "rows read")
        best = {name: timing.best for name, timing in timings.items()}
        results.add("ingest_seconds", best["ours"], "rows x 11 numbers into NumPy in the server")
        results.add("ingest_ratio_vs_adbc", best["ours"] / best["adbc"], "against ADBC into NumPy in a client", 0.6)
        results.add("ingest_ratio_vs_psycopg", best["ours"] / best["psycopg"], "against psycopg, binary, into NumPy")
        results.add("ingest_ratio_vs_scan", best["ours"] / best["scan"], "against a scan that sums every column")

        timings, answers = interleave({"ours": lambda: ours(FLIGHTS), "adbc": lambda: by_adbc(FLIGHTS)}, rounds)
        require(answers["ours"][0] == answers["adbc"][0], "flights read")
        ratio = timings["ours"].best / timings["adbc"].best
        results.add("ingest_mixed_ratio_vs_adbc", ratio, "flights: numbers, text, timestamps, NULLs; against ADBC", 0.9)
