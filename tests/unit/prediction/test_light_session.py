"""A session that predicts with a compiled model loads none of the heavy libraries, and no session the worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from motadata_ml_server import _native
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.skops_store import dump
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel
from motadata_ml_server.worker.compile.compare import compile_estimator
from tests.unit.prediction.models import MIXED, ROW, numeric_plan

SESSION = """
import json, sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.entrypoints import prediction  # what a session's SQL bodies import
from motadata_ml_server import _native
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.group_predictor import GroupedPredictor
from motadata_ml_server.prediction.predictor import Predictor

def column(of):
    schema = ColumnSchema(of["name"], of["source"], of["sql_type"])
    if of["source"] == "text":
        return Column(schema, TextValues(np.zeros(2, dtype=np.int32), [asked["row"][of["name"]]]))
    if of["source"] == "vector":
        return Column(schema, np.ones((2, of["size"])))
    return Column(schema, np.ones(2))

asked = json.load(open(sys.argv[1] + "/asked.json"))
payload = open(sys.argv[1] + "/payload", "rb").read()
plan = FeaturePlan.from_json(asked["plan"])
meaning = (asked["classes"], asked["classes"] and "integer", asked["task"])
if asked["kind"] == "grouped":
    predictor = GroupedPredictor(plan, payload, *meaning)
else:
    predictor = Predictor(plan, asked["kind"], payload, *meaning)
assert predictor.one(asked["row"]).prediction is not None
assert predictor.one(asked["other"]) is not None
predictor.label(asked["row"]) if asked["classes"] else predictor.value(asked["row"])
table = ColumnTable(2, {of["name"]: column(of) for of in asked["plan"]["columns"]})
predictor.batch(table)
print(json.dumps(sorted(sys.modules)))
"""

HEAVY = {"sklearn", "scipy", "pandas", "onnx", "skl2onnx", "skops", "sqlglot", "joblib"}
NUMBERS = {"f0": 5.1, "f1": 3.5, "f2": 1.4, "f3": 0.2}
GROUP = {
    "name": "store",
    "kind": "category",
    "source": "text",
    "sql_type": "text",
    "encode": "ordinal",
    "categories": ["near", "far"],
    "unknown": None,
    "width": 1,
}


@dataclass(frozen=True)
class Stored:
    """A model as a session finds it, with a row and one that lacks something."""

    kind: str
    payload: bytes
    plan: dict[str, Any]
    row: dict[str, Any]
    classes: list[str] | None = None
    task: str = "classification"


def compiled(estimator: Any) -> tuple[str, bytes]:
    features, target = load_iris(return_X_y=True)
    found = compile_estimator(estimator.fit(features, target), "classification", features)
    assert found.kind is not None, found.reason
    return found.kind, found.payload


def of_numbers(kind: str, payload: bytes) -> Stored:
    return Stored(kind, payload, numeric_plan(4).to_json(), NUMBERS, ["0", "1", "2"])


def linear() -> Stored:
    stored = of_numbers(*compiled(LogisticRegression(max_iter=1000)))
    assert stored.kind == "linear"
    return stored


def linear_of_every_kind_of_feature() -> Stored:
    width = FeaturePlan.from_json(MIXED).width
    rows = np.random.default_rng(0).normal(size=(200, width))
    found = compile_estimator(LinearRegression().fit(rows, rows.sum(axis=1)), "regression", rows)
    assert found.kind == "linear", found.reason
    return Stored(found.kind, found.payload, MIXED, ROW, task="regression")


def onnx() -> Stored:
    stored = of_numbers(*compiled(RandomForestClassifier(5)))
    assert stored.kind == "onnx"
    return stored


def trees() -> Stored:
    features, target = load_iris(return_X_y=True)
    found = compile_estimator(RandomForestClassifier(5).fit(features, target), "classification", features)
    return of_numbers("trees", found.trees)


def grouped_trees() -> Stored:
    stored = trees()
    model = GroupModel("onnx", b"not opened where the loops are compiled", [0, 1, 2], stored.payload)
    payload = GroupedModels("classification", 3, dict.fromkeys([0, 1], model)).to_bytes()
    plan = numeric_plan(4).to_json()
    plan["columns"].append(GROUP)
    return Stored("grouped", payload, plan, {**NUMBERS, "store": "near"}, ["0", "1", "2"])


def grouped() -> Stored:
    models = [compiled(LogisticRegression(max_iter=1000)), compiled(RandomForestClassifier(5))]
    groups = {code: GroupModel(kind, payload, [0, 1, 2]) for code, (kind, payload) in enumerate(models)}
    payload = GroupedModels("classification", 3, groups).to_bytes()
    plan = numeric_plan(4).to_json()
    plan["columns"].append(GROUP)
    return Stored("grouped", payload, plan, {**NUMBERS, "store": "near"}, ["0", "1", "2"])


def skops() -> Stored:
    features, target = load_iris(return_X_y=True)
    return of_numbers("skops", dump(KNeighborsClassifier().fit(features, target)))


def modules_of(stored: Stored, folder: Path) -> set[str]:
    """Return what a session has imported once it has predicted one by one and in a batch."""
    other = dict.fromkeys(stored.row) | ({"store": "far"} if stored.kind == "grouped" else {})
    asked = {
        "kind": stored.kind,
        "plan": stored.plan,
        "row": stored.row,
        "other": stored.row | other if stored.kind == "skops" else other,
        "classes": stored.classes,
        "task": stored.task,
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "payload").write_bytes(stored.payload)
    package = Path(__file__).parents[3] / "plpython"
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(folder), str(package)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def of_the_worker(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if name.startswith("motadata_ml_server.worker"))


@pytest.mark.parametrize("build", [linear, linear_of_every_kind_of_feature, onnx, grouped])
def test_prediction_imports_no_heavy_library(build: Callable[[], Stored], tmp_path: Path) -> None:
    stored = build()
    modules = modules_of(stored, tmp_path)
    light = HEAVY if stored.kind in ("onnx", "grouped") else HEAVY | {"onnxruntime"}
    assert sorted(light & modules) == []
    assert of_the_worker(modules) == []


@pytest.mark.skipif(_native.compiled is None, reason="motadata_ml_native is not installed")
@pytest.mark.parametrize("build", [trees, grouped_trees])
def test_prediction_of_trees_by_the_compiled_loops_needs_no_onnx_runtime(
    build: Callable[[], Stored], tmp_path: Path
) -> None:
    modules = modules_of(build(), tmp_path)
    assert sorted((HEAVY | {"onnxruntime"}) & modules) == []
    assert of_the_worker(modules) == []


def test_prediction_with_scikit_learn_itself_imports_nothing_of_the_worker(tmp_path: Path) -> None:
    modules = modules_of(skops(), tmp_path)
    assert "sklearn" in modules
    assert of_the_worker(modules) == []
    # pandas comes with scikit-learn where it is installed
    assert sorted(modules & {"onnx", "skl2onnx", "onnxruntime", "sqlglot"}) == []
