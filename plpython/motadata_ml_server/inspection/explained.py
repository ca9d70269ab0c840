"""A stored model ready to be explained: its columns, its classes, and what takes its scores apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.background import WHOLE, Background
from motadata_ml_server.features.check import array_splitter
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.inspection.classes import no_classes, position_of
from motadata_ml_server.inspection.contributions import (
    Array,
    Breathe,
    Contributions,
    Explainer,
    LinearExplainer,
)
from motadata_ml_server.inspection.linear_row import LinearRow
from motadata_ml_server.inspection.sampled import SampledExplainer
from motadata_ml_server.inspection.tree_contributions import TreesExplainer
from motadata_ml_server.models import artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel, rows_of_groups
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.open import open_runtime
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

if TYPE_CHECKING:
    from motadata_ml_server.features.compiled_row import CompiledRow
    from motadata_ml_server.features.row import DenseRow
    from motadata_ml_server.prediction.predictor import Predictor

_TASKS: Final = ("classification", "regression", "anomaly")
_GROUPS_READY: Final = 64
"""Groups whose explainers are kept."""


@dataclass(frozen=True)
class Explanation:
    """Some rows taken apart.

    Attributes
    ----------
    rows : ndarray of int, shape (rows,)
        Positions of the rows that have one: not those whose group has no model, or not that class.
    classes : ndarray of int, shape (rows,)
        The class that is explained, -1 where there is none.
    contributions : Contributions
        Of these rows.
    kinds : ndarray of int, shape (rows,)
        Which of `ExplainedModel.kinds` says how.
    """

    rows: NDArray[np.intp]
    classes: NDArray[np.intp]
    contributions: Contributions
    kinds: NDArray[np.intp]


@dataclass(frozen=True)
class _Part:
    """One model: all of it, or that of a group."""

    runtime: Runtime
    explainer: Explainer
    positions: NDArray[np.intp] | None


class ExplainedModel:
    """A version whose answers can be taken apart.

    Parameters
    ----------
    predictor : Predictor
        The version, ready to predict.
    part : callable
        Returns the runtime, the explainer and the positions of the classes of a group's model, None where there is
        none; of `WHOLE` where there is one model.
    grouped : bool
        Whether the last encoded number says which model a row belongs to.

    Attributes
    ----------
    columns : sequence of PlanColumn
        The features, without the group.
    kinds : list of (str, str)
        Method and unit, as they were met.
    """

    def __init__(self, predictor: Predictor, part: Callable[[int], _Part | None], grouped: bool) -> None:
        self.predictor = predictor
        self.plan = predictor.plan
        self.columns = predictor.plan.columns[:-1] if grouped else predictor.plan.columns
        self.names = [column.name for column in self.columns]
        self.classes: list[str] | None = predictor.classes if predictor.task == "classification" else None
        self.kinds: list[tuple[str, str]] = []
        self._part, self._grouped = part, grouped
        self._ready: dict[int, _Part | None] = {}
        self._starts = np.array([column.start for column in self.columns if column.width], np.intp)
        self._wide = np.array([at for at, column in enumerate(self.columns) if column.width], np.intp)

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds beside the predictor."""
        return sum(int(getattr(part.explainer, "nbytes", 4096)) for part in self._ready.values() if part is not None)

    @cached_property
    def sampled(self) -> bool:
        """Whether each row costs thousands of predictions."""
        part = None if self._grouped else self.of_group(WHOLE)
        return part is not None and part.explainer.by_column

    @cached_property
    def encoder(self) -> DenseRow | CompiledRow:
        """Encodes single rows."""
        return row_encoder(self.plan.columns)

    @cached_property
    def linear(self) -> LinearRow | None:
        """Explains single rows of one linear model; None for others."""
        part = None if self._grouped else self.of_group(WHOLE)
        if part is None or not isinstance(part.explainer, LinearExplainer):
            return None
        return LinearRow(part.runtime, part.explainer, self.columns, self.classes, self.split)

    @cached_property
    def split(self) -> Callable[[Sequence[Any]], dict[str, Any]]:
        """Gives the numbers of a positional input to their features."""
        return array_splitter(self.plan.columns)

    def class_of(self, label: str | None) -> int | None:
        """Return the position of a class.

        Raises
        ------
        InvalidArgumentError
            ML009: there is none of that name.
        """
        if label is None:
            return None
        if self.classes is None:
            raise no_classes(self.predictor.task, label)
        return position_of(self.classes, label)

    def of_group(self, code: int) -> _Part | None:
        """Return the model of a group, ready to be explained."""
        if code not in self._ready:
            if len(self._ready) >= _GROUPS_READY:
                del self._ready[next(iter(self._ready))]
            self._ready[code] = self._part(code)
        return self._ready[code]

    def kind_of(self, explainer: Explainer) -> int:
        """Return the position in `kinds` of what an explainer does."""
        kind = (explainer.method, explainer.unit)
        if kind not in self.kinds:
            self.kinds.append(kind)
        return self.kinds.index(kind)

    def explain(self, encoded: Array, wanted: int | None, detail: bool, breathe: Breathe) -> Explanation:
        """Take encoded rows apart.

        Parameters
        ----------
        encoded : ndarray of float64, shape (rows, width)
            What the feature plan makes of them.
        wanted : int or None
            The class to explain; None takes each row's predicted one.
        detail : bool
            Whether the parts of columns stay apart.
        breathe : callable
            Called between steps, so that a cancel is answered.

        Raises
        ------
        UnsupportedOperationError
            ML020: `detail` where contributions are sampled, or what the model was stored with does not do.
        """
        if not self._grouped:
            part = self.of_group(WHOLE)
            assert part is not None  # noqa: S101 - one model is there
            return self._of_part(part, encoded, np.arange(len(encoded)), wanted, detail, breathe)
        codes = encoded[:, -1]
        inner = np.ascontiguousarray(encoded[:, :-1])
        found = []
        for code, rows in rows_of_groups(codes).items():
            breathe()
            part = self.of_group(code)
            if part is not None:
                found.append(self._of_part(part, inner[rows], rows, wanted, detail, breathe))
        return _joined(found, inner.shape[1] if detail else len(self.columns))

    def _of_part(
        self,
        part: _Part,
        encoded: Array,
        rows: NDArray[np.intp],
        wanted: int | None,
        detail: bool,
        breathe: Breathe,
    ) -> Explanation:
        explainer, positions = part.explainer, part.positions
        if detail and explainer.by_column:
            raise UnsupportedOperationError(
                "detail must be false where contributions are sampled: only whole columns are",
                hint="Leave detail out.",
            )
        if self.classes is None:
            chosen = np.zeros(len(rows), np.intp)
            classes = np.full(len(rows), -1)
        elif wanted is None:
            chosen = link.batch_class(part.runtime.link, part.runtime.encoded(encoded))
            classes = chosen if positions is None else positions[chosen]
        else:
            own = wanted if positions is None else int(np.searchsorted(positions, wanted))
            if positions is not None and (own >= len(positions) or positions[own] != wanted):
                encoded, rows = encoded[:0], rows[:0]
            chosen = np.full(len(rows), own, np.intp)
            classes = np.full(len(rows), wanted)
        kind = self.kind_of(explainer)
        if not len(rows):
            width = encoded.shape[1] if detail else len(self.columns)
            empty = Contributions(np.zeros(0), np.zeros((0, width)))
            return Explanation(rows, classes[:0], empty, np.zeros(0, np.intp))
        found = explainer.explain(encoded, chosen, breathe)
        if not detail and not explainer.by_column:
            found = Contributions(found.base, self._summed(found.parts))
        return Explanation(rows, classes, found, np.full(len(rows), kind, np.intp))

    def _summed(self, parts: Array) -> Array:
        """Add up the parts of each column."""
        if parts.shape[1] == len(self.columns) == len(self._wide):
            return parts
        total = np.zeros((len(parts), len(self.columns)))
        if len(self._wide):
            total[:, self._wide] = np.add.reduceat(parts, self._starts, axis=1)
        return total


