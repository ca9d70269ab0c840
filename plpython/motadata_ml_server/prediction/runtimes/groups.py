"""Predictions of a model per group: each row goes to its group's own model.

A row whose group has no model, or is NULL, has no prediction.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server import _native
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.features.row_chunks import row_chunks
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel, rows_of_groups

Array = NDArray[np.float64]
Opener: TypeAlias = Callable[[str, FeaturePlan, bytes, str], Runtime]
"""Opens a stored model: kind, feature plan, payload and model type."""
OPEN_BYTES: Final = 64 << 20
"""Groups' models that are ready at once; the least recently used makes room."""


class NoGroupModelError(Exception):
    """A row's group has no model."""


class _OpenModel:
    """One group's model, ready; its scores are the whole model's."""

    def __init__(self, model: GroupModel, plan: FeaturePlan, task: str, classes: int | None, opener: Opener) -> None:
        if model.trees and _native.compiled is not None:
            self._runtime = opener(ArtifactKind.TREES, plan, bytes(model.trees), task)
        else:
            self._runtime = opener(model.kind, plan, bytes(model.payload), task)
        self._positions = model.classes
        self._classes = classes
        self._task = task
        self.nbytes = self._runtime.nbytes
        runtime = self._runtime
        self._link = runtime.link
        self._class_of = link.row_class(self._link, runtime.outputs)
        self._value_of = link.row_value(self._link, runtime.parameters)
        has_chances = task == "classification" and link.has_probabilities(self._link, runtime.outputs)
        self._chances_of = link.ROW_PROBABILITIES[self._link] if has_chances else None

    def one(self, encoded: list[float]) -> list[float]:
        """Return the scores of one encoded row: the class and all probabilities, or the value."""
        raw = self._runtime.scores(encoded)
        if self._positions is None:
            return [self._value_of(raw)]
        label = float(self._positions[self._class_of(raw)])
        if self._chances_of is None:
            return [label]
        scores = [0.0] * (1 + (self._classes or 0))
        scores[0] = label
        for position, chance in zip(self._positions, self._chances_of(raw), strict=True):
            scores[1 + position] = chance
        return scores

    def many(self, encoded: Array) -> Array:
        """Return the scores of encoded rows."""
        raw = self._runtime.encoded(encoded)
        if self._positions is None:
            return link.batch_value(self._link, self._runtime.parameters, raw)[:, None]
        positions = np.array(self._positions)
        labels = positions[link.batch_class(self._link, raw)].astype(np.float64)[:, None]
        if self._chances_of is None:
            return labels
        chances = np.zeros((len(raw), self._classes or 0))
        chances[:, positions] = link.batch_probabilities(self._link, raw)
        return np.hstack([labels, chances])


class GroupedRuntime:
    """The models of all groups, each opened when its first row comes.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers; the last column is the group.
    payload : bytes
        Stored `GroupedModels`.
    opener : callable
        Opens the model of one group.
    """

    def __init__(self, plan: FeaturePlan, payload: bytes, opener: Opener) -> None:
        self._opener = opener
        stored = GroupedModels.from_bytes(payload)
        self._models = stored.models
        self._task = stored.task
        self._classes = stored.classes
        self._plan = plan
        self._row = row_encoder(plan.columns)
        self._inner = FeaturePlan.as_is(plan.width - 1)
        self._open: OrderedDict[int, _OpenModel] = OrderedDict()
        self.link = "identity" if stored.classes is None else "label_first"
        self.parameters: dict[str, Any] = {}
        self.outputs = 1
        if stored.classes is not None and self._models:
            self.outputs = self._ready(next(iter(self._models))).many(np.zeros((1, self._inner.width))).shape[1]
        self._stored = len(payload) + 200 * len(self._models)

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds now."""
        return self._stored + sum(model.nbytes for model in self._open.values())

    def _ready(self, code: int) -> _OpenModel:
        model = self._open.get(code)
        if model is not None:
            self._open.move_to_end(code)
            return model
        stored = self._models.get(code)
        if stored is None:
            raise NoGroupModelError
        model = _OpenModel(stored, self._inner, self._task, self._classes, self._opener)
        self._open[code] = model
        total = sum(held.nbytes for held in self._open.values()) if len(self._open) % 16 == 0 else 0
        while total > OPEN_BYTES and len(self._open) > 1:
            _, oldest = self._open.popitem(last=False)
            total -= oldest.nbytes
        return model

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the scores of one row.

        Raises
        ------
        NoGroupModelError
            Its group has none.
        """
        self._row.fill(row)
        encoded: list[float] = self._row.buffer[0].tolist()
        code = encoded.pop()
        if isnan(code):
            raise NoGroupModelError
        return self._ready(int(code)).one(encoded)

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the scores of a table, of shape (rows, outputs); NaN for rows whose group has no model."""
        from motadata_ml_server.features.table import encode_table

        scores = np.full((table.rows, self.outputs), np.nan)
        for part, chunk in row_chunks(table, self._row.buffer.shape[1]):
            scores[part] = self.encoded(encode_table(self._plan, chunk))
        return scores

    def encoded(self, rows: Array) -> Array:
        """Return the scores of encoded rows, as `batch` does."""
        scores = np.full((len(rows), self.outputs), np.nan)
        for code, own in rows_of_groups(rows[:, -1]).items():
            if code in self._models:
                scores[own] = self._ready(code).many(np.ascontiguousarray(rows[own, :-1]))
        return scores
