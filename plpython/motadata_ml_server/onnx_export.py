"""Models as ONNX files of their raw columns."""

from __future__ import annotations

import json

from motadata_ml_server import registry
from motadata_ml_server.database import PlpyDatabase
from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.inference.visibility import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json

_DESCRIBE = """
select model_type, label_type, classes, runtime operator(pg_catalog.->>) 'name' as runtime
from ml.model_version where id operator(pg_catalog.=) $1
"""


def model_bytes(db: PlpyDatabase, visible: VisibleVersion) -> bytes:
    """Return a model as ONNX, its name, version and classes in its metadata.

    Parameters
    ----------
    db : PlpyDatabase
        The session.
    visible : VisibleVersion
        The version, looked up as the caller.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model has no form in ONNX.
    """
    from motadata_ml_server.inference.export_onnx import export_onnx

    row = db.query(_DESCRIBE, ["bigint"], [visible.version_id])[0]
    if row["runtime"] not in ("linear", "onnx"):
        raise UnsupportedOperationError(
            f"model {visible.model_id!r} has no form in ONNX",
            hint="runtime in ml.get_model_info says why; linear models and tree ensembles have one.",
        )
    plan, payload = registry.load_artifacts(db, visible, [registry.PLAN, row["runtime"]])
    return export_onnx(
        read_json(plan, "feature plan", FeaturePlan.from_json).to_json(),
        row["runtime"],
        payload,
        task=row["model_type"],
        classes=row["classes"],
        label_type=row["label_type"],
        metadata={
            "model_id": visible.model_id,
            "version": visible.version,
            "classes": json.dumps(row["classes"] or []),
        },
    )
