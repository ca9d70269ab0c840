"""The order of a model version's classes, and what they were in the table, remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from motadata_ml._calls import Steps
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.records import native

_LIMIT = 1024


@dataclass(frozen=True)
class Classes:
    """The classes of one model version, in its order.

    Attributes
    ----------
    texts : sequence of str
        As PostgreSQL writes them.
    labels : sequence
        As they were in the table: numbers, booleans or text.
    """

    texts: Sequence[str]
    labels: Sequence[Any]


class ClassOrder:
    """Remember the order of classes: jsonb does not keep it, and a version's never changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, str, str], Classes] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """Travel to another process empty: the server tells again."""
        return type(self), ()

    def steps(self, model_id: str, version: str, tenant_id: str | None, labels: Iterable[str]) -> Steps[Classes]:
        """Return the classes in the model's order, asking the server the first time.

        Parameters
        ----------
        labels : iterable of str
            The classes in any order: a model made anew under an old name and version is noticed by them.
        """
        key = (tenant_id, model_id, version)
        with self._lock:
            known = self._known.get(key)
        if known is None or set(known.texts) != set(labels):
            rows = yield select_function(
                "get_model_info",
                {"model_id": model_id, "version": version, "tenant_id": tenant_id},
                "get_model_info as info",
            )
            info = rows[0]["info"]
            texts = list(info.get("classes") or [])
            known = Classes(texts, [native(text, info.get("label_type")) for text in texts])
            with self._lock:
                if len(self._known) >= _LIMIT:
                    self._known.clear()
                self._known[key] = known
        return known
