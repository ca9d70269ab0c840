"""One estimator per group: fitted, scored and compiled as one model. Runs in the worker only.

The feature plan is shared: it is made from the rows of all groups, and its last column is the group's position. So a
row is encoded once, whatever its group, and its last encoded number says which estimator it belongs to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import TrainingError
from motadata_ml_server.features.background import Background
from motadata_ml_server.features.fit_plan import PlanFit
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import TEXT_FORM
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel, rows_of_groups
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.all_classes import numbered, weights_of_present
from motadata_ml_server.worker.artifacts import check_rows, dump_plan
from motadata_ml_server.worker.background import background_of, together
from motadata_ml_server.worker.one_model import Rows
from motadata_ml_server.worker.target import EncodedTarget

CHECK_ROWS = 32
"""Rows of each group on which its compiled form is compared with scikit-learn."""

FEW_ROWS = 50
"""Fitted on fewer rows, an estimator may not be able to predict: nearest neighbours need as many as they count."""

MAX_REASONS = 1_000
"""So many groups without a model are listed with the reason."""

Report = Callable[[float, dict[str, Any]], None]


def with_group(plan: FeaturePlan, column: Column) -> FeaturePlan:
    """Return a plan whose last column is the group's position among all groups of the training rows."""
    used = np.unique(column.texts.codes)
    groups = sorted(column.texts.dictionary[code] for code in used.tolist() if code >= 0)
    feature = {
        "name": column.schema.name,
        "kind": "category",
        "role": "group",
        "source": "text",
        "sql_type": column.schema.sql_type,
        "width": 1,
        "encode": "ordinal",
        "form": TEXT_FORM,
        "categories": groups,
        "unknown": None,
        "shift": None,
        "scale": None,
    }
    return FeaturePlan.of([*(own.spec for own in plan.columns), feature])


@dataclass(frozen=True)
class _Rows:
    """Encoded rows without the group's number, and the positions of each group's rows."""

    encoded: Any
    of_group: dict[int, NDArray[np.intp]]


def _apart(encoded: Any) -> _Rows:
    last = encoded[:, -1]
    codes = np.asarray(last.toarray() if hasattr(last, "toarray") else last, dtype=np.float64).reshape(-1)
    return _Rows(encoded[:, :-1], rows_of_groups(codes))


