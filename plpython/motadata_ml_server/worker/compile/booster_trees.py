"""XGBoost's and LightGBM's trees as plain arrays, read from the libraries' own JSON forms.

Once read, a session predicts without either library. XGBoost compares float32(x) < condition and adds leaves in single
precision; LightGBM compares doubles as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from motadata_ml_server.worker.compile.tree import Ensemble, Tree, constant_tree, float32_threshold

_XGBOOST_LINKS = {"binary:logistic": "logit", "multi:softprob": "softmax", "reg:squarederror": "identity"}
_LIGHTGBM_LINKS = {"binary": "logit", "multiclass": "softmax", "regression": "identity"}


def read_xgboost(estimator: Any) -> Ensemble | None:
    """Read the trees of an XGBClassifier or XGBRegressor; None where it boosts something else."""
    learner = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    link = _XGBOOST_LINKS.get(learner["objective"]["name"])
    if link is None or learner["gradient_booster"]["name"] != "gbtree":
        return None
    model = learner["gradient_booster"]["model"]
    parameters = learner["learner_model_param"]
    outputs = max(1, int(parameters["num_class"]))
    scores = _base_scores(parameters["base_score"], outputs)
    trees = [constant_tree(_margin(score, link), target) for target, score in enumerate(scores)]
    for tree, target in zip(model["trees"], model["tree_info"], strict=True):
        read = _xgboost_tree(tree, int(target))
        if read is None:
            return None
        trees.append(read)
    return Ensemble(trees, outputs, link)


def _base_scores(stored: str, outputs: int) -> list[float]:
    found = json.loads(stored.replace("E", "e"))
    scores = [float(score) for score in found] if isinstance(found, list) else [float(found)]
    return scores * outputs if len(scores) == 1 else scores


def _margin(score: float, link: str) -> float:
    return math.log(score / (1.0 - score)) if link == "logit" else score


def _xgboost_tree(tree: Mapping[str, Any], target: int) -> Tree | None:
    if any(tree["split_type"]) or int(tree["tree_param"]["size_leaf_vector"]) > 1:
        return None
    left = np.array(tree["left_children"], dtype=np.int64)
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    below = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    return Tree(
        left,
        np.array(tree["right_children"], dtype=np.int64),
        np.where(left < 0, 0, np.array(tree["split_indices"], dtype=np.int64)),
        float32_threshold(below),
        np.array(tree["default_left"], dtype=bool),
        condition.astype(np.float64)[:, None],
        target,
        np.array(tree["sum_hessian"], dtype=np.float64),
    )


def read_lightgbm(estimator: Any) -> Ensemble | None:
    """Read the trees of an LGBMClassifier or LGBMRegressor; None where it is set up in another way."""
    model = estimator.booster_.dump_model()
    link = _LIGHTGBM_LINKS.get(str(model["objective"]).split(" ")[0])
    if link is None or ("sigmoid:" in model["objective"] and "sigmoid:1" not in model["objective"].split(" ")):
        return None
    outputs = int(model["num_tree_per_iteration"])
    trees = []
    for number, info in enumerate(model["tree_info"]):
        read = _lightgbm_tree(info["tree_structure"], number % outputs)
        if read is None:
            return None
        trees.append(read)
    rounds = len(trees) // outputs
    return Ensemble(trees, outputs, link, float(rounds) if model["average_output"] else 1.0)


class _Arrays:
    """The parallel arrays of a tree, filled node by node."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.right: list[int] = []
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.missing: list[bool] = []
        self.values: list[float] = []
        self.cover: list[float] = []

    def add(self, feature: int, threshold: float, missing: bool, value: float, cover: float) -> int:
        self.left.append(-1)
        self.right.append(-1)
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.missing.append(missing)
        self.values.append(value)
        self.cover.append(cover)
        return len(self.left) - 1

    def tree(self, target: int) -> Tree:
        return Tree(
            np.array(self.left, dtype=np.int64),
            np.array(self.right, dtype=np.int64),
            np.array(self.feature, dtype=np.int64),
            np.array(self.threshold),
            np.array(self.missing, dtype=bool),
            np.array(self.values)[:, None],
            target,
            np.array(self.cover),
        )


def _lightgbm_tree(structure: Mapping[str, Any], target: int) -> Tree | None:
    arrays = _Arrays()
    waiting: list[tuple[Mapping[str, Any], list[int] | None, int]] = [(structure, None, 0)]
    while waiting:
        node, siblings, parent = waiting.pop()
        if "leaf_value" in node:
            # a tree of one leaf has no count
            place = arrays.add(0, 0.0, True, float(node["leaf_value"]), float(node.get("leaf_count", 0)))
        else:
            if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
                return None
            threshold = float(node["threshold"])
            # a tree that saw no NaN takes one for 0
            missing = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
            rows = float(node["internal_count"])
            place = arrays.add(int(node["split_feature"]), threshold, missing, 0.0, rows)
            waiting += [(node["left_child"], arrays.left, place), (node["right_child"], arrays.right, place)]
        if siblings is not None:
            siblings[parent] = place
    return arrays.tree(target)
