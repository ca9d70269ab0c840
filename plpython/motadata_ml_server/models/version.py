"""A model version as a session sees it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from typing import Any, Final

from motadata_ml_server.errors import ModelNotFoundError


@dataclass(frozen=True)
class VisibleVersion:
    """A model version that the caller may use.

    Attributes
    ----------
    version_id : int
        Key of ``ml.model_version``.
    tenant_id, model_id, version : str
        Its names.
    digest : str
        SHA-256 over all its artifacts; changes with any of them.
    """

    version_id: int
    tenant_id: str
    model_id: str
    version: str
    digest: str


def model_not_found(model_id: str, tenant_id: str) -> ModelNotFoundError:
    """Return the error for a model that does not exist or is not the caller's."""
    return ModelNotFoundError(
        f"there is no model {model_id!r} for tenant {tenant_id!r}",
        hint="select * from ml.list_models() lists the models you may use; ml.train makes one.",
    )


_TEXT: Final = {"type": "text"}
_TEXTS: Final = {"type": "text[]"}
_JSON: Final = {"type": "jsonb"}
_COUNT: Final = {"type": "bigint"}


@dataclass(frozen=True)
class VersionFields:
    """What a training stores of a version, beside its names: the one list of these columns of ``ml.model_version``.

    The metadata of a field hold its type in SQL; values are plain Python, JSON too.
    """

    algorithm: str = field(metadata=_TEXT)
    hyperparameters: dict[str, Any] = field(metadata=_JSON)
    features: list[dict[str, Any]] = field(metadata=_JSON)
    target: str | None = field(metadata=_TEXT)
    target_type: str | None = field(metadata=_TEXT)
    label_type: str | None = field(metadata=_TEXT)
    classes: list[str] | None = field(metadata=_TEXTS)
    metrics: dict[str, float] = field(metadata=_JSON)
    training_rows: int = field(metadata=_COUNT)
    dropped_rows: int = field(metadata=_COUNT)
    training_query: str = field(metadata=_TEXT)
    source_tables: list[str] = field(metadata=_TEXTS)
    data_fingerprint: str = field(metadata=_TEXT)
    random_state: int | None = field(metadata={"type": "integer"})
    runtime: dict[str, Any] = field(metadata=_JSON)
    warnings: list[str] = field(metadata=_TEXTS)
    library_versions: dict[str, str] = field(metadata=_JSON)
    training_time: float = field(metadata={"type": "float8"})
    arguments: dict[str, Any] | None = field(metadata=_JSON)

    def bound(self) -> dict[str, tuple[str, Any]]:
        """Return the type and the value to bind, by column."""
        found = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.metadata["type"] == "jsonb" and value is not None:
                value = as_json(value)
            found[item.name] = (str(item.metadata["type"]), value)
        return found


def as_json(value: Any) -> str:
    """Return a value as JSON; NaN and the infinities, which JSON has no word for, become null."""
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
