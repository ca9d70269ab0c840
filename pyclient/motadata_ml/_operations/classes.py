"""The order of a model version's classes, remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from motadata_ml._calls import Steps
from motadata_ml._operations.functions import select_function

_LIMIT = 1024


class ClassOrder:
    """Remember the order of classes: jsonb does not keep it, and a version's never changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, str, str], list[str]] = {}
        self._lock = threading.Lock()

    def steps(self, model_id: str, version: str, tenant_id: str | None, labels: Iterable[str]) -> Steps[list[str]]:
        """Return the classes in the model's order, asking the server the first time.

        Parameters
        ----------
        labels : iterable of str
            The classes in any order: a model made anew under an old name and version is noticed by them.
        """
        key = (tenant_id, model_id, version)
        with self._lock:
            known = self._known.get(key)
        if known is None or set(known) != set(labels):
            rows = yield select_function(
                "get_model_info",
                {"model_id": model_id, "version": version, "tenant_id": tenant_id},
                "get_model_info as info",
            )
            known = list(rows[0]["info"].get("classes") or [])
            with self._lock:
                if len(self._known) >= _LIMIT:
                    self._known.clear()
                self._known[key] = known
        return known
