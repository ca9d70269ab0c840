"""Forecasts of many series in one call, blocking and awaited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from motadata_ml._operations import forecasting
from motadata_ml.ml_framework._component import AsyncComponent, Component
from motadata_ml.results import ForecastTable, ResultTable


class Forecaster(Component):
    """Forecast, test, split and watch series; the server reads and computes, nothing is stored."""

    def forecast(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        horizon: int = 10,
        level: float = 0.9,
        model: str | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ForecastTable:
        """Forecast many series, each with the models that did best on its past.

        Parameters
        ----------
        input_data : str, frame or other rows
            A table name or SELECT, or rows in memory.
        time_column, value_column : str
            What happened when: a date, timestamp or timestamptz, and a number.
        series : sequence of str, optional
            The columns that tell series apart; by default all rows are one series.
        horizon : int
            Steps ahead.
        level : float
            Share of what comes that is to lie between ``lower`` and ``upper``.
        model : str, optional
            One model for all; by default each series gets what did best on its past.
        season : int, optional
            Steps of a season, 1 for none; by default it is looked for.
        duplicates : str
            What several rows of one time become: mean, sum, min, max, first or last.
        gaps : str
            What a missing step gets: interpolate, zero or last.

        Returns
        -------
        ForecastTable
            One row a series and step: series, at, value, lower, upper, level, model, status; a notebook shows it as a
            picture.

        Raises
        ------
        InvalidArgumentError
            If an argument is out of its domain.
        ColumnNotFoundError
            If a column is not there.
        UnsupportedColumnError
            If `time_column` is no time or `value_column` no number.
        """
        given = _given(
            time_column, value_column, series, season, duplicates, gaps, horizon=horizon, level=level, model=model
        )
        return self.db.run(forecasting.forecast(input_data, given))

    def backtest(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        horizon: int = 10,
        windows: int = 5,
        level: float = 0.9,
        model: str | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Measure how far each forecasting model was off on the past of many series.

        Parameters
        ----------
        input_data : str, frame or other rows
            A table name or SELECT, or rows in memory.
        time_column, value_column : str
            What happened when: a date, timestamp or timestamptz, and a number.
        series : sequence of str, optional
            The columns that tell series apart; by default all rows are one series.
        horizon : int
            Steps ahead.
        windows : int
            How many horizons back forecasts are tested.
        level : float
            Of the intervals whose coverage is measured.
        model : str, optional
            Only this one; by default all, and ``auto``, what `forecast` would take.
        season : int, optional
            Steps of a season, 1 for none; by default it is looked for.
        duplicates : str
            What several rows of one time become: mean, sum, min, max, first or last.
        gaps : str
            What a missing step gets: interpolate, zero or last.

        Returns
        -------
        ResultTable
            One row a series, model and step: series, model, horizon_step, mase, smape, rmse, coverage, status.
        """
        given = _given(
            time_column,
            value_column,
            series,
            season,
            duplicates,
            gaps,
            horizon=horizon,
            windows=windows,
            level=level,
            model=model,
        )
        return self.db.run(forecasting.table_of("backtest", input_data, given))

    def decompose(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Split many series into trend, season and remainder.

        Parameters
        ----------
        input_data : str, frame or other rows
            A table name or SELECT, or rows in memory.
        time_column, value_column : str
            What happened when: a date, timestamp or timestamptz, and a number.
        series : sequence of str, optional
            The columns that tell series apart; by default all rows are one series.
        season : int, optional
            Steps of a season, 1 for none; by default it is looked for.
        duplicates : str
            What several rows of one time become: mean, sum, min, max, first or last.
        gaps : str
            What a missing step gets: interpolate, zero or last.

        Returns
        -------
        ResultTable
            One row a series and step: series, at, value, trend, season, remainder, status.
        """
        given = _given(time_column, value_column, series, season, duplicates, gaps)
        return self.db.run(forecasting.table_of("decompose", input_data, given))

    def series_anomalies(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        level: float = 0.999,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Find the values of many series that stand out from their trend and season.

        Parameters
        ----------
        input_data : str, frame or other rows
            A table name or SELECT, or rows in memory.
        time_column, value_column : str
            What happened when: a date, timestamp or timestamptz, and a number.
        series : sequence of str, optional
            The columns that tell series apart; by default all rows are one series.
        level : float
            Share of ordinary values that lie between ``lower`` and ``upper``.
        season : int, optional
            Steps of a season, 1 for none; by default it is looked for.
        duplicates : str
            What several rows of one time become: mean, sum, min, max, first or last.
        gaps : str
            What a missing step gets: interpolate, zero or last.

        Returns
        -------
        ResultTable
            One row a series and step: series, at, value, expected, lower, upper, is_anomaly, score, status.
        """
        given = _given(time_column, value_column, series, season, duplicates, gaps, level=level)
        return self.db.run(forecasting.table_of("series_anomalies", input_data, given))


class AsyncForecaster(AsyncComponent):
    """The same, awaited."""

    async def forecast(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        horizon: int = 10,
        level: float = 0.9,
        model: str | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ForecastTable:
        """Forecast many series, each with the models that did best on its past."""
        given = _given(
            time_column, value_column, series, season, duplicates, gaps, horizon=horizon, level=level, model=model
        )
        return await self.db.run(forecasting.forecast(input_data, given))

    async def backtest(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        horizon: int = 10,
        windows: int = 5,
        level: float = 0.9,
        model: str | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Measure how far each forecasting model was off on the past of many series."""
        given = _given(
            time_column,
            value_column,
            series,
            season,
            duplicates,
            gaps,
            horizon=horizon,
            windows=windows,
            level=level,
            model=model,
        )
        return await self.db.run(forecasting.table_of("backtest", input_data, given))

    async def decompose(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Split many series into trend, season and remainder."""
        given = _given(time_column, value_column, series, season, duplicates, gaps)
        return await self.db.run(forecasting.table_of("decompose", input_data, given))

    async def series_anomalies(
        self,
        input_data: Any,
        time_column: str,
        value_column: str,
        series: Sequence[str] | None = None,
        level: float = 0.999,
        season: int | None = None,
        duplicates: str = "mean",
        gaps: str = "interpolate",
    ) -> ResultTable:
        """Find the values of many series that stand out from their trend and season."""
        given = _given(time_column, value_column, series, season, duplicates, gaps, level=level)
        return await self.db.run(forecasting.table_of("series_anomalies", input_data, given))


def _given(
    time_column: str,
    value_column: str,
    series: Sequence[str] | None,
    season: int | None,
    duplicates: str,
    gaps: str,
    **more: Any,
) -> dict[str, Any]:
    """Return the arguments by their names in SQL."""
    return {
        "time_column": time_column,
        "value_column": value_column,
        "series": series if series is None or isinstance(series, str) else list(series),
        "season": season,
        "duplicates": duplicates,
        "gaps": gaps,
        **more,
    }
