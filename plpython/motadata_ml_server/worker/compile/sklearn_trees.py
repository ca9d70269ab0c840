"""Decision trees of fitted estimators as plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.worker.compile.tree import Ensemble, Tree, constant_tree, float32_threshold


def read_ensemble(estimator: Any) -> Ensemble | None:
    """Read the trees of an estimator.

    Parameters
    ----------
    estimator : object
        A fitted estimator of scikit-learn, XGBoost or LightGBM.

    Returns
    -------
    Ensemble or None
        None where it is of another family, or holds something other than such trees.
    """
    name = type(estimator).__name__
    if name.startswith(("XGB", "LGBM")):
        from motadata_ml_server.worker.compile import booster_trees

        return (booster_trees.read_xgboost if name.startswith("XGB") else booster_trees.read_lightgbm)(estimator)
    reader = _READERS.get(name)
    return None if reader is None else reader(estimator)


def _tree(fitted: Any, values: NDArray[np.float64], columns: Any = None, target: int = 0) -> Tree:
    source = fitted.tree_
    feature = np.maximum(np.asarray(source.feature, dtype=np.int64), 0)
    if columns is not None:
        feature = np.asarray(columns, dtype=np.int64)[feature]
    return Tree(
        np.asarray(source.children_left, dtype=np.int64),
        np.asarray(source.children_right, dtype=np.int64),
        feature,
        float32_threshold(np.asarray(source.threshold, dtype=np.float64)),
        np.asarray(source.missing_go_to_left, dtype=bool),
        np.asarray(values, dtype=np.float64),
        target,
        np.asarray(source.weighted_n_node_samples, dtype=np.float64),
    )


def _class_ensemble(members: list[tuple[Any, Any]], count: int) -> Ensemble | None:
    """Read class shares; two classes need only the second's share."""
    if any(member.tree_.n_outputs != 1 for member, _ in members):
        return None
    shares = [(member, columns, member.tree_.value[:, 0, :]) for member, columns in members]
    if count == 2:
        trees = [_tree(member, share[:, 1:], columns) for member, columns, share in shares]
        return Ensemble(trees, 1, "probability1", float(len(trees)))
    trees = [_tree(member, share, columns) for member, columns, share in shares]
    return Ensemble(trees, count, "probabilities", float(len(trees)))


def _value_ensemble(members: list[tuple[Any, Any]]) -> Ensemble | None:
    if any(member.tree_.n_outputs != 1 for member, _ in members):
        return None
    trees = [_tree(member, member.tree_.value[:, 0, :1], columns) for member, columns in members]
    return Ensemble(trees, 1, "identity", float(len(trees)))


def _single_classifier(estimator: Any) -> Ensemble | None:
    return _class_ensemble([(estimator, None)], len(estimator.classes_))


def _single_regressor(estimator: Any) -> Ensemble | None:
    return _value_ensemble([(estimator, None)])


def _forest_classifier(estimator: Any) -> Ensemble | None:
    return _class_ensemble([(tree, None) for tree in estimator.estimators_], len(estimator.classes_))


def _forest_regressor(estimator: Any) -> Ensemble | None:
    return _value_ensemble([(tree, None) for tree in estimator.estimators_])


def _bagged(estimator: Any) -> list[tuple[Any, Any]] | None:
    members = list(zip(estimator.estimators_, estimator.estimators_features_, strict=True))
    return members if all(hasattr(tree, "tree_") for tree, _ in members) else None


def _bagging_classifier(estimator: Any) -> Ensemble | None:
    members = _bagged(estimator)
    count = len(estimator.classes_)
    if members is None or any(len(tree.classes_) != count for tree, _ in members):
        return None
    return _class_ensemble(members, count)


def _bagging_regressor(estimator: Any) -> Ensemble | None:
    members = _bagged(estimator)
    return None if members is None else _value_ensemble(members)


def _gradient_boosting(estimator: Any) -> Ensemble | None:
    initial = type(estimator.init_).__name__
    if initial not in {"DummyClassifier", "DummyRegressor"} and estimator.init_ != "zero":
        return None
    start = estimator._raw_predict_init(np.zeros((1, int(estimator.n_features_in_))))[0]
    outputs = estimator.estimators_.shape[1]
    rate = float(estimator.learning_rate)
    trees = [constant_tree(float(start[target]), target) for target in range(outputs)]
    for stage in estimator.estimators_:
        trees += [_tree(tree, rate * tree.tree_.value[:, 0, :1], None, target) for target, tree in enumerate(stage)]
    if not hasattr(estimator, "classes_"):
        return Ensemble(trees, outputs, "identity")
    if outputs == 1 and estimator.loss == "exponential":
        # its probability is expit(2 * score); doubling is exact
        trees = [Tree(**{**vars(tree), "values": 2.0 * tree.values}) for tree in trees]
    return Ensemble(trees, outputs, "logit_ge" if outputs == 1 else "softmax")


