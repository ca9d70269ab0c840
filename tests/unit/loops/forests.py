"""Trees for the tests of the loops: random ones, and those of fitted estimators, as the arrays of `Trees`."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
from motadata_ml_server.worker.compile.tree import Ensemble

NUMBERS = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 31.0, 32.0, 40.0, 1e300, -1e300, np.inf, -np.inf, np.nan]


def random_trees(
    seed: int, *, trees: int, features: int, outputs: int, wide: bool, sets: int, nodes: int, covered: bool = True
) -> dict[str, Any]:
    """Return the arguments of `Trees` for random trees of at most so many splits each."""
    random = np.random.default_rng(seed)
    left: list[int] = []
    right: list[int] = []
    cover: list[float] = []
    starts = [0]
    for _ in range(trees):
        own_left, own_right, own_cover = [-1], [-1], [float(random.integers(1, 1000))]
        open_leaves = [0]
        for _ in range(int(random.integers(0, nodes + 1))):
            at = open_leaves.pop(int(random.integers(len(open_leaves))))
            children = [len(own_left), len(own_left) + 1]
            share = random.choice([0.0, 0.1, 0.5, 0.9, 1.0] if own_cover[at] > 0 else [0.5])
            own_left[at], own_right[at] = children if random.random() < 0.5 else children[::-1]
            own_left += [-1, -1]
            own_right += [-1, -1]
            own_cover += [own_cover[at] * share, own_cover[at] * (1 - share)]
            open_leaves += [child for child in children if own_cover[child] > 0] or [children[0]]
            if own_cover[open_leaves[-1]] == 0.0:
                break
        left += own_left
        right += own_right
        cover += own_cover
        starts.append(len(left))
    count = len(left)
    words = [int(random.integers(0, 3)) for _ in range(sets)]
    return {
        "features": features,
        "outputs": outputs,
        "starts": np.array(starts, np.int64),
        "feature": random.integers(0, features, count).astype(np.int32),
        "threshold": random.choice([-1.0, 0.0, 0.5, 2.0, 1e300, np.inf, -np.inf], count),
        "left": np.array(left, np.int32),
        "right": np.array(right, np.int32),
        "missing_left": random.random(count) < 0.5,
        "values": random.standard_normal((count, outputs if wide else 1)),
        "target": random.integers(0, outputs, trees).astype(np.int32),
        "base": random.standard_normal(outputs),
        "cover": np.array(cover) if covered else None,
        "divide": float(random.choice([1.0, 3.0])),
        **(
            {
                "category": random.integers(-1, sets, count).astype(np.int32),
                "set_starts": np.concatenate([[0], np.cumsum(words)]).astype(np.int64),
                "set_words": random.integers(0, 2**32, sum(words), dtype=np.uint32),
                "outside_left": random.random(count) < 0.5,
            }
            if sets
            else {}
        ),
    }


@st.composite
def trees(draw: st.DrawFn, *, most_features: int = 6, most_nodes: int = 40) -> dict[str, Any]:
    """Draw the arguments of `Trees`."""
    return random_trees(
        draw(st.integers(0, 2**32)),
        trees=draw(st.integers(0, 40)),
        features=draw(st.integers(1, most_features)),
        outputs=draw(st.integers(1, 4)),
        wide=draw(st.booleans()),
        sets=draw(st.integers(0, 3)),
        nodes=draw(st.integers(0, most_nodes)),
    )


def random_rows(seed: int, count: int, features: int) -> Any:
    """Return rows of ordinary and of unusual numbers."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, features)) * 2
    odd = random.random(rows.shape) < 0.4
    rows[odd] = random.choice(NUMBERS, int(odd.sum()))
    return rows


def of_estimator(estimator: Any, features: int) -> dict[str, Any]:
    """Return the arguments of `Trees` for an estimator that `read_ensemble` reads."""
    ensemble = read_ensemble(estimator)
    assert ensemble is not None
    return of_ensemble(ensemble, features)


def of_ensemble(ensemble: Ensemble, features: int) -> dict[str, Any]:
    """Return the arguments of `Trees`; cover is left out."""
    members = ensemble.trees
    return {
        "features": features,
        "outputs": ensemble.outputs,
        "starts": np.cumsum([0, *(len(tree.left) for tree in members)]).astype(np.int64),
        "feature": np.concatenate([tree.feature for tree in members]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree in members]),
        "left": np.concatenate([tree.left for tree in members]).astype(np.int32),
        "right": np.concatenate([tree.right for tree in members]).astype(np.int32),
        "missing_left": np.concatenate([tree.missing_left for tree in members]),
        "values": np.concatenate([tree.values for tree in members]),
        "target": np.array([tree.target for tree in members], np.int32),
        "divide": ensemble.divide,
    }


