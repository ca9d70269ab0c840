"""XGBoost's and LightGBM's trees in the compiled form, against the libraries themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from xgboost import XGBClassifier, XGBRegressor

from motadata_ml_server.worker.compile.compare import compile_estimator
from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble

CASES = [
    (XGBClassifier, load_breast_cancer, {}),
    (XGBClassifier, load_iris, {}),
    (XGBRegressor, load_diabetes, {"max_depth": 3}),
    (LGBMClassifier, load_breast_cancer, {"verbosity": -1}),
    (LGBMClassifier, load_iris, {"verbosity": -1}),
    (LGBMClassifier, load_iris, {"verbosity": -1, "boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1}),
    (LGBMRegressor, load_diabetes, {"verbosity": -1, "boosting_type": "dart"}),
]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("estimator", "load", "parameters"), CASES)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_compiled_trees_answer_like_the_library(
    estimator: Any, load: Any, parameters: dict[str, Any], missing: bool
) -> None:
    x, y = load(return_X_y=True)
    if missing:
        x = np.where(np.random.default_rng(0).random(x.shape) < 0.2, np.nan, x)
    fitted = estimator(n_estimators=20, random_state=0, **parameters).fit(x, y)
    compiled = compile_estimator(fitted, "classification" if hasattr(fitted, "classes_") else "regression", x)
    assert (compiled.kind, bool(compiled.trees)) == ("onnx", True), compiled.reason
    assert compiled.max_difference < (1e-5 if estimator.__name__.startswith("XGB") else 1e-12)


def test_another_objective_has_no_such_form() -> None:
    x, y = load_diabetes(return_X_y=True)
    assert read_ensemble(XGBRegressor(n_estimators=3, objective="count:poisson").fit(x, y)) is None
    assert read_ensemble(LGBMRegressor(n_estimators=3, objective="poisson", verbosity=-1).fit(x, y)) is None
