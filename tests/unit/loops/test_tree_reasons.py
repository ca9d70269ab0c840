"""Reasons of trees: Shapley's values by all subsets of the features, and as LightGBM and XGBoost say."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from motadata_ml_server import loops
from motadata_ml_server.loops.quadrature import gauss_legendre
from tests.unit.loops import forests

EVERY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reasons(form: Any, arguments: dict[str, Any], rows: Any) -> Any:
    trees = form.Trees(**arguments)
    out = np.full((len(rows), arguments["outputs"], arguments["features"]), np.nan)
    trees.reasons(rows, out, *gauss_legendre(trees.path_features))
    return out


def known_score(arguments: dict[str, Any], row: Any, known: frozenset[int]) -> Any:
    """Return the scores where only some features are known: at others both sides count, by their cover."""
    scores = arguments["base"].copy()
    for tree, (start, _) in enumerate(pairwise(arguments["starts"].tolist())):

        def below(at: int, start: int = start) -> Any:
            if arguments["left"][at] < 0:
                return arguments["values"][at]
            left, right = (start + int(arguments[side][at]) for side in ("left", "right"))
            if int(arguments["feature"][at]) in known:
                return below(left if forests.goes_left(arguments, at, row) else right)
            cover = arguments["cover"]
            return sum(cover[child] / cover[at] * below(child) for child in (left, right) if cover[child] > 0)

        if arguments["values"].shape[1] == 1:
            scores[arguments["target"][tree]] += below(start)[0]
        else:
            scores += below(start)
    return scores / arguments["divide"]


def shapley(arguments: dict[str, Any], row: Any) -> Any:
    """Return the values by their definition: 2^n scores."""
    features = range(arguments["features"])
    scores = {
        frozenset(known): known_score(arguments, row, frozenset(known))
        for size in range(arguments["features"] + 1)
        for known in combinations(features, size)
    }
    n = arguments["features"]
    found = np.zeros((arguments["outputs"], n))
    for feature in features:
        for known, score in scores.items():
            if feature not in known:
                weight = factorial(len(known)) * factorial(n - len(known) - 1) / factorial(n)
                found[:, feature] += weight * (scores[known | {feature}] - score)
    return found


@EVERY
@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 2), st.integers(1, 5))
def test_reasons_are_shapleys_values(form: Any, seed: int, wide: bool, sets: int, features: int) -> None:
    arguments = forests.random_trees(seed, trees=3, features=features, outputs=2, wide=wide, sets=sets, nodes=12)
    rows = forests.random_rows(seed, 3, features)
    found = reasons(form, arguments, rows)
    for row, values in zip(rows, found, strict=True):
        assert_allclose(values, shapley(arguments, row), rtol=1e-10, atol=1e-12)


@EVERY
@given(forests.trees(most_features=30), st.integers(0, 2**32), st.integers(0, 9))
def test_both_forms_give_the_same_bits(compiled: Any, arguments: dict[str, Any], seed: int, count: int) -> None:
    rows = forests.random_rows(seed, count, arguments["features"])
    assert reasons(compiled, arguments, rows).tobytes() == reasons(loops, arguments, rows).tobytes()
    made = [form.Trees(**arguments) for form in (compiled, loops)]
    assert made[0].expected == made[1].expected
    assert made[0].path_features == made[1].path_features


@EVERY
@given(forests.trees(most_features=30), st.integers(0, 2**32))
def test_reasons_and_the_expected_score_add_up_to_the_score(form: Any, arguments: dict[str, Any], seed: int) -> None:
    rows = forests.random_rows(seed, 5, arguments["features"])
    trees = form.Trees(**arguments)
    scores = np.empty((5, arguments["outputs"]))
    trees.table(rows, scores)
    assert_allclose(reasons(form, arguments, rows).sum(axis=2) + trees.expected, scores, rtol=1e-9, atol=1e-9)


def regression(features: int = 6) -> tuple[Any, Any]:
    random = np.random.default_rng(4)
    x = random.standard_normal((1500, features))
    x[:, -1] = random.integers(0, 40, len(x))
    y = x[:, 0] * x[:, 1] + np.sin(x[:, 2] * 3) + np.isin(x[:, -1], [1, 3, 33]) * 2.0
    x[random.random(x.shape) < 0.1] = np.nan
    return x, y


def test_reasons_are_those_of_lightgbm(form: Any) -> None:
    import lightgbm

    x, y = regression()
    data = lightgbm.Dataset(x, y, categorical_feature=[5], free_raw_data=False)
    booster = lightgbm.train({"objective": "regression", "verbosity": -1, "num_threads": 1}, data, 20)
    arguments = forests.of_lightgbm(booster, 6)
    expected = np.asarray(booster.predict(x[:50], pred_contrib=True, num_threads=1))
    assert_allclose(reasons(form, arguments, x[:50])[:, 0], expected[:, :-1], rtol=1e-7, atol=1e-10)
    assert form.Trees(**arguments).expected == pytest.approx([expected[0, -1]], rel=1e-7)


def test_reasons_are_those_of_xgboost(form: Any) -> None:
    import xgboost

    x, y = regression()
    kinds = ["q"] * 5 + ["c"]
    data = xgboost.DMatrix(x, y, feature_types=kinds, enable_categorical=True, nthread=1)
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 20)
    arguments = forests.of_xgboost(booster, 6)
    part = xgboost.DMatrix(x[:50], feature_types=kinds, enable_categorical=True, nthread=1)
    expected = booster.predict(part, pred_contribs=True)
    assert_allclose(reasons(form, arguments, x[:50])[:, 0], expected[:, :-1], rtol=1e-3, atol=1e-4)


def test_reasons_need_cover_and_enough_points(form: Any) -> None:
    arguments = forests.random_trees(2, trees=5, features=9, outputs=1, wide=False, sets=0, nodes=40)
    rows, out = np.zeros((2, 9)), np.zeros((2, 1, 9))
    trees = form.Trees(**arguments)
    assert trees.path_features > 2
    with pytest.raises(ValueError, match="points and weights must be at least"):
        trees.reasons(rows, out, np.array([0.5]), np.array([1.0]))
    points, weights = gauss_legendre(trees.path_features)
    with pytest.raises(ValueError, match="between 0 and 1"):
        trees.reasons(rows, out, points - 1.0, weights)
    bare = form.Trees(**arguments | {"cover": None})
    assert bare.expected is None
    with pytest.raises(ValueError, match="need trees with cover"):
        bare.reasons(rows, out, points, weights)
