"""Entry points of forecasting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary_stream


@boundary_stream
def forecast_chunks(
    input_data: str,
    time_column: str | None,
    value_column: str | None,
    series: Sequence[str | None] | None,
    horizon: int | None,
    level: float | None,
    model: str | None,
    season: int | None,
    duplicates: str | None,
    gaps: str | None,
) -> Iterator[dict[str, Any]]:
    """Forecast many series of a table, a view or a SELECT, with intervals."""
    from motadata_ml_server.forecasting import arguments
    from motadata_ml_server.forecasting import forecast as _forecast
    from motadata_ml_server.forecasting.engine import Asked

    columns = arguments.columns(time_column, value_column, series)
    asked = Asked(arguments.horizon(horizon), arguments.level(level), arguments.model(model))
    rules = arguments.rules(duplicates, gaps, season)
    yield from _forecast.forecast_chunks(database.current(), required("input_data", input_data), columns, asked, rules)


@boundary_stream
def backtest_chunks(
    input_data: str,
    time_column: str | None,
    value_column: str | None,
    series: Sequence[str | None] | None,
    horizon: int | None,
    windows: int | None,
    level: float | None,
    model: str | None,
    season: int | None,
    duplicates: str | None,
    gaps: str | None,
) -> Iterator[dict[str, Any]]:
    """Measure how far each forecasting model was off on the past of many series."""
    from motadata_ml_server.forecasting import arguments
    from motadata_ml_server.forecasting import forecast as _forecast
    from motadata_ml_server.forecasting.engine import Asked

    columns = arguments.columns(time_column, value_column, series)
    asked = Asked(
        arguments.horizon(horizon), arguments.level(level), arguments.model(model), arguments.windows(windows)
    )
    rules = arguments.rules(duplicates, gaps, season)
    yield from _forecast.backtest_chunks(database.current(), required("input_data", input_data), columns, asked, rules)


@boundary_stream
def decompose_chunks(
    input_data: str,
    time_column: str | None,
    value_column: str | None,
    series: Sequence[str | None] | None,
    season: int | None,
    duplicates: str | None,
    gaps: str | None,
) -> Iterator[dict[str, Any]]:
    """Split many series into trend, season and remainder."""
    from motadata_ml_server.forecasting import arguments, history

    columns = arguments.columns(time_column, value_column, series)
    rules = arguments.rules(duplicates, gaps, season)
    yield from history.decompose_chunks(database.current(), required("input_data", input_data), columns, rules)


@boundary_stream
def series_anomaly_chunks(
    input_data: str,
    time_column: str | None,
    value_column: str | None,
    series: Sequence[str | None] | None,
    level: float | None,
    season: int | None,
    duplicates: str | None,
    gaps: str | None,
) -> Iterator[dict[str, Any]]:
    """Find the values of many series that stand out from their trend and season."""
    from motadata_ml_server.forecasting import arguments, history

    columns = arguments.columns(time_column, value_column, series)
    rules = arguments.rules(duplicates, gaps, season)
    share = arguments.level(level)
    yield from history.anomaly_chunks(database.current(), required("input_data", input_data), columns, rules, share)
