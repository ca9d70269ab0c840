"""How far a fit is, told while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from xgboost import XGBRegressor

from motadata_ml_server.worker import inside_fit
from motadata_ml_server.worker.inside_fit import watched_fit

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(4000, 10))
Y = X[:, 0] + RANDOM.normal(size=4000)


def shares(monkeypatch: pytest.MonkeyPatch, estimator: Any) -> list[float]:
    monkeypatch.setattr(inside_fit, "INTERVAL", 0.02)
    found: list[float] = []
    with watched_fit(estimator, lambda done, left: found.append(done)):
        estimator.fit(X, Y)
    return found


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(60),
        RandomForestRegressor(60, n_jobs=2),
        GradientBoostingRegressor(n_estimators=60),
        HistGradientBoostingRegressor(max_iter=300, early_stopping=False),
        AdaBoostRegressor(n_estimators=40),
        XGBRegressor(n_estimators=400),
    ],
    ids=["forest", "threads", "boosting", "histograms", "adaboost", "xgboost"],
)
def test_the_share_done_grows_evenly(monkeypatch: pytest.MonkeyPatch, estimator: Any) -> None:
    found = shares(monkeypatch, estimator)
    assert len(found) > 3
    assert found == sorted(found)
    assert max(np.diff(found)) < 0.6


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), HistGradientBoostingRegressor(), GradientBoostingRegressor(n_iter_no_change=3)],
    ids=["linear", "histograms", "boosting"],
)
def test_what_may_end_early_is_not_guessed(monkeypatch: pytest.MonkeyPatch, estimator: Any) -> None:
    found = shares(monkeypatch, estimator)
    assert not found or type(estimator) is HistGradientBoostingRegressor, "its early stopping is off below 10,000 rows"


def test_joblib_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from joblib import Parallel

    before = Parallel.__call__
    shares(monkeypatch, RandomForestRegressor(10))
    assert Parallel.__call__ is before
