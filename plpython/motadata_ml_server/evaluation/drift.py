"""``ml.drift``: how far the rows of today are from those a model learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.administration import options
from motadata_ml_server.errors import InsufficientDataError, UnsupportedOperationError
from motadata_ml_server.features.columns_of import feature_schemas
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import ColumnProfile, Profile
from motadata_ml_server.features.trained_types import as_trained
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.models import artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.database import Database

THRESHOLD: Final = 0.2
"""A population stability index from which a feature counts as drifted (Siddiqi, 2006: 0.1 small, 0.25 large)."""

EMPTY: Final = 0.5
"""What an empty bin counts as, in rows: nothing at all would make the index infinite."""

_Z_999: Final = 3.0902
"""99.9 % point of the standard normal distribution."""


@dataclass(frozen=True)
class FeatureDrift:
    """How one feature moved; the fields are the columns of ``ml.drift``."""

    feature: str
    kind: str
    statistic: str
    value: float
    threshold: float
    drifted: bool
    null_share_trained: float
    null_share: float
    rows: int


def stability_index(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return the population stability index of two counts over the same bins."""
    used = (before > 0) | (now > 0)
    p = np.maximum(before[used], EMPTY) / before.sum()
    q = np.maximum(now[used], EMPTY) / now.sum()
    return float(((q - p) * np.log(q / p)).sum())


def critical_value(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return what the index passes by chance in one of a thousand comparisons of like rows.

    Notes
    -----
    Without drift the index is distributed as (1/n + 1/m) times chi-squared with one degree of freedom less than there
    are bins (Yurdakul, 2018); its quantile is approximated as Wilson and Hilferty (1931) do.
    """
    freedom = max(1, int(((before > 0) | (now > 0)).sum()) - 1)
    part = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - part + _Z_999 * part**0.5) ** 3
    return float((1.0 / before.sum() + 1.0 / now.sum()) * quantile)


def drift(db: Database, visible: VisibleVersion, input_data: str) -> list[FeatureDrift]:
    """Compare the rows of a relation with what a version was trained on.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    visible : VisibleVersion
        The version, as the caller sees it.
    input_data : str
        A table, a view or a SELECT that has the model's features.

    Returns
    -------
    list of FeatureDrift
        In the order of the features.

    Raises
    ------
    UnsupportedOperationError
        ML020: the version was stored without a profile of its training rows.
    InsufficientDataError
        ML005: there is no row to compare.
    """
    profile = profile_of(db, visible)
    if profile is None:
        raise UnsupportedOperationError(
            f"version {visible.version} of model {visible.model_id!r} was stored without a profile of its training "
            "rows",
            hint="Versions trained before 0.2.0 have none: train the model again.",
        )
    source = resolve(db, input_data, "input_data")
    plan = read_json(
        artifacts.load_artifacts(db, visible, [ArtifactKind.PLAN])[0], "feature plan", FeaturePlan.from_json
    )
    schemas = feature_schemas(plan, source)
    now = {column.name: np.zeros(len(column.counts), np.int64) for column in profile.columns}
    for chunk in read_chunks(db, source, schemas, options.integer(db, "chunk_rows")):
        table = as_trained(plan.columns, decode_table(schemas, [(chunk.rows, chunk.buffers)]))
        for column in profile.columns:
            now[column.name] += column.count(table.columns[column.name])
    if not any(counts.any() for counts in now.values()):
        raise InsufficientDataError("input_data has no row to compare", hint="Check the table and the WHERE clause.")
    return [_compare(column, now[column.name]) for column in profile.columns]


def profile_of(db: Database, visible: VisibleVersion) -> Profile | None:
    """Return the profile stored with a version, None where there is none."""
    stored = artifacts.load_present(db, visible, [ArtifactKind.PROFILE]).get(ArtifactKind.PROFILE)
    return None if stored is None else read_json(stored, "profile", Profile.from_json)


def rows_of(found: list[FeatureDrift]) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.drift``."""
    for feature in found:
        yield dict(vars(feature))


def _compare(column: ColumnProfile, now: NDArray[np.int64]) -> FeatureDrift:
    before = column.counts
    value, threshold = stability_index(before, now), max(THRESHOLD, critical_value(before, now))
    rows = int(now.sum())
    return FeatureDrift(
        column.name,
        column.kind,
        "psi",
        value,
        threshold,
        value > threshold,
        float(before[-1] / before.sum()),
        float(now[-1] / rows),
        rows,
    )