def _hist_gradient_boosting(estimator: Any) -> Ensemble | None:
    if getattr(estimator, "is_categorical_", None) is not None:
        return None
    baseline = np.ravel(estimator._baseline_prediction)
    trees = [constant_tree(float(value), target) for target, value in enumerate(baseline)]
    for stage in estimator._predictors:
        trees += [_hist_tree(predictor.nodes, target) for target, predictor in enumerate(stage)]
    if hasattr(estimator, "classes_"):
        return Ensemble(trees, len(baseline), "logit" if len(baseline) == 1 else "softmax")
    link = {"poisson": "exp", "gamma": "exp"}.get(estimator.loss, "identity")
    return Ensemble(trees, 1, link)


def _hist_tree(nodes: Any, target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(np.float64),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].astype(np.float64)[:, None],
        target,
        nodes["count"].astype(np.float64),
    )


def _voting_regressor(estimator: Any) -> Ensemble | None:
    """Read the weighted mean of ensembles of values: it is one ensemble, of their trees with smaller leaves."""
    given = estimator.weights or [1.0] * len(estimator.estimators_)
    trees: list[Tree] = []
    for member, weight in zip(estimator.estimators_, given, strict=True):
        read = read_ensemble(member)
        if read is None or read.link != "identity" or read.wide:
            return None
        share = weight / (sum(given) * read.divide)
        trees += [replace(tree, values=tree.values * share) for tree in read.trees]
    return Ensemble(trees, 1, "identity")


def _ada_boost_classifier(estimator: Any) -> Ensemble | None:
    count = len(estimator.classes_)
    if count < 2 or any(not hasattr(tree, "tree_") for tree in estimator.estimators_):
        return None
    total = float(estimator.estimator_weights_.sum())
    trees = []
    for tree, weight in zip(estimator.estimators_, estimator.estimator_weights_, strict=False):
        if len(tree.classes_) != count:
            return None
        chosen = np.argmax(tree.tree_.value[:, 0, :], axis=1)
        votes = np.where(np.arange(count) == chosen[:, None], weight, -weight / (count - 1))
        if count == 2:
            trees.append(_tree(tree, (votes[:, 1] - votes[:, 0])[:, None]))
        else:
            trees.append(_tree(tree, votes))
    if count == 2:
        return Ensemble(trees, 1, "logit", total)
    return Ensemble(trees, count, "softmax", total * (count - 1))


def _isolation_forest(estimator: Any) -> Ensemble | None:
    trees = [
        _tree(tree, _depths(tree.tree_)[:, None], columns)
        for tree, columns in zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    ]
    average = float(_average_path(np.array([estimator._max_samples]))[0])
    divide = len(trees) * average
    if divide == 0.0:
        return None
    return Ensemble(trees, 1, "isolation", divide, {"offset": float(estimator.offset_)})


def _depths(tree: Any) -> NDArray[np.float64]:
    """Return the path length of each node: its depth, and what its samples would add (Liu 2008)."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1.0
    return np.asarray(depth + 1.0 + _average_path(np.asarray(tree.n_node_samples)) - 1.0)


def _average_path(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Return the average path length of an unsuccessful search in a tree of some samples."""
    n = samples.astype(np.float64)
    result = np.zeros(len(n))
    result[n == 2] = 1.0
    many = n > 2
    result[many] = 2.0 * (np.log(n[many] - 1.0) + np.euler_gamma) - 2.0 * (n[many] - 1.0) / n[many]
    return result


_READERS: Final[dict[str, Callable[[Any], Ensemble | None]]] = {
    "AdaBoostClassifier": _ada_boost_classifier,
    "BaggingClassifier": _bagging_classifier,
    "BaggingRegressor": _bagging_regressor,
    "DecisionTreeClassifier": _single_classifier,
    "DecisionTreeRegressor": _single_regressor,
    "ExtraTreeClassifier": _single_classifier,
    "ExtraTreeRegressor": _single_regressor,
    "ExtraTreesClassifier": _forest_classifier,
    "ExtraTreesRegressor": _forest_regressor,
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": _hist_gradient_boosting,
    "HistGradientBoostingRegressor": _hist_gradient_boosting,
    "IsolationForest": _isolation_forest,
    "RandomForestClassifier": _forest_classifier,
    "RandomForestRegressor": _forest_regressor,
    "VotingRegressor": _voting_regressor,
}
