"""A stored version becomes a predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motadata_ml_server.models.artifacts import load_artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.kinds import ArtifactKind, predicting_kind
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import query_as_owner

if TYPE_CHECKING:
    from motadata_ml_server.prediction.predictor import Predictor


_DESCRIBE = """
select model_type, label_type, classes, runtime operator(pg_catalog.->>) 'name' as runtime
from ml.model_version where id operator(pg_catalog.=) $1
"""


def load_predictor(db: Database, visible: VisibleVersion) -> Predictor:
    """Load a version that the caller was seen to be allowed, ready to predict.

    Raises
    ------
    ArtifactError
        ML018: what is stored is not what was stored, or not acceptable.
    """
    from motadata_ml_server.features.plan import FeaturePlan
    from motadata_ml_server.persistence.json_intake import read_json
    from motadata_ml_server.prediction.predictor import Predictor

    version_id = visible.version_id
    row = query_as_owner(db, _DESCRIBE, ["bigint"], [version_id])[0]
    kind = predicting_kind(row["runtime"])
    stored, payload = load_artifacts(db, visible, [ArtifactKind.PLAN, kind])
    plan = read_json(stored, "feature plan", FeaturePlan.from_json)
    meaning = (row["classes"], row["label_type"], row["model_type"])
    if kind is ArtifactKind.GROUPED:
        from motadata_ml_server.prediction.group_predictor import GroupedPredictor

        return GroupedPredictor(plan, payload, *meaning)
    return Predictor(plan, kind, payload, *meaning)
