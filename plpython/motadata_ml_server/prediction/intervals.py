"""Intervals around predicted values, and sets of labels: for one row, and for a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, isnan
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.models.artifacts import load_present
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.prediction.predictor import Predictor, Row
from motadata_ml_server.prediction.runtimes.conformal import LABELS, Conformal

if TYPE_CHECKING:
    from motadata_ml_server.features.plan import FeaturePlan

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How sure the predictions of a table are, in its order.

    Attributes
    ----------
    lower, upper : ndarray of float64, shape (rows,), or None
        Of predicted values; NaN for a row without a prediction.
    members : ndarray of bool, shape (rows, classes), or None
        Which classes belong to a row's set; none for a row without a prediction.
    """

    lower: Array | None = None
    upper: Array | None = None
    members: NDArray[np.bool_] | None = None


class Intervals:
    """The predictions of a version with how sure they are.

    Parameters
    ----------
    predictor : Predictor
        The version's.
    conformal : Conformal
        What was measured of it.
    """

    def __init__(self, predictor: Predictor, conformal: Conformal) -> None:
        self._predictor = predictor
        self.conformal = conformal
        self._grouped = predictor.kind == ArtifactKind.GROUPED and conformal.method not in LABELS
        self._checked: set[float | None] = set()
        self._reach: dict[tuple[float, int | None], float] = {}

    @property
    def sets(self) -> bool:
        """Whether the version predicts labels."""
        return self.conformal.method in LABELS

    def refuse(self) -> NoReturn:
        """Refuse an interval of a label, or a set of labels of a value.

        Raises
        ------
        UnsupportedOperationError
            ML020: always.
        """
        if self.sets:
            raise UnsupportedOperationError(
                "a label has no interval", hint="Use ml.predict_set, which gives the labels that it may be."
            )
        raise UnsupportedOperationError(
            "a value has no set of labels", hint="Use ml.predict_interval, which gives its bounds."
        )

    def check(self, level: float | None) -> float:
        """Return a level, or refuse it.

        Raises
        ------
        InvalidArgumentError
            ML009: it is no share, or more than so few rows can hold.
        """
        if level in self._checked:
            return level  # type: ignore[return-value]  # it is one of those that were
        if level is None or not 0.0 < level < 1.0:
            raise InvalidArgumentError(
                f"level must lie between 0 and 1, got {level}",
                hint="0.9 asks for intervals that hold nine of ten rows.",
            )
        if self.conformal.quantile(level) == inf:
            n = self.conformal.pooled.n
            raise InvalidArgumentError(
                f"level must be at most {n / (n + 1):.6g} for a version that was calibrated on {n} rows, got {level}",
                hint="Ask for a lower level, or train on more rows with intervals => '{\"levels\": [...]}'.",
            )
        if len(self._checked) < _REMEMBERED:
            self._checked.add(level)
        return level

    def interval(self, row: Row, level: float) -> tuple[float, float, float, float] | None:
        """Return value, lower bound, upper bound and level of one row; None where its group has no model."""
        value = self._predictor.value(row)
        if value is None or isnan(value):
            return None
        part = self._groups.one(row) if self._grouped else None
        reach = self._reach.get((level, part))
        if reach is None:
            if len(self._reach) >= _REMEMBERED:
                self._reach.clear()
            reach = self._reach[level, part] = self.conformal.quantile(level, part)
        if self.conformal.scale is not None:
            reach *= self.conformal.scale.one(value)
        return value, value - reach, value + reach, level

    def labels(self, row: Row, level: float) -> list[str] | None:
        """Return the labels of one row's set, the most probable first; None where its group has no model."""
        chances = self._predictor.proba(row)
        if chances is None:
            return None
        found = np.array([chances])
        inside = self.conformal.members(found, level)[0]
        order = np.argsort(-found[0], kind="stable")
        classes = self._predictor.classes or []
        return [classes[at] for at in order.tolist() if inside[at]]

    def bounds(self, table: ColumnTable, predicted: BatchPrediction, level: float) -> Bounds:
        """Return how sure the predictions of a table are.

        Parameters
        ----------
        table : ColumnTable
            What was predicted, with the group's column of a model per group.
        predicted : BatchPrediction
            The predictions.
        level : float
            As `check` returns it.
        """
        if self.sets:
            assert predicted.probabilities is not None  # noqa: S101 - it was calibrated with them
            assert predicted.codes is not None  # noqa: S101 - a classifier
            there = predicted.codes >= 0
            members = np.zeros(predicted.probabilities.shape, bool)
            members[there] = self.conformal.members(predicted.probabilities[there], level)
            return Bounds(members=members)
        assert predicted.values is not None  # noqa: S101 - a regressor
        parts = self._groups.many(table) if self._grouped else None
        reach = self.conformal.half_widths(predicted.values, level, parts)
        return Bounds(predicted.values - reach, predicted.values + reach)

    @cached_property
    def _groups(self) -> _Groups:
        return _Groups(self._predictor.plan)


_REMEMBERED: Final = 10_000
"""Levels, and levels of groups, whose score a session looks up once."""


class _Groups:
    """The position of a row's group, by the last column of a feature plan."""

    def __init__(self, plan: FeaturePlan) -> None:
        from motadata_ml_server.features.plan import FeaturePlan
        from motadata_ml_server.features.row import row_encoder

        self._plan = FeaturePlan.of([plan.columns[-1].spec])
        self._row = row_encoder(self._plan.columns)

    def one(self, row: Row) -> int:
        self._row.fill(row)
        return int(self._row.buffer[0, -1])

    def many(self, table: ColumnTable) -> Array:
        from motadata_ml_server.features.check import check_table
        from motadata_ml_server.features.table import encode_table

        return np.asarray(encode_table(self._plan, check_table(self._plan.columns, table))[:, -1], dtype=np.float64)


def load_intervals(db: Database, visible: VisibleVersion, predictor: Predictor) -> Intervals:
    """Load what was measured of a version that the caller was seen to be allowed.

    Raises
    ------
    UnsupportedOperationError
        ML020: nothing was measured at its training.
    ArtifactError
        ML018: what is stored is not what was stored, or not acceptable.
    """
    found = load_present(db, visible, [ArtifactKind.CALIBRATION])
    if not found:
        raise UnsupportedOperationError(
            f"model {visible.model_id!r} version {visible.version} was trained without intervals",
            hint="Train again with intervals => '{}', which measures them on rows held out.",
        )
    conformal = read_json(found[ArtifactKind.CALIBRATION], "calibration", Conformal.from_json)
    return Intervals(predictor, conformal)
