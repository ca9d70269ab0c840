"""Models a session holds in memory, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motadata_ml_server.administration import options
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.usage import Usage

if TYPE_CHECKING:
    from motadata_ml_server.prediction.intervals import Intervals
    from motadata_ml_server.prediction.predictor import Predictor


@dataclass(slots=True)
class CacheEntry:
    """A model in memory.

    `beside` is what another chapter makes of the version, such as what explains it; it leaves the cache with the model.
    """

    version: VisibleVersion
    predictor: Predictor
    usage: Usage
    hits: int = 0
    intervals: Intervals | None = None
    """Loaded when they are first asked for."""
    beside: Any = None

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""
        return self.predictor.nbytes + sum(int(getattr(part, "nbytes", 0)) for part in (self.intervals, self.beside))


_entries: OrderedDict[tuple[int, str], CacheEntry] = OrderedDict()


def predictor_of(db: Database, visible: VisibleVersion) -> Predictor:
    """Return the predictor of a version that the caller was seen to be allowed, loading it once."""
    return entry_of(db, visible).predictor


def entry_of(db: Database, visible: VisibleVersion) -> CacheEntry:
    """Return the cache's entry of a version that the caller was seen to be allowed, loading it once.

    Parameters
    ----------
    db : Database
        The session.
    visible : VisibleVersion
        What `visibility.visible_version` answered in this statement.
    """
    key = (visible.version_id, visible.digest)
    entry = _entries.get(key)
    if entry is None:
        from motadata_ml_server.prediction import loading

        entry = CacheEntry(visible, loading.load_predictor(db, visible), Usage(db, visible.version_id))
        _entries[key] = entry
        _evict(options.integer(db, "session_cache_mb") * 1024 * 1024)
    else:
        _entries.move_to_end(key)
    entry.hits += 1
    return entry


def intervals_of(db: Database, entry: CacheEntry) -> Intervals:
    """Return how sure an entry's predictions are, loading it once.

    Raises
    ------
    UnsupportedOperationError
        ML020: nothing was measured at the version's training.
    """
    if entry.intervals is None:
        from motadata_ml_server.prediction.intervals import load_intervals

        entry.intervals = load_intervals(db, entry.version, entry.predictor)
    return entry.intervals


def _evict(limit: int) -> None:
    total = sum(entry.nbytes for entry in _entries.values())
    while total > limit and len(_entries) > 1:
        _, oldest = _entries.popitem(last=False)
        total -= oldest.nbytes


def entries() -> list[CacheEntry]:
    """Return what is in the cache, least recently used first."""
    return list(_entries.values())


def clear() -> int:
    """Empty the cache and return how many models it held."""
    count = len(_entries)
    _entries.clear()
    return count
