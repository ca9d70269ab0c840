"""A model version as a session sees it."""

from __future__ import annotations

from dataclasses import dataclass

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
