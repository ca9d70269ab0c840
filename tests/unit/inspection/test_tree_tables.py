"""Tables of trees give what the loops give, whatever the trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motadata_ml_server import loops
from motadata_ml_server.inspection import tree_contributions, tree_tables
from motadata_ml_server.inspection.tree_contributions import TreesExplainer, in_parts
from motadata_ml_server.loops.quadrature import gauss_legendre
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel
from tests.unit.loops import forests

EVERY = settings(max_examples=60, deadline=None)


def model(seed: int, *, wide: bool, nodes: int = 12, features: int = 4) -> TreeModel:
    given = forests.random_trees(
        seed, trees=3, features=features, outputs=3, wide=wide, sets=0, nodes=nodes, covered=True
    )
    arrays: dict[str, Any] = {
        name: np.asarray(given[name], np.uint8 if name == "missing_left" else None)
        for name in (
            *("starts", "feature", "threshold", "left", "right", "missing_left", "values", "target", "base", "cover"),
        )
    }
    return TreeModel(features, 3, "softmax", given["divide"], arrays)


def rows(seed: int, features: int = 4) -> Any:
    return np.random.default_rng(seed).choice(forests.NUMBERS, (17, features))


def by_loops(of: TreeModel, numbers: Any) -> Any:
    trees = of.open(loops)
    out = np.empty((len(numbers), of.outputs, of.features))
    trees.reasons(numbers, out, *gauss_legendre(trees.path_features))
    return out


@EVERY
@given(st.integers(0, 2**32), st.booleans())
def test_tables_give_what_the_loops_give(seed: int, wide: bool) -> None:
    whole, numbers = model(seed, wide=wide), rows(seed)
    expected = by_loops(whole, numbers)
    for output in range(3):
        own = tree_tables.of_output(whole, output)
        assert tree_tables.suited(own)
        found = tree_tables.TreeTables(own, no_breath).reasons(numbers, no_breath)
        np.testing.assert_allclose(found, expected[:, output], rtol=1e-9, atol=1e-12)


@EVERY
@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 20))
def test_parts_of_an_ensemble_add_up_to_it(seed: int, wide: bool, most: int) -> None:
    whole, numbers = model(seed, wide=wide), rows(seed)
    parts = in_parts(whole, most)
    total = sum(by_loops(part, numbers) for part in parts)
    np.testing.assert_allclose(total, by_loops(whole, numbers), rtol=1e-9, atol=1e-12)
    expected = np.sum([part.open(loops).expected for part in parts], axis=0)
    np.testing.assert_allclose(expected, whole.open(loops).expected, rtol=1e-9, atol=1e-12)


def test_a_path_of_many_features_is_left_to_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of twelve splits, each by a feature of its own."""
    count = 12
    nodes = 2 * count + 1
    left, right = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    left[0 : 2 * count : 2], right[0 : 2 * count : 2] = np.arange(1, nodes, 2), np.arange(2, nodes + 1, 2)
    random = np.random.default_rng(0)
    cover = np.array([float(nodes + 3 - at) for at in range(nodes)])
    cover[1::2] = 1.0
    arrays: dict[str, Any] = {
        "starts": np.array([0, nodes], np.int64),
        "feature": (np.arange(nodes, dtype=np.int32) // 2) % count,
        "threshold": np.zeros(nodes),
        "left": left,
        "right": right,
        "missing_left": np.zeros(nodes, np.uint8),
        "values": random.standard_normal((nodes, 1)),
        "target": np.zeros(1, np.int32),
        "base": np.zeros(1),
        "cover": cover,
    }
    chain = TreeModel(count, 1, "identity", 1.0, arrays)
    assert not tree_tables.suited(chain)
    monkeypatch.setattr(tree_contributions, "MANY", 0)
    monkeypatch.setattr(tree_contributions, "MANY_PURE", 0)
    numbers = random.standard_normal((9, count))
    found = TreesExplainer(chain, None).explain(numbers, np.zeros(9, np.intp), no_breath)
    np.testing.assert_allclose(found.parts, by_loops(chain, numbers)[:, 0], rtol=1e-9, atol=1e-12)


def test_many_rows_are_looked_up_and_add_up() -> None:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
    from motadata_ml_server.worker.compile.tree_arrays import tree_model

    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, y)
    ensemble = read_ensemble(forest)
    assert ensemble is not None
    explainer = TreesExplainer(tree_model(ensemble, 4), 3)
    few = explainer.explain(X, y, no_breath)
    many = np.tile(X, (20, 1))
    found = explainer.explain(many, np.tile(y, 20), no_breath)
    assert explainer._tables
    np.testing.assert_allclose(found.parts[:150], few.parts, rtol=1e-9, atol=1e-12)
    chances = forest.predict_proba(X)[np.arange(150), y]
    np.testing.assert_allclose(found.base[:150] + found.parts[:150].sum(axis=1), chances, rtol=1e-9)
