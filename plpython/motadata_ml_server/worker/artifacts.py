"""What is stored of a fitted model: its plan, the estimator, and a compiled form that was compared with it."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.fit_plan import PlanFit
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.edge_rows import unusual_rows

CHECK_ROWS = 2_000
"""Rows on which a compiled form is compared with scikit-learn."""


def check_rows(entry: AlgorithmEntry, plan: FeaturePlan, encoded: Any, table: ColumnTable) -> NDArray[np.float64]:
    """Return encoded rows to compare a compiled form on: ordinary ones, and altered copies of a table's first rows."""
    rows = encoded[:CHECK_ROWS]
    dense = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    if entry.scaling == "minmax":
        return dense.reshape(-1, plan.width)
    unusual = encode_table(plan, unusual_rows(table, plan.input_names))
    return np.vstack([dense.reshape(-1, plan.width), unusual])


def compile_and_dump(
    spec: TrainingSpec, entry: AlgorithmEntry, estimator: Any, fitted: PlanFit, check: NDArray[np.float64]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the artifacts of a fitted estimator, and what is to be known of its runtime.

    Another library's estimator is stored in its compiled form alone, so that no session needs the library.
    """
    from motadata_ml_server.persistence.skops_store import dump
    from motadata_ml_server.worker.compile.compare import compile_estimator

    if hasattr(estimator, "n_jobs"):
        estimator.n_jobs = None
    compiled = compile_estimator(estimator, spec.model_type, check)
    artifacts: dict[str, bytes] = {ArtifactKind.PLAN: dump_plan(fitted.plan)}
    if entry.requires is None:
        artifacts[ArtifactKind.SKOPS] = dump(estimator)
    elif compiled.kind is None:
        raise UnsupportedOperationError(
            f"a fitted {entry.name} could not be compiled: {compiled.reason}",
            hint="Choose other hyperparameters, or hist_gradient_boosting.",
        )
    if compiled.kind is not None:
        artifacts[compiled.kind] = compiled.payload
    if compiled.trees:
        artifacts[ArtifactKind.TREES] = compiled.trees
    runtime = {
        "name": compiled.kind or "sklearn",
        "max_difference": compiled.max_difference,
        "reason": compiled.reason,
        "rows_compared": len(check),
        "trees": bool(compiled.trees),
    }
    return artifacts, runtime


def dump_plan(plan: FeaturePlan) -> bytes:
    """Return a feature plan as it is stored."""
    return json.dumps(plan.to_json()).encode()


def library_versions_of(entry: AlgorithmEntry) -> dict[str, str]:
    """Return the versions of the libraries that a model was made with, by their names."""
    found = {name: importlib.metadata.version(name) for name in ("scikit-learn", "numpy", "skops", "onnx")}
    if entry.requires is not None:
        # its distribution may have another name, as xgboost-cpu has
        found[entry.requires] = importlib.import_module(entry.requires).__version__
    return found
