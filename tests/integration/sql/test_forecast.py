"""`ml.forecast` on a real server: what comes back for series of every kind, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

SALES = """
create table sales as
select day::date as day, store, item,
    (50 + 10 * store + 8 * sin(2 * pi() * extract(isodow from day)::float8 / 7) + 0.05 * extract(doy from day)::float8
     + 2 * sin(i * i * 0.7))::float8 as amount
from generate_series(date '2024-01-01', date '2024-12-31', interval '1 day') with ordinality as d (day, i),
    generate_series(1, 3) as store, unnest(array['a', 'b']) as item
"""

Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def sales(module_db: Session) -> Session:
    module_db.execute(SALES)
    module_db.execute("set timezone = 'UTC'")
    return module_db


def forecast(session: Session, rows: str, time: str = "at", value: str = "value", **more: Any) -> list[dict[str, Any]]:
    named = "".join(f", {key} => %({key})s" for key in more)
    cursor = session.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute(
        f"select * from ml.forecast(%(rows)s, %(time)s, %(value)s{named})".encode(),
        {"rows": rows, "time": time, "value": value, **more},
    ).fetchall()


def test_every_series_has_each_step_and_a_season_that_was_found(sales: Session) -> None:
    found = forecast(sales, "sales", "day", "amount", series=["store", "item"], horizon=14)
    assert len(found) == 6 * 14
    assert {row["status"] for row in found} == {"ok"}
    assert {(row["series"]["store"], row["series"]["item"]) for row in found} == {
        (store, item) for store in (1, 2, 3) for item in "ab"
    }
    first = [row for row in found if row["series"] == {"store": 1, "item": "a"}]
    assert [row["at"] for row in first] == [datetime(2025, 1, 1 + n, tzinfo=UTC) for n in range(14)]
    assert all(row["lower"] < row["value"] < row["upper"] for row in found)
    widths = [row["upper"] - row["lower"] for row in first]
    assert all(later >= sooner - 1e-9 for sooner, later in zip(widths, widths[1:], strict=False))
    # the season of a week, which nobody has named: the week's shape comes back
    assert max(row["value"] for row in first[:7]) - min(row["value"] for row in first[:7]) > 10
    assert all(row["level"] == 0.9 for row in found)