class GroupedEstimator:
    """An estimator for each group, fitted and asked like one.

    Parameters
    ----------
    make : callable
        Returns an unfitted estimator.
    groups : sequence of str
        By position.
    classes : int or None
        Number of classes of all groups; None where the target is no label.

    Attributes
    ----------
    fitted : dict of int to estimator
        By the group's position.
    failed : dict of int to str
        Why a group has no estimator.
    """

    def __init__(self, make: Callable[[], Any], groups: Sequence[str], classes: int | None) -> None:
        self._make = make
        self._groups = groups
        self._classes = classes
        self.fitted: dict[int, Any] = {}
        self.present: dict[int, NDArray[np.intp]] = {}
        self.failed: dict[int, str] = {}

    def fit(self, encoded: Any, goal: NDArray[Any] | None, weights: NDArray[np.float64] | None, report: Report) -> None:
        """Fit every group; those that fail are left out.

        Raises
        ------
        TrainingError
            ML015: all of them failed.
        """
        rows = _apart(encoded)
        told = started = time.monotonic()
        for number, (code, own) in enumerate(rows.of_group.items()):
            try:
                self.fitted[code] = self._fit_one(
                    code,
                    rows.encoded[own],
                    None if goal is None else goal[own],
                    None if weights is None else weights[own],
                )
            except MemoryError:
                raise
            except Exception as error:  # whatever an estimator raises on few or uniform rows
                self.failed[code] = str(error).strip().split("\n")[0][:200]
            if time.monotonic() - told > 0.5:
                told = time.monotonic()
                done = (number + 1) / len(rows.of_group)
                left = (told - started) * (1.0 - done) / done
                report(done, {"rows": encoded.shape[0], "groups": number + 1, "seconds_left": left})
        if not self.fitted:
            code, reason = next(iter(self.failed.items()))
            raise TrainingError(
                f"none of the {len(self.failed)} groups could be trained; {self._groups[code]!r}: {reason}",
                hint="Group by a column whose groups have more rows, or leave group_by out.",
            )
        if hasattr(next(iter(self.fitted.values())), "predict_proba"):
            self.predict_proba = self._probabilities

    def _fit_one(self, code: int, encoded: Any, goal: NDArray[Any] | None, weights: NDArray[np.float64] | None) -> Any:
        if encoded.shape[0] < 2:
            raise ValueError("it has one row only")
        if self._classes is not None and goal is not None and (goal == goal[0]).all():
            raise ValueError("its target has one class only")
        estimator = self._make()
        if self._classes is not None and goal is not None:
            self.present[code], goal = numbered(goal)
            weights_of_present(estimator, self.present[code])
        estimators.fit(estimator, encoded, goal, weights)
        if encoded.shape[0] < FEW_ROWS:
            estimator.predict(encoded[:1])
        return estimator

    def known(self, encoded: Any) -> NDArray[np.bool_]:
        """Say which rows belong to a group that has an estimator."""
        found = np.zeros(encoded.shape[0], bool)
        for code, own in _apart(encoded).of_group.items():
            found[own] = code in self.fitted
        return found

    def predict(self, encoded: Any) -> NDArray[Any]:
        """Predict rows whose groups are known."""

        def answers(code: int, rows: Any) -> NDArray[np.float64]:
            own = np.asarray(self.fitted[code].predict(rows), dtype=np.float64)
            return own if code not in self.present else self.present[code][own.astype(np.intp)].astype(np.float64)

        return self._each(encoded, answers)

    def _probabilities(self, encoded: Any) -> NDArray[np.float64]:
        """Return the probability of each class of all groups; 0 for one that a row's group has not."""

        def chances(code: int, rows: Any) -> NDArray[np.float64]:
            wide = np.zeros((rows.shape[0], self._classes or 0))
            wide[:, self.present[code]] = estimators.probabilities(self.fitted[code], rows)
            return wide

        return self._each(encoded, chances)

    def _each(self, encoded: Any, ask: Callable[[int, Any], NDArray[np.float64]]) -> NDArray[np.float64]:
        rows = _apart(encoded)
        out: NDArray[np.float64] | None = None
        for code, own in rows.of_group.items():
            answer = ask(code, rows.encoded[own])
            if out is None:
                out = np.empty((encoded.shape[0], *answer.shape[1:]))
            out[own] = answer
        return np.empty(0) if out is None else out

    def warning(self) -> str | None:
        """Return a sentence on the groups without a model, None where there is none."""
        if not self.failed:
            return None
        shown = [f"{self._groups[code]!r} ({reason})" for code, reason in list(self.failed.items())[:5]]
        more = ", ..." if len(self.failed) > len(shown) else ""
        count = len(self.failed)
        of_all = f"{count} of {count + len(self.fitted)} groups"
        return f"{of_all} {'has' if count == 1 else 'have'} no model: {', '.join(shown)}{more}"

    def compile(
        self, task: str, check: Any, unusual: NDArray[np.float64], seed: int | None = None
    ) -> tuple[bytes, bytes | None, dict[str, Any]]:
        """Compile each group's estimator where that gives the same answers; return all as one artifact.

        Parameters
        ----------
        task : str
            Model type.
        check : ndarray or csr_matrix, shape (rows, width + 1)
            Encoded rows to compare on.
        unusual : ndarray, shape (rows, width + 1)
            Rows that are compared on for every group.
        seed : int or None
            The training's.

        Returns
        -------
        tuple of bytes, bytes or None, and dict
            The models, what explains them, and what is to be known of the runtime.
        """
        from motadata_ml_server.persistence.skops_store import dump
        from motadata_ml_server.worker.compile.compare import compile_estimator

        rows = _apart(check)
        extra = unusual[:: -(-len(unusual) // CHECK_ROWS), :-1]
        models: dict[int, GroupModel] = {}
        parts: list[Background] = []
        differences: list[float] = [0.0]
        reasons: dict[str, int] = {}
        for code, estimator in self.fitted.items():
            if hasattr(estimator, "n_jobs"):
                estimator.n_jobs = None
            own = rows.encoded[rows.of_group[code][:CHECK_ROWS]] if code in rows.of_group else extra[:0]
            dense = np.asarray(own.toarray() if hasattr(own, "toarray") else own, dtype=np.float64)
            compiled = compile_estimator(estimator, task, np.vstack([dense, extra]))
            kind, payload = compiled.kind or ArtifactKind.SKOPS, compiled.payload or dump(estimator)
            classes = self.present[code].tolist() if task == "classification" else None
            models[code] = GroupModel(kind, payload, classes, compiled.trees)
            if code in rows.of_group:
                own = rows.encoded[rows.of_group[code]]
                parts.append(background_of(task, kind, compiled.trees, own, seed, code, len(self.fitted)))
            differences.append(compiled.max_difference if compiled.kind else 0.0)
            reasons[kind] = reasons.get(kind, 0) + 1
        how = ", ".join(f"{count} {kind}" for kind, count in sorted(reasons.items()))
        runtime = {
            "name": ArtifactKind.GROUPED,
            "max_difference": max(differences),
            "reason": f"a model per group: {how}",
            "rows_compared": len(self.fitted) * (CHECK_ROWS + len(extra)),
            "groups": len(self.fitted),
            "failed_groups": {self._groups[code]: reason for code, reason in list(self.failed.items())[:MAX_REASONS]},
        }
        return GroupedModels(task, self._classes, models).to_bytes(), together(parts), runtime


class ModelPerGroup:
    """An estimator for each group; with the methods of `one_model.OneModel`.

    Parameters
    ----------
    spec : TrainingSpec
        What to train; its group is set.
    entry : AlgorithmEntry
        The estimator.

    Attributes
    ----------
    estimator : GroupedEstimator
        Once `fit` was called.
    """

    estimator: GroupedEstimator

    def __init__(self, spec: TrainingSpec, entry: AlgorithmEntry) -> None:
        assert spec.group is not None  # noqa: S101 - the caller looked
        self._spec = spec
        self._entry = entry
        self._column = spec.group.name

    def complete(self, plan: FeaturePlan, learn: ColumnTable) -> FeaturePlan:
        """Return the plan with the group as its last column."""
        return with_group(plan, learn.columns[self._column])

    def fit(
        self,
        encoded: Any,
        goal: EncodedTarget | None,
        weights: NDArray[np.float64] | None,
        hyperparameters: dict[str, Any],
        plan: FeaturePlan,
        progress: Progress,
    ) -> None:
        """Fit an estimator for each group, each on one thread."""
        classes, values = (None, None) if goal is None else (goal.classes, goal.values)
        self.estimator = GroupedEstimator(
            lambda: estimators.make(self._entry, hyperparameters, 1, self._spec.random_state, classes),
            plan.columns[-1].spec["categories"],
            None if classes is None else len(classes),
        )
        self.estimator.fit(encoded, values, weights, lambda done, more: progress("fit", 0.3 + 0.3 * done, more))

    def scorable(self, encoded: Any, goal: EncodedTarget | None) -> tuple[Any, EncodedTarget | None]:
        """Return the rows whose group has a model."""
        known = np.flatnonzero(self.estimator.known(encoded))
        return encoded[known], None if goal is None else goal.take(known)

    def compile(self, fitted: PlanFit, learned: Rows, held: Rows) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Return the artifacts, and what is to be known of the runtime; compared on rows of each group."""
        unusual = check_rows(self._entry, fitted.plan, learned.encoded[:1], learned.table)
        payload, background, runtime = self.estimator.compile(
            self._spec.model_type, learned.encoded, unusual, self._spec.random_state
        )
        artifacts: dict[str, bytes] = {ArtifactKind.PLAN: dump_plan(fitted.plan), ArtifactKind.GROUPED: payload}
        return artifacts | ({} if background is None else {ArtifactKind.BACKGROUND: background}), runtime

    def hyperparameters(self) -> dict[str, Any]:
        """Return all hyperparameters, as used."""
        return estimators.full_hyperparameters(self._entry, next(iter(self.estimator.fitted.values())))

    def metrics(self) -> dict[str, float]:
        """Return how many groups have a model, and how many have none."""
        return {"groups": len(self.estimator.fitted), "groups_failed": len(self.estimator.failed)}

    def warnings(self) -> list[str]:
        """Return what the user should know of groups without a model."""
        said = self.estimator.warning()
        return [] if said is None else [said]
