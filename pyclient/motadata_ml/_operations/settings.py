"""What a system was created with and every call of it shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from motadata_ml._operations.classes import ClassOrder
from motadata_ml.errors import InvalidArgumentError

MIN_MEMORY_MB = 512
"""Below this even importing the numeric libraries fails."""


@dataclass(frozen=True)
class Settings:
    """What every call of a system shares.

    Attributes
    ----------
    tenant_id : str or None
        The tenant of calls that name none; None leaves the choice to the server.
    max_memory_mb : int or None
        Cap of a training worker, in megabytes.
    cache : object or None
        A mapping, or an object with ``get`` and ``set``.
    gpu : bool
        Whether trainings ask for the GPU.
    classes : ClassOrder
        The order of each model version's classes, as learnt from the server.
    """

    tenant_id: str | None = None
    max_memory_mb: int | None = None
    cache: Any = None
    gpu: bool = False
    classes: ClassOrder = field(default_factory=ClassOrder)

    def __post_init__(self) -> None:
        limit = self.max_memory_mb
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < MIN_MEMORY_MB):
            raise InvalidArgumentError(
                f"max_memory_mb must be a whole number of at least {MIN_MEMORY_MB}, got {limit!r}",
                hint="2048 is enough for a million rows of ten numbers",
            )
        cache = self.cache
        if cache is not None and not (
            hasattr(cache, "get") and (hasattr(cache, "set") or hasattr(cache, "__setitem__"))
        ):
            raise InvalidArgumentError(
                f"cache must be a mapping or have get and set, got {type(cache).__name__}",
                hint="a dict will do; so will a Redis client",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the cache at home: it may be a connection, and predictions are right without it."""
        return {**self.__dict__, "cache": None}

    def tenant(self, tenant_id: str | None) -> str | None:
        """Return the tenant of a call: the one it names, else the system's."""
        return self.tenant_id if tenant_id is None else tenant_id
