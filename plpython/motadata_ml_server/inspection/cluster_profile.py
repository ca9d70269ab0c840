"""``ml.cluster_profile``: what the rows of each cluster are like, against all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.administration import options
from motadata_ml_server.columns import Column
from motadata_ml_server.errors import InsufficientDataError, UnsupportedOperationError
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.input_rows import InputRows
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache

LEVELS: Final = 20
"""Values of a category that are told, the most frequent of all rows."""

MAX_LEVELS: Final = 10_000
"""Values of a category that are counted; what comes after them is left out."""


class _Feature:
    """Counts of one feature: of numbers a sum for each cluster, of categories a count for each and each value."""

    def __init__(self) -> None:
        self.sums: dict[int, NDArray[np.float64]] = {}
        self.levels: dict[str, dict[int, float]] = {}
        self.counted = False

    def add(self, column: Column, clusters: NDArray[np.intp]) -> None:
        """Count some rows of known clusters."""
        kind = column.schema.kind
        if kind == "text":
            self.counted = True
            texts = column.texts
            pairs, times = np.unique(np.column_stack([texts.codes, clusters]), axis=0, return_counts=True)
            for (code, cluster), many in zip(pairs.tolist(), times.tolist(), strict=True):
                self._add(cluster, 0.0, float(many) if code >= 0 else 0.0)
                if code >= 0:
                    name = values.shortened(texts.dictionary[code])
                    if name in self.levels or len(self.levels) < MAX_LEVELS:
                        own = self.levels.setdefault(name, {})
                        own[cluster] = own.get(cluster, 0.0) + many
            return
        numbers = column.numbers
        for cluster in np.unique(clusters).tolist():
            known = numbers[clusters == cluster]
            known = known[~np.isnan(known)]
            self._add(cluster, float(known.sum()), float(len(known)))

    def _add(self, cluster: int, total: float, count: float) -> None:
        own = self.sums.setdefault(cluster, np.zeros(2))
        own += (total, count)

    def told(self, clusters: list[int]) -> Iterator[tuple[int, str | None, float | None, float | None]]:
        """Yield cluster, level, mean or share there, and that of all rows."""
        count = {cluster: float(self.sums[cluster][1]) if cluster in self.sums else 0.0 for cluster in clusters}
        whole = sum(count.values())
        if self.counted:
            often = sorted(self.levels, key=lambda name: (-sum(self.levels[name].values()), name))[:LEVELS]
            for cluster in clusters:
                for name in often:
                    own = self.levels[name]
                    yield cluster, name, _share(own.get(cluster, 0.0), count[cluster]), _share(sum(own.values()), whole)
            return
        total = {cluster: float(self.sums[cluster][0]) if cluster in self.sums else 0.0 for cluster in clusters}
        for cluster in clusters:
            yield cluster, None, _share(total[cluster], count[cluster]), _share(sum(total.values()), whole)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def cluster_profile(db: Database, visible: VisibleVersion, input_data: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.cluster_profile``, cluster by cluster.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    visible : VisibleVersion
        The version, as the caller sees it.
    input_data : str
        A table, a view or a SELECT that has the model's features.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model makes no clusters.
    InsufficientDataError
        ML005: there are no rows.
    """
    predictor = cache.predictor_of(db, visible)
    if predictor.task != "clustering":
        raise UnsupportedOperationError(
            f"a {predictor.task} model makes no clusters", hint="Ask of a clustering model, such as one of kmeans."
        )
    breathe = Breath(db)
    names = [column.name for column in predictor.plan.columns]
    features = {name: _Feature() for name in names}
    rows: dict[int, int] = {}
    for table in InputRows(db, predictor.plan, input_data, None).tables(options.integer(db, "chunk_rows")):
        found = predictor.batch(table.select(names)).values
        assert found is not None  # noqa: S101 - of clusters
        clusters = found.astype(np.intp)
        for cluster, many in zip(*(part.tolist() for part in np.unique(clusters, return_counts=True)), strict=True):
            rows[cluster] = rows.get(cluster, 0) + many
        for name, feature in features.items():
            if table.columns[name].schema.kind != "vector":
                feature.add(table.columns[name], clusters)
            breathe()
    if not rows:
        raise InsufficientDataError("input_data has no rows", hint="Check the table and the WHERE clause.")
    told = [(name, *one) for name, feature in features.items() if feature.sums for one in feature.told(sorted(rows))]
    for name, cluster, level, here, overall in sorted(told, key=lambda one: one[1]):
        yield {
            "cluster": cluster,
            "rows": rows[cluster],
            "feature": name,
            "level": level,
            "value": here,
            "overall": overall,
        }
