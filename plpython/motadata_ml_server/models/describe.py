"""What there is: algorithms, models and the description of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from motadata_ml_server.models import listing
from motadata_ml_server.models.version import VersionFields, VisibleVersion
from motadata_ml_server.postgres.database import Database, Row
from motadata_ml_server.postgres.owner import read_as_owner
from motadata_ml_server.tenants import membership
from motadata_ml_server.tenants.membership import caller_of

_INFO = """
select v.*, coalesce(m.deployed_version_id operator(pg_catalog.=) v.id, false) as deployed
from ml.model_version v join ml.model m on m.id operator(pg_catalog.=) v.model where v.id operator(pg_catalog.=) $1
"""

_FIELDS = [item for item in fields(VersionFields) if item.name != "arguments"]
_OF_ITS_TYPE = ("components", "anomaly_score")
"""What a version of one model type says of itself; stored beside the runtime."""

_JSON = [item.name for item in _FIELDS if item.metadata["type"] == "jsonb"]
_PLAIN = ["version", "model_type", "trained_by", "deployed", *(item.name for item in _FIELDS if item.name not in _JSON)]


_TOLD_TO_TRAINERS = ("training_query", "source_tables", "trained_by", "warnings", "data_fingerprint")
"""What names SQL, tables, roles and values of rows: nothing of it is for who may only predict."""


def list_models(db: Database, tenant_id: str) -> Iterator[dict[str, Any]]:
    """Yield a tenant's rows of ``ml.models``."""
    for row in listing.models(db):
        if row["tenant_id"] == tenant_id:
            yield row


def model_info(db: Database, visible: VisibleVersion) -> str:
    """Return the description of a version as JSON; NULL is what the caller may not know, who may only predict."""
    caller = caller_of(db)

    def operation(owner: Database) -> tuple[Row, bool]:
        access = membership.access_of(owner, caller, visible.tenant_id)
        return owner.query(_INFO, ["bigint"], [visible.version_id])[0], access in (None, "predict")

    row, predicts_only = read_as_owner(db, operation)
    info: dict[str, Any] = {"tenant_id": visible.tenant_id, "model_id": visible.model_id}
    info |= {name: row[name] for name in _PLAIN}
    info |= {name: json.loads(row[name]) for name in _JSON}
    info |= {name: info["runtime"].pop(name) for name in _OF_ITS_TYPE if name in info["runtime"]}
    info["trained_at"] = str(row["trained_at"])
    if predicts_only:
        info |= dict.fromkeys((*_TOLD_TO_TRAINERS, *(name for name in _OF_ITS_TYPE if name in info)))
    return json.dumps(info)