class _Growing:
    """Nodes with sets, added one by one."""

    def __init__(self, features: int) -> None:
        self.features = features
        self.starts = [0]
        self.columns: dict[str, list[Any]] = {
            name: []
            for name in ("feature", "threshold", "left", "right", "missing_left", "values", "cover", "category")
        }
        self.outside: list[bool] = []
        self.words: list[list[int]] = []

    def add(self, **cells: Any) -> None:
        """Add a node; `members` of a set as whole numbers, `outside` for the others."""
        members, outside = cells.pop("members", None), cells.pop("outside", False)
        cells["category"] = -1
        if members is not None:
            cells["category"] = len(self.words)
            words = [0] * (max(members, default=0) // 32 + 1)
            for member in members:
                words[member // 32] |= 1 << member % 32
            self.words.append(words)
        for name, cell in cells.items():
            self.columns[name].append(cell)
        self.outside.append(outside)

    def arguments(self, base: float) -> dict[str, Any]:
        """Return the arguments of `Trees`."""
        ints = {"feature", "left", "right", "category"}
        arrays = {
            name: np.array(cells, np.int32 if name in ints else bool if name == "missing_left" else np.float64)
            for name, cells in self.columns.items()
        }
        arrays["values"] = arrays["values"][:, None]
        return {
            "features": self.features,
            "outputs": 1,
            "starts": np.array(self.starts, np.int64),
            "base": np.array([base]),
            "set_starts": np.cumsum([0, *map(len, self.words)]).astype(np.int64),
            "set_words": np.array([word for words in self.words for word in words], np.uint32),
            "outside_left": np.array(self.outside),
            **arrays,
        }


def of_lightgbm(booster: Any, features: int) -> dict[str, Any]:
    """Return the arguments of `Trees` for LightGBM's trees, with sets and cover."""
    growing = _Growing(features)
    for tree in booster.dump_model()["tree_info"]:
        nodes: list[dict[str, Any]] = []

        def place(node: dict[str, Any], nodes: list[dict[str, Any]] = nodes) -> int:
            at = len(nodes)
            nodes.append(node)
            if "leaf_value" not in node:
                node["children"] = [place(node["left_child"]), place(node["right_child"])]
            return at

        place(tree["tree_structure"])
        for node in nodes:
            if "leaf_value" in node:
                cover = node.get("leaf_count", 1)
                cells = {"feature": 0, "threshold": 0.0, "left": -1, "right": -1, "missing_left": False}
                growing.add(**cells, values=node["leaf_value"], cover=cover)
                continue
            category = node["decision_type"] == "=="
            missing = node["default_left"] if node["missing_type"] == "NaN" else not category and node["threshold"] >= 0
            growing.add(
                feature=node["split_feature"],
                threshold=0.0 if category else node["threshold"],
                left=node["children"][0],
                right=node["children"][1],
                missing_left=missing and not category,
                values=0.0,
                cover=node["internal_count"],
                members=list(map(int, node["threshold"].split("||"))) if category else None,
            )
        growing.starts.append(growing.starts[-1] + len(nodes))
    return growing.arguments(0.0)


def of_xgboost(booster: Any, features: int) -> dict[str, Any]:
    """Return the arguments of `Trees` for XGBoost's trees of one output, with sets and cover."""
    from motadata_ml_server.worker.compile.tree import float32_threshold

    learner = json.loads(booster.save_raw("json"))["learner"]
    growing = _Growing(features)
    for tree in learner["gradient_booster"]["model"]["trees"]:
        condition = np.array(tree["split_conditions"], np.float32)
        threshold = float32_threshold(np.nextafter(condition, np.float32(-np.inf)).astype(np.float64))
        segments = {
            at: tree["categories"][begin : begin + size]
            for at, begin, size in zip(
                tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
            )
        }
        for at, left in enumerate(tree["left_children"]):
            right_going = segments.get(at)
            members = None
            if right_going is not None and left >= 0:
                # what is listed goes right, everything else left
                members = sorted(set(range(32 * (max(right_going, default=0) // 32 + 1))) - set(right_going))
            growing.add(
                feature=tree["split_indices"][at] if left >= 0 else 0,
                threshold=float(threshold[at]) if members is None else 0.0,
                left=left,
                right=tree["right_children"][at],
                missing_left=bool(tree["default_left"][at]),
                values=float(condition[at]),
                cover=float(tree["sum_hessian"][at]),
                members=members,
                outside=True,
            )
        growing.starts.append(growing.starts[-1] + len(tree["left_children"]))
    score = learner["learner_model_param"]["base_score"].strip("[]")
    return growing.arguments(float(score))


def walk(arguments: dict[str, Any], row: Any) -> list[float]:
    """Return the scores of one row the slow and plain way: node by node, in Python."""
    scores = arguments["base"].tolist() if arguments.get("base") is not None else [0.0] * arguments["outputs"]
    for tree, (start, _) in enumerate(pairwise(arguments["starts"].tolist())):
        at = start
        while arguments["left"][at] >= 0:
            at = start + int(arguments["left" if goes_left(arguments, at, row) else "right"][at])
        value = arguments["values"][at]
        if len(value) == 1 and not (arguments["outputs"] > 1 and arguments["values"].shape[1] > 1):
            scores[int(arguments["target"][tree]) if arguments.get("target") is not None else 0] += float(value[0])
        else:
            scores = [score + float(part) for score, part in zip(scores, value, strict=True)]
    return [score / arguments.get("divide", 1.0) for score in scores]


def goes_left(arguments: dict[str, Any], at: int, row: Any) -> bool:
    """Say whether a row goes left at a node."""
    number = float(row[arguments["feature"][at]])
    if np.isnan(number):
        return bool(arguments["missing_left"][at])
    kind = -1 if arguments.get("category") is None else int(arguments["category"][at])
    if kind < 0:
        return number <= float(arguments["threshold"][at])
    begin, end = arguments["set_starts"][kind : kind + 2].tolist()
    if not -1.0 < number < 32 * (end - begin) or begin == end:
        return bool(arguments["outside_left"][at])
    whole = int(number)
    return bool(int(arguments["set_words"][begin + whole // 32]) >> whole % 32 & 1)
