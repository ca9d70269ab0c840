"""Calls, rows, errors and seconds of predictions, by model version: the rows of ``ml.stat_models``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from motadata_ml_server.models.listing import own_tenants
from motadata_ml_server.postgres import shared_counters
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import query_as_owner
from motadata_ml_server.postgres.shared_counters import CALLS, ERRORS, ROWS, SECONDS

T = TypeVar("T")

_NAMED = """
select m.tenant_id, m.model_id, v.version, u.calls, u.rows, u.errors, u.seconds
from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
    pg_catalog.unnest($5)) as u (id, calls, rows, errors, seconds)
join ml.model_version v on v.id operator(pg_catalog.=) u.id
join ml.model m on m.id operator(pg_catalog.=) v.model
where m.tenant_id operator(pg_catalog.=) any ($6)
order by m.tenant_id, m.model_id, v.id
"""


class Usage:
    """What this session does with one model version, counted where every session sees it.

    Parameters
    ----------
    db : Database
        The session.
    version_id : int
        Key of ``ml.model_version``.
    """

    __slots__ = ("_real", "_whole")

    def __init__(self, db: Database, version_id: int) -> None:
        slot = shared_counters.region(db).take(shared_counters.PREDICTIONS, version_id)
        self._whole, self._real = slot.whole, slot.real

    def add(self, rows: int, started: float) -> None:
        """Count a call that began at a moment of `time.perf_counter`."""
        whole = self._whole
        whole[CALLS] += 1
        whole[ROWS] += rows
        self._real[SECONDS] += perf_counter() - started

    def fail(self) -> None:
        """Count a call that ended in an error."""
        self._whole[CALLS] += 1
        self._whole[ERRORS] += 1

    def over(self, chunks: Iterator[T], rows_of: Callable[[T], int]) -> Iterator[T]:
        """Pass on the chunks of one call, counting their rows and the time that making them takes."""
        whole, real = self._whole, self._real
        whole[CALLS] += 1
        try:
            while True:
                started = perf_counter()
                chunk = next(chunks, None)
                real[SECONDS] += perf_counter() - started
                if chunk is None:
                    return
                whole[ROWS] += rows_of(chunk)
                yield chunk
        except Exception:
            whole[ERRORS] += 1
            raise


def totals(db: Database) -> list[dict[str, Any]]:
    """Return the rows of ``ml.stat_models``: the versions that the caller sees, all sessions together."""
    found = shared_counters.region(db).slots(shared_counters.PREDICTIONS)
    versions, place = np.unique(found[:, shared_counters.SUBJECT], return_inverse=True)
    if not len(versions):
        return []
    sums = [np.zeros(len(versions), np.int64) for _ in range(3)]
    for total, word in zip(sums, (CALLS, ROWS, ERRORS), strict=True):
        np.add.at(total, place, found[:, word])
    seconds = np.bincount(place, found[:, SECONDS].view(np.float64), len(versions))
    values = [versions.tolist(), *(total.tolist() for total in sums), seconds.tolist()]
    values.append(own_tenants(db))
    rows = query_as_owner(db, _NAMED, ["bigint[]"] * 4 + ["float8[]", "text[]"], values)
    return [dict(row) for row in rows]
