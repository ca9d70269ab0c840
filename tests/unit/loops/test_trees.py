"""Trees over tables and single rows: as the libraries that grew them, and the same bits in both forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from motadata_ml_server import loops
from tests.unit.loops import forests

EVERY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(form: Any, arguments: dict[str, Any], rows: Any) -> Any:
    trees = form.Trees(**arguments)
    out = np.full((len(rows), arguments["outputs"]), np.nan)
    trees.table(rows, out)
    return out


def sample(rows: int = 700, features: int = 5, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, features))
    return x, x[:, 0] * 2 - x[:, 1] + x[:, 2] * x[:, 3] + 0.1 * random.standard_normal(rows)


@EVERY
@given(forests.trees(), st.integers(0, 2**32), st.integers(0, 300))
def test_scores_are_those_of_a_walk_node_by_node(form: Any, arguments: dict[str, Any], seed: int, count: int) -> None:
    rows = forests.random_rows(seed, count, arguments["features"])
    found = table(form, arguments, rows)
    for at in {0, count // 2, count - 1} if count else ():
        assert found[at].tolist() == forests.walk(arguments, rows[at])


@EVERY
@given(forests.trees(), st.integers(0, 2**32), st.integers(0, 600))
def test_both_forms_give_the_same_bits(compiled: Any, arguments: dict[str, Any], seed: int, count: int) -> None:
    rows = forests.random_rows(seed, count, arguments["features"])
    assert table(compiled, arguments, rows).tobytes() == table(loops, arguments, rows).tobytes()


@EVERY
@given(forests.trees(), st.integers(0, 2**32))
def test_one_row_has_the_bits_of_the_table(form: Any, arguments: dict[str, Any], seed: int) -> None:
    rows = forests.random_rows(seed, 20, arguments["features"])
    expected = table(form, arguments, rows)
    row = np.zeros(arguments["features"])
    bound = form.Trees(**arguments).bind(row)
    for at in range(len(rows)):
        row[:] = rows[at]
        assert bound.scores() == expected[at].tolist()


@pytest.mark.parametrize("layout", ["columns", "every second", "backwards", "unaligned", "read only"])
def test_rows_may_lie_in_any_layout(form: Any, layout: str) -> None:
    arguments = forests.random_trees(3, trees=20, features=4, outputs=2, wide=True, sets=0, nodes=30)
    plain = forests.random_rows(1, 555, 4)
    layouts: dict[str, Callable[[], NDArray[np.float64]]] = {
        "columns": lambda: np.asfortranarray(plain),
        "every second": lambda: np.repeat(plain, 2, axis=0)[::2],
        "backwards": lambda: plain[::-1].copy()[::-1],
        "unaligned": lambda: np.frombuffer(b"\0" + plain.tobytes(), np.uint8)[1:].view(np.float64).reshape(plain.shape),
        "read only": lambda: np.frombuffer(plain.tobytes()).reshape(plain.shape),
    }
    rows = layouts[layout]()
    assert_array_equal(table(form, arguments, rows), table(form, arguments, plain))


def test_only_the_rows_that_are_asked_for_are_written(form: Any) -> None:
    arguments = forests.random_trees(3, trees=5, features=4, outputs=1, wide=False, sets=1, nodes=30)
    rows = forests.random_rows(1, 100, 4)
    out = np.full((100, 1), 7.0)
    form.Trees(**arguments).table(rows, out, 17, 60)
    assert_array_equal(out[17:60], table(form, arguments, rows)[17:60])
    assert (np.delete(out, range(17, 60)) == 7.0).all()


def test_nodes_that_no_root_reaches_are_left_out(form: Any) -> None:
    arguments = forests.random_trees(5, trees=1, features=2, outputs=1, wide=False, sets=0, nodes=6)
    arguments["left"], arguments["right"] = arguments["left"].copy(), arguments["right"].copy()
    kept = int(form.Trees(**arguments).nodes)
    at = int(np.flatnonzero(arguments["left"] >= 0)[-1])
    arguments["left"][at] = arguments["right"][at] = -1
    assert form.Trees(**arguments).nodes == kept - 2


def test_deep_chain_is_followed_to_its_end(form: Any) -> None:
    depth = 3000
    inner = np.arange(depth)
    left = np.concatenate([2 * inner + 1, np.full(depth + 1, -1)])
    order = np.empty(2 * depth + 1, np.int32)
    order[0] = -1
    chain_left, chain_right = np.full(2 * depth + 1, -1, np.int32), np.full(2 * depth + 1, -1, np.int32)
    for level in range(depth):
        at = 2 * level
        chain_left[at], chain_right[at] = at + 1, at + 2
    assert len(left) == len(chain_left)
    arguments = {
        "features": 1,
        "outputs": 1,
        "starts": np.array([0, 2 * depth + 1]),
        "feature": np.zeros(2 * depth + 1, np.int32),
        "threshold": np.arange(2 * depth + 1) / 2.0,
        "left": chain_left,
        "right": chain_right,
        "missing_left": np.zeros(2 * depth + 1, bool),
        "values": np.arange(2.0 * depth + 1)[:, None],
    }
    rows = np.array([[-1.0], [0.5], [1499.0], [1e9], [np.nan]] * 5)
    assert table(form, arguments, rows)[:5, 0].tolist() == [1.0, 3.0, 2999.0, 2.0 * depth, 2.0 * depth]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_forest_answers_as_scikit_learn(form: Any, classes: int, missing: bool) -> None:
    from sklearn.ensemble import RandomForestClassifier

    x, y = sample()
    if missing:
        x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    label = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    forest = RandomForestClassifier(40, random_state=0).fit(x, label)
    found = table(form, forests.of_estimator(forest, 5), x)
    expected = forest.predict_proba(x)
    assert_array_equal(found, expected if classes > 2 else expected[:, 1:])


def test_hist_gradient_boosting_answers_as_scikit_learn(form: Any) -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    x, y = sample()
    x[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    model = HistGradientBoostingRegressor(random_state=0).fit(x, y)
    assert_array_equal(table(form, forests.of_estimator(model, 5), x)[:, 0], model.predict(x))


def test_lightgbm_answers_with_categories_and_missing_values(form: Any) -> None:
    import lightgbm

    x, y = sample(3000)
    random = np.random.default_rng(2)
    x[:, 4] = random.integers(0, 50, len(x))
    y = y + np.isin(x[:, 4], [1, 3, 7, 33, 49]) * 2.0
    x[random.random(x.shape) < 0.1] = np.nan
    data = lightgbm.Dataset(x, y, categorical_feature=[4], free_raw_data=False)
    booster = lightgbm.train({"objective": "regression", "verbosity": -1, "num_threads": 1}, data, 30)
    arguments = forests.of_lightgbm(booster, 5)
    assert (arguments["category"] >= 0).any()
    unusual = np.concatenate([x, np.column_stack([x[:9, :4], [-5.0, -1.0, -0.5, 0.5, 49.9, 50.0, 63.0, 64.0, 1e9]])])
    assert_allclose(table(form, arguments, unusual)[:, 0], booster.predict(unusual, num_threads=1), rtol=1e-12)


def test_xgboost_answers_with_categories_and_missing_values(form: Any) -> None:
    import xgboost

    x, y = sample(3000)
    random = np.random.default_rng(2)
    x[:, 4] = random.integers(0, 50, len(x))
    y = y + np.isin(x[:, 4], [1, 3, 7, 33, 49]) * 2.0
    x[random.random(x.shape) < 0.1] = np.nan
    data = xgboost.DMatrix(x, y, feature_types=["q"] * 4 + ["c"], enable_categorical=True, nthread=1)
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 30)
    arguments = forests.of_xgboost(booster, 5)
    assert (arguments["category"] >= 0).any()
    assert_allclose(table(form, arguments, x)[:, 0], booster.predict(data), rtol=1e-5, atol=1e-5)


def test_equal_number_goes_left_and_the_next_one_right(form: Any) -> None:
    arguments = forests.random_trees(0, trees=1, features=1, outputs=1, wide=False, sets=0, nodes=0)
    arguments |= {
        "starts": np.array([0, 3]),
        "feature": np.zeros(3, np.int32),
        "threshold": np.array([0.5, 0.0, 0.0]),
        "left": np.array([1, -1, -1], np.int32),
        "right": np.array([2, -1, -1], np.int32),
        "missing_left": np.array([True, False, False]),
        "values": np.array([[0.0], [1.0], [2.0]]),
        "base": None,
        "cover": None,
        "divide": 1.0,
    }
    rows = np.array([[0.5], [np.nextafter(0.5, 1)], [np.nan], [np.inf], [-np.inf]] * 7)
    assert table(form, arguments, rows)[:5, 0].tolist() == [1.0, 2.0, 1.0, 2.0, 1.0]


def _damages() -> dict[str, Any]:
    return {
        "child before its parent": lambda a: a["left"].__setitem__(0, 0),
        "child of the next tree": lambda a: a["left"].__setitem__(0, a["starts"][1]),
        "child far away": lambda a: a["right"].__setitem__(0, 2**31 - 1),
        "one child": lambda a: a["right"].__setitem__(0, -1),
        "child below -1": lambda a: a["left"].__setitem__(0, -2),
        "both children one": lambda a: a["left"].__setitem__(0, a["right"][0]),
        "feature too large": lambda a: a["feature"].__setitem__(0, a["features"]),
        "feature below 0": lambda a: a["feature"].__setitem__(0, -1),
        "target too large": lambda a: a["target"].__setitem__(0, a["outputs"]),
        "target below 0": lambda a: a["target"].__setitem__(0, -1),
        "set unknown": lambda a: a["category"].__setitem__(0, 2),
        "threshold NaN": lambda a: (a["category"].__setitem__(0, -1), a["threshold"].__setitem__(0, np.nan)),
        "starts fall": lambda a: a["starts"].__setitem__(1, 0),
        "starts too far": lambda a: a["starts"].__setitem__(-1, a["starts"][-1] + 1),
        "starts begin later": lambda a: a["starts"].__setitem__(0, 1),
        "sets fall": lambda a: a["set_starts"].__setitem__(1, -1),
        "sets too far": lambda a: a["set_starts"].__setitem__(-1, 99),
        "cover 0": lambda a: a["cover"].__setitem__(0, 0.0),
        "cover NaN": lambda a: a["cover"].__setitem__(int(a["left"][0]), np.nan),
        "threshold too short": lambda a: a.__setitem__("threshold", a["threshold"][:-1]),
        "values too short": lambda a: a.__setitem__("values", a["values"][:-1]),
        "values too narrow": lambda a: a.__setitem__("values", a["values"][:, :2].copy()),
        "base too short": lambda a: a.__setitem__("base", a["base"][:-1]),
        "cover too short": lambda a: a.__setitem__("cover", a["cover"][:-1]),
        "no features": lambda a: a.__setitem__("features", 0),
        "no outputs": lambda a: a.__setitem__("outputs", 0),
        "divide 0": lambda a: a.__setitem__("divide", 0.0),
        "sets without words": lambda a: a.__setitem__("set_words", None),
    }


@pytest.mark.parametrize("damage", _damages())
def test_damaged_arrays_are_refused(form: Any, damage: str) -> None:
    arguments = forests.random_trees(11, trees=3, features=3, outputs=3, wide=True, sets=2, nodes=8)
    assert arguments["left"][0] >= 0
    form.Trees(**arguments)
    _damages()[damage](arguments)
    with pytest.raises(ValueError, match=r"must|belong together"):
        form.Trees(**arguments)


@pytest.mark.parametrize("name", ["starts", "feature", "threshold", "left", "missing_left", "values"])
def test_array_of_another_type_is_refused(form: Any, name: str) -> None:
    arguments = forests.random_trees(11, trees=3, features=3, outputs=1, wide=False, sets=0, nodes=8)
    with pytest.raises(TypeError, match=f"{name} must be an array of"):
        form.Trees(**arguments | {name: np.ones(arguments[name].shape, np.float32)})


def test_tree_deeper_than_the_bound_is_refused(form: Any) -> None:
    nodes = 2 * 4097 + 1
    left, right = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    left[0:-1:2], right[0:-1:2] = np.arange(1, nodes, 2), np.arange(2, nodes, 2)
    zeros = np.zeros(nodes)
    arguments = {"left": left, "right": right, "starts": np.array([0, nodes]), "feature": zeros.astype(np.int32)}
    with pytest.raises(ValueError, match="4096 deep"):
        form.Trees(1, 1, **arguments, threshold=zeros, missing_left=zeros.astype(bool), values=zeros[:, None])


def test_shapes_that_disagree_are_refused(form: Any) -> None:
    arguments = forests.random_trees(11, trees=3, features=3, outputs=2, wide=True, sets=0, nodes=8)
    trees = form.Trees(**arguments)
    with pytest.raises(ValueError, match="rows must have 3 columns, got 2"):
        trees.table(np.zeros((5, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="out must have 2 numbers for each of the 5 rows"):
        trees.table(np.zeros((5, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="start and stop must lie within"):
        trees.table(np.zeros((5, 3)), np.zeros((5, 2)), 0, 6)
    with pytest.raises(ValueError, match="row must have 3 numbers, got 4"):
        trees.bind(np.zeros(4))


def test_arrays_may_change_once_the_trees_are_made(form: Any) -> None:
    arguments = forests.random_trees(11, trees=9, features=3, outputs=2, wide=True, sets=2, nodes=8)
    rows = forests.random_rows(1, 40, 3)
    trees = form.Trees(**arguments)
    before, after = np.zeros((40, 2)), np.zeros((40, 2))
    trees.table(rows, before)
    for array in arguments.values():
        if isinstance(array, np.ndarray):
            array[:] = 1
    trees.table(rows, after)
    assert_array_equal(before, after)


@pytest.mark.parametrize("number", [-0.5, -0.0, 0.0, 0.5, 31.0, 1e300])
def test_empty_set_holds_nothing(form: Any, number: float) -> None:
    arguments = forests.random_trees(0, trees=1, features=1, outputs=1, wide=False, sets=0, nodes=0)
    arguments |= {
        "starts": np.array([0, 3]),
        "feature": np.zeros(3, np.int32),
        "threshold": np.zeros(3),
        "left": np.array([1, -1, -1], np.int32),
        "right": np.array([2, -1, -1], np.int32),
        "missing_left": np.zeros(3, bool),
        "values": np.array([[0.0], [1.0], [2.0]]),
        "category": np.zeros(3, np.int32),
        "set_starts": np.zeros(2, np.int64),
        "set_words": np.zeros(0, np.uint32),
        "base": None,
        "cover": None,
        "divide": 1.0,
    }
    for outside, expected in ((False, 2.0), (True, 1.0)):
        arguments["outside_left"] = np.full(3, outside)
        assert table(form, arguments, np.array([[number]])).tolist() == [[expected]]