def _joined(found: Sequence[Explanation], width: int) -> Explanation:
    """Return the explanations of several groups' rows in the order of the rows."""
    if not found:
        none = np.zeros(0, np.intp)
        return Explanation(none, none, Contributions(np.zeros(0), np.zeros((0, width))), none)
    rows = np.concatenate([one.rows for one in found])
    order = np.argsort(rows, kind="stable")
    errors = None
    if any(one.contributions.errors is not None for one in found):
        errors = np.vstack(
            [
                np.zeros_like(one.contributions.parts) if one.contributions.errors is None else one.contributions.errors
                for one in found
            ]
        )[order]
    return Explanation(
        rows[order],
        np.concatenate([one.classes for one in found])[order],
        Contributions(
            np.concatenate([one.contributions.base for one in found])[order],
            np.vstack([one.contributions.parts for one in found])[order],
            errors,
        ),
        np.concatenate([one.kinds for one in found])[order],
    )


def explained_model(db: Database, visible: VisibleVersion) -> ExplainedModel:
    """Return a version that the caller was seen to be allowed, ready to be explained; it stays in the session's cache.

    Raises
    ------
    UnsupportedOperationError
        ML020: its model type has no single score, or it was trained by 0.2 and lacks what explanations need.
    """
    entry = cache.entry_of(db, visible)
    if not isinstance(entry.beside, ExplainedModel):
        entry.beside = _open(db, visible, entry.predictor)
    return entry.beside


