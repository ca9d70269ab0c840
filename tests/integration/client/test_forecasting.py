"""Forecasts through the client: from tables and frames, blocking and awaited, as a picture, and what is refused."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from motadata_ml import DatabaseConfig, MLSystem, create_async_ml_system, errors


@pytest.fixture(scope="module")
def visits(system: MLSystem) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=120)
    week = 10 * np.sin(2 * np.pi * np.arange(120) / 7)
    rng = np.random.default_rng(5)
    frame = pd.concat(
        pd.DataFrame({"day": days, "site": site, "visits": base + week + rng.normal(size=120)})
        for site, base in (("a", 100.0), ("b", 300.0))
    )
    system.data_processor.to_table(frame, "visits")
    return frame


def test_frame_and_table_are_forecast_alike(system: MLSystem, visits: pd.DataFrame) -> None:
    found = system.forecast("visits", "day", "visits", series=["site"], horizon=7)
    assert len(found) == 14
    assert system.forecast(visits, "day", "visits", ["site"], 7) == found
    frame = found.as_frame()
    assert list(frame) == ["series", "at", "value", "lower", "upper", "level", "model", "status"]
    assert set(frame["status"]) == {"ok"}
    assert found[0]["series"] == {"site": "a"}
    expected = 100 + 10 * np.sin(2 * np.pi * np.arange(120, 127) / 7)
    assert frame["value"].to_numpy()[:7] == pytest.approx(expected, abs=3)


def test_a_notebook_shows_past_forecast_and_band(system: MLSystem, visits: pd.DataFrame) -> None:
    found = system.forecast(visits.assign(site=visits["site"] + "<script>"), "day", "visits", ["site"], 7)
    root = ElementTree.fromstring(found._repr_html_())  # noqa: S314 - what we have just drawn
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{name}polygon")) == 2
    assert len(root.findall(f".//{name}polyline")) == 4
    assert "<script>" not in found.plot().svg


def test_the_other_functions_of_the_chapter(system: MLSystem, visits: pd.DataFrame) -> None:
    parts = system.decompose("visits", "day", "visits", ["site"]).as_frame()
    assert parts["value"].to_numpy() == pytest.approx(
        (parts["trend"] + parts["season"] + parts["remainder"]).to_numpy()
    )
    assert not any(
        row["is_anomaly"] for row in system.series_anomalies(visits, "day", "visits", ["site"], level=0.99999)
    )
    tested = system.backtest(visits, "day", "visits", ["site"], horizon=3, model="naive").as_frame()
    assert set(tested["model"]) == {"naive"}
    assert (tested["mase"] > 0).all()


def test_awaited_methods_answer_the_same(config: DatabaseConfig, system: MLSystem, visits: pd.DataFrame) -> None:
    async def work() -> None:
        async with await create_async_ml_system(config) as twin:
            for name in ("forecast", "backtest", "decompose", "series_anomalies"):
                found = await getattr(twin, name)(visits, "day", "visits", ["site"])
                assert found == getattr(system, name)(visits, "day", "visits", ["site"])

    asyncio.run(work())


def test_errors_are_those_of_the_server(system: MLSystem, visits: pd.DataFrame) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="horizon must be between 1 and 2,000") as refused:
        system.forecast("visits", "day", "visits", horizon=0)
    assert refused.value.hint
    with pytest.raises(errors.UnsupportedColumnError, match="time_column 'site'"):
        system.forecast("visits", "site", "visits")
    with pytest.raises(errors.ColumnNotFoundError, match="'hour'"):
        system.backtest("visits", "hour", "visits")
    with pytest.raises(errors.InvalidArgumentError, match="no column 'hour'"):
        system.decompose(visits, "hour", "visits")
    with pytest.raises(errors.InvalidArgumentError, match="series must be a list of columns"):
        system.forecast(visits, "day", "visits", series="site")
