"""`ml.forecast` on a real server: what comes back for series of every kind, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

PAGE = Path(__file__).parents[3] / "docs" / "forecasting.md"

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
    assert all(later >= sooner - 1e-9 for sooner, later in pairwise(widths))
    # the season of a week, which nobody has named: the week's shape comes back
    assert max(row["value"] for row in first[:7]) - min(row["value"] for row in first[:7]) > 10
    assert all(row["level"] == 0.9 for row in found)


def one(session: Session, rows: str, **more: Any) -> list[dict[str, Any]]:
    return forecast(session, rows, horizon=more.pop("horizon", 3), **more)


def test_no_series_disappears_and_each_says_why(sales: Session) -> None:
    rows = """
        select name, at, value from (
            select 'good' as name, date '2024-01-01' + i as at, i::float8 as value from generate_series(1, 30) as i
            union all select 'single', date '2024-01-01', 5
            union all select 'nothing', date '2024-01-01' + i, null from generate_series(1, 30) as i
            union all select 'timeless', null, 7
            union all select 'constant', date '2024-01-01' + i, 4 from generate_series(1, 30) as i
            union all select null, date '2024-01-01' + i, i from generate_series(1, 30) as i
        ) as all_of_them"""
    found = one(sales, rows, series=["name"])
    told = {row["series"]["name"]: row["status"] for row in found}
    assert told == {
        "good": "ok",
        "single": "ok",
        "nothing": "no forecast: there is no row with a time and a value",
        "timeless": "no forecast: there is no row with a time and a value",
        "constant": "all values are the same",
        None: "ok",
    }
    by_name: dict[Any, list[dict[str, Any]]] = {}
    for row in found:
        by_name.setdefault(row["series"]["name"], []).append(row)
    assert len(by_name["nothing"]) == 1
    assert {by_name["nothing"][0][key] for key in ("at", "value", "lower", "upper", "model")} == {None}
    assert [row["value"] for row in by_name["constant"]] == [4, 4, 4]
    assert [row["value"] for row in by_name["good"]] == pytest.approx([31, 32, 33], abs=0.2)


@pytest.mark.parametrize(
    ("step", "following"),
    [
        ("15 minutes", ["2024-01-10 00:00", "2024-01-10 00:15", "2024-01-10 00:30"]),
        ("1 hour", ["2024-01-10 00:00", "2024-01-10 01:00", "2024-01-10 02:00"]),
        ("1 day", ["2024-01-10 00:00", "2024-01-11 00:00", "2024-01-12 00:00"]),
        ("7 days", ["2024-01-10 00:00", "2024-01-17 00:00", "2024-01-24 00:00"]),
    ],
)
def test_times_go_on_by_the_step_that_was_found(sales: Session, step: str, following: list[str]) -> None:
    rows = (
        f"select timestamp '2024-01-10' - i * interval '{step}' as at, sin(i) as value from generate_series(1, 60) as i"
    )
    found = one(sales, rows)
    assert [row["at"].strftime("%Y-%m-%d %H:%M") for row in found] == following


def test_months_quarters_years_and_business_days_go_on(sales: Session) -> None:
    def following(rows: str) -> list[str]:
        return [row["at"].strftime("%Y-%m-%d") for row in one(sales, rows)]

    months = "select date '2020-01-01' + i * interval '{}' as at, i as value from generate_series(0, 20) as i"
    assert following(months.format("1 month")) == ["2021-10-01", "2021-11-01", "2021-12-01"]
    assert following(months.format("3 months")) == ["2025-04-01", "2025-07-01", "2025-10-01"]
    assert following(months.format("1 year")) == ["2041-01-01", "2042-01-01", "2043-01-01"]
    ends = """select (date '2020-02-01' + i * interval '1 month')::date - 1 as at, i as value
        from generate_series(0, 23) as i"""
    assert following(ends) == ["2022-01-31", "2022-02-28", "2022-03-31"]
    weekdays = """select day as at, extract(isodow from day) as value
        from generate_series(date '2024-01-01', date '2024-02-29', interval '1 day') as day
        where extract(isodow from day) < 6"""
    assert following(weekdays) == ["2024-03-01", "2024-03-04", "2024-03-05"]


def test_gaps_doubles_and_nulls_are_mended_and_said(sales: Session) -> None:
    rows = """select date '2024-01-01' + i as at, case when i <> 20 then i end as value
        from generate_series(1, 40) as i where i <> 10 union all select date '2024-01-06', 7"""
    assert one(sales, rows)[0]["status"] == (
        "1 row of times that others have: the mean was taken; 2 missing steps filled (interpolate)"
    )
    assert "the sum was taken" in one(sales, rows, duplicates="sum")[0]["status"]
    assert "filled (zero)" in one(sales, rows, gaps="zero")[0]["status"]


def test_days_of_the_session_s_zone_stay_days_over_summer_time(sales: Session) -> None:
    rows = """select (day at time zone 'Europe/Berlin') as at, 10 + extract(isodow from day) as value
        from generate_series(timestamp '2024-03-01', timestamp '2024-03-28', interval '1 day') as day"""
    for zone in ("Europe/Berlin", "UTC"):
        with sales.transaction():
            sales.execute(f"set local timezone = '{zone}'")
            found = sales.execute(
                "select (at at time zone 'Europe/Berlin')::date::text, status"
                " from ml.forecast(%s, 'at', 'value', horizon => 6)",
                [rows],
            ).fetchall()
        assert [day for day, _ in found] == [
            "2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02", "2024-04-03",
        ]  # fmt: skip
        assert {status for _, status in found} == {"ok"}


def test_a_forced_model_says_what_it_lacks(sales: Session) -> None:
    falling = "select date '2024-01-01' + i as at, 5 - i as value from generate_series(1, 40) as i"
    assert one(sales, falling, model="holt")[0]["value"] == pytest.approx(-36, abs=0.1)
    assert one(sales, falling, model="holt")[0]["model"] == "holt"
    (refused,) = one(sales, falling, model="holt_winters_multiply")
    assert refused["status"] == (
        "no forecast: model holt_winters_multiply needs a season and values above zero throughout"
    )
    assert one(sales, falling, model="croston")[0]["value"] is None


@pytest.mark.parametrize(
    ("more", "state", "said"),
    [
        ({"horizon": 0}, "ML009", "horizon must be between 1 and 2,000, got 0"),
        ({"horizon": 1_000_000}, "ML009", "horizon must be between 1 and 2,000, got 1000000"),
        ({"level": 1.0}, "ML009", "level must be above 0 and below 1"),
        ({"level": float("nan")}, "ML009", "level must be above 0 and below 1"),
        ({"model": "prophet"}, "ML009", "model must be a forecasting model"),
        ({"season": 0}, "ML009", "season must be between 1 and 1,000"),
        ({"duplicates": "median"}, "ML009", "duplicates must be one of mean, sum"),
        ({"gaps": None}, "ML009", "gaps must be one of interpolate"),
        ({"series": ["word", None]}, "ML009", "series must not have a NULL"),
        ({"series": ["at"]}, "ML009", "column 'at' is named more than once"),
        ({"series": ["nobody"]}, "ML003", "series 'nobody' is not a column"),
        ({"series": ["document"]}, "ML010", "a column of series must have values with one text"),
        ({"time": "word"}, "ML010", "time_column 'word' must be a date, timestamp or timestamptz, it is text"),
        ({"value": "word"}, "ML010", "value_column 'word' must be a number, it is text"),
        ({"time": None}, "ML009", "time_column must name a column"),
        ({"rows": "select 1; drop table sales"}, "ML004", "input_data"),
        ({"rows": "nothing_of_the_kind"}, "ML002", "nothing_of_the_kind"),
        ({"rows": None}, "ML009", "input_data must not be NULL"),
    ],
)
def test_wrong_arguments_are_refused_with_a_hint(sales: Session, more: dict[str, Any], state: str, said: str) -> None:
    given = {
        "rows": "select day as at, amount as value, item as word, '{}'::json as document from sales",
        **more,
    }
    with pytest.raises(psycopg.Error) as refused:
        forecast(sales, **given)
    assert refused.value.sqlstate == state
    assert said in str(refused.value)
    assert str(refused.value).startswith("ml.forecast: ")
    assert refused.value.diag.message_hint


def test_an_empty_relation_has_no_series(sales: Session) -> None:
    assert one(sales, "select day as at, amount as value from sales where false") == []


def test_backtest_measures_each_model_at_each_step(sales: Session) -> None:
    found = sales.execute(
        "select series ->> 'store', model, horizon_step, mase, smape, rmse, coverage, status"
        " from ml.backtest('select * from sales where item = ''a''', 'day', 'amount', array['store'], 7)"
    ).fetchall()
    by_model: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        by_model.setdefault(row[1], []).append(row)
    assert {"auto", "naive", "seasonal_naive", "holt_winters", "ets", "theta"} <= set(by_model)
    assert "croston" not in by_model
    for rows in by_model.values():
        assert [row[2] for row in rows] == [*range(1, 8)] * 3
        assert all(row[3] > 0 and 0 <= row[4] <= 200 and row[5] > 0 and 0 <= row[6] <= 1 for row in rows)
    mean = {name: sum(row[3] for row in rows) / len(rows) for name, rows in by_model.items()}
    assert mean["auto"] <= 1.05 * min(mean.values())
    assert mean["naive"] > 1.5 * mean["auto"]
    short = sales.execute(
        "select status from ml.backtest(%s, 'd', 'v')",
        ["select date '2024-01-01' + i as d, i as v from generate_series(1, 3) i"],
    ).fetchall()
    assert short == [("no backtest: too short to be tested",)]


def test_decomposition_adds_up_to_the_values(sales: Session) -> None:
    found = sales.execute(
        "select at, value, trend, season, remainder, status from ml.decompose(%s, 'day', 'amount', array['store'])",
        ["select * from sales where item = 'b' and day <> '2024-05-05'"],
    ).fetchall()
    assert len(found) == 3 * 366
    assert {row[5] for row in found} == {"1 missing step filled (interpolate)"}
    kept = [row for row in found if row[1] is not None]
    assert len(kept) == len(found) - 3
    assert all(value == pytest.approx(trend + season + rest) for _, value, trend, season, rest, _ in kept)
    week = [row[3] for row in found[100:107]]
    assert sum(week) == pytest.approx(0, abs=0.5)
    assert max(week) == pytest.approx(8 * 0.975, abs=1.5)


def test_anomalies_are_the_values_that_were_put_there(sales: Session) -> None:
    found = sales.execute(
        """select at::date::text, score, value > upper from ml.series_anomalies(
            'select day, store, amount + case when day in (''2024-03-03'', ''2024-08-08'') then 40 else 0 end as amount
             from sales where item = ''a''', 'day', 'amount', array['store']) where is_anomaly order by 1"""
    ).fetchall()
    assert [day for day, _, _ in found] == ["2024-03-03"] * 3 + ["2024-08-08"] * 3
    assert all(above and score > 10 for _, score, above in found)
    assert sales.execute(
        "select count(*) from ml.series_anomalies('sales', 'day', 'amount', array['store', 'item']) where is_anomaly"
    ).fetchone() == (0,)


def test_a_reader_that_stops_early_leaves_nothing_open(sales: Session) -> None:
    with sales.transaction():
        sales.execute("select * from ml.forecast('sales', 'day', 'amount', array['store', 'item'], 5) limit 1")
        sales.execute("select exists (select from ml.decompose('select * from sales', 'day', 'amount', array['item']))")
        assert sales.execute("select name from pg_cursors where statement ~ 'row_number'").fetchall() == []


def test_the_page_s_statements_run(sales: Session) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    statements = [one.strip() for block in blocks for one in block.split(";\n") if one.strip()]
    assert len(statements) >= 5
    with sales.transaction(force_rollback=True):
        answers = [sales.execute(one.rstrip(";").encode()) for one in statements]
        rows = answers[2].fetchall()
        assert len(rows) == 28
        assert {row[-1] for row in rows} == {"ok"}
        assert all(lower < value < upper for _, _, value, lower, upper, _ in rows)


SERIES = {
    "date '2026-01-02'": "2026-01-02",
    "timestamp '2026-01-02 10:00'": "2026-01-02 10:00:00",
    "timestamptz '2026-01-02 10:00Z'": "2026-01-02 10:00:00+00",
    "case when i % 2 = 0 then interval '24 hours' else interval '1 day' end": "1 day",
    "case when i % 2 = 0 then 1.0 else 1.00 end": 1,
    "'ab'::char(5)": "ab",
    "case when i % 2 = 0 then 'Ab' else 'aB' end::citext": "ab",
    "time '10:00'": "10:00:00",
    "true": True,
    "null::text": None,
}
"""What names a series, in SQL, and what that is in the answer."""


@pytest.mark.parametrize("written", SERIES)
def test_what_names_a_series_does_not_depend_on_the_session(db: psycopg.Connection[Any], written: str) -> None:
    db.execute("create extension if not exists citext")
    source = (
        f"select timestamp '2026-01-01' + i * interval '1 day' as at, sin(i) as v, {written} as s "
        "from generate_series(1, 60) as i"
    )
    for chosen in ({}, {"datestyle": "German", "intervalstyle": "iso_8601", "timezone": "Asia/Kathmandu"}):
        for name, value in chosen.items():
            db.execute("select set_config(%s, %s, false)", [name, value])
        for call in ("forecast('{}', 'at', 'v', array['s'], horizon => 1)", "decompose('{}', 'at', 'v', array['s'])"):
            found = db.execute(
                f"select distinct series from ml.{call.format(source.replace(chr(39), chr(39) * 2))}".encode()
            ).fetchall()
            assert found == [({"s": SERIES[written]},)]


def test_a_value_beyond_double_precision_is_an_error_with_a_remedy(db: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select * from ml.forecast('select now() + i * interval ''1 day'' as at, 1e400 + i as v "
            "from generate_series(1, 9) i', 'at', 'v')"
        )
    assert caught.value.sqlstate == "ML011"
    assert len(str(caught.value.diag.message_primary)) < 200
    assert caught.value.diag.message_hint