def _open(db: Database, visible: VisibleVersion, predictor: Predictor) -> ExplainedModel:
    if predictor.task not in _TASKS:
        raise UnsupportedOperationError(
            f"a {predictor.task} model has no single score to explain",
            hint="Explain a classification, a regression or an anomaly model.",
        )
    grouped = predictor.kind == ArtifactKind.GROUPED
    first = ArtifactKind.GROUPED if grouped else ArtifactKind.LINEAR
    stored = artifacts.load_present(db, visible, [first, ArtifactKind.TREES, ArtifactKind.BACKGROUND])
    kept = stored.get(ArtifactKind.BACKGROUND)
    background = Background({}, {}) if kept is None else Background.from_bytes(kept)
    classes = len(predictor.classes or ()) if predictor.task == "classification" else None
    widths = [column.width for column in (predictor.plan.columns[:-1] if grouped else predictor.plan.columns)]

    def make(code: int, linear: Any, trees: Any, runtime: Runtime, count: int | None) -> Explainer:
        if trees:
            model = TreeModel.from_bytes(bytes(trees))
            if model.arrays.get("cover") is not None and model.features == sum(widths):
                return TreesExplainer(model, count)
        if linear and code in background.means:
            return LinearExplainer(LinearModel.from_bytes(bytes(linear)), background.means[code], count)
        if code in background.rows:
            return SampledExplainer(runtime, background.rows[code], widths, count)
        raise UnsupportedOperationError(
            f"version {visible.version} of model {visible.model_id!r} was stored without what explanations need",
            hint="It was trained by a version before 0.3.0: train the model again.",
        )

    if not grouped:
        linear, trees = stored.get(ArtifactKind.LINEAR), stored.get(ArtifactKind.TREES)
        whole = _Part(predictor.runtime, make(WHOLE, linear, trees, predictor.runtime, classes), None)
        return ExplainedModel(predictor, lambda _: whole, False)
    models = GroupedModels.from_bytes(stored[ArtifactKind.GROUPED]).models
    inner = FeaturePlan.as_is(predictor.plan.width - 1)

    def part(code: int) -> _Part | None:
        model: GroupModel | None = models.get(code)
        if model is None:
            return None
        runtime = open_runtime(model.kind, inner, bytes(model.payload), predictor.task)
        linear = model.payload if model.kind == ArtifactKind.LINEAR else None
        positions = None if model.classes is None else np.array(model.classes, np.intp)
        count = None if positions is None else len(positions)
        return _Part(runtime, make(code, linear, model.trees, runtime, count), positions)

    return ExplainedModel(predictor, part, True)
