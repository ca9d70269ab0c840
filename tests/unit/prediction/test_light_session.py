"""A session that predicts with a compiled model loads none of the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from motadata_ml_server.worker.compile.compare import compile_estimator
from tests.unit.prediction.models import numeric_plan

SESSION = """
import json, sys
sys.path.insert(0, sys.argv[3])
import numpy as np
from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.predictor import Predictor
plan = FeaturePlan.from_json(json.load(open(sys.argv[1] + "/plan.json")))
payload = open(sys.argv[1] + "/payload", "rb").read()
predictor = Predictor(plan, sys.argv[2], payload, ["0", "1", "2"], "integer", "classification")
predictor.one([5.1, 3.5, 1.4, 0.2])
predictor.one({"f0": 5.1, "f1": 3.5, "f2": None, "f3": 0.2})
schema = ColumnSchema("f", "number", "double precision")
predictor.batch(ColumnTable(2, {f"f{i}": Column(schema, np.zeros(2)) for i in range(4)}))
heavy = ["sklearn", "scipy", "pandas", "onnx", "skl2onnx", "skops", "sqlglot", "joblib"]
light = [] if sys.argv[2] == "onnx" else ["onnxruntime"]
print(json.dumps([name for name in heavy + light if name in sys.modules]))
"""


@pytest.mark.parametrize("estimator", [LogisticRegression(max_iter=1000), RandomForestClassifier(5)])
def test_prediction_imports_no_heavy_library(estimator: Any, tmp_path: Path) -> None:
    features, target = load_iris(return_X_y=True)
    compiled = compile_estimator(estimator.fit(features, target), "classification", features)
    assert compiled.kind is not None, compiled.reason
    (tmp_path / "plan.json").write_text(json.dumps(numeric_plan(4).to_json()))
    (tmp_path / "payload").write_bytes(compiled.payload)
    package = Path(__file__).parents[3] / "plpython"
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(tmp_path), compiled.kind, str(package)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
