"""A fit from typed columns to a scored, compiled, serialised model. Runs in the worker only."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.choose import AUTO, BEST
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import MotadataError, TrainingError
from motadata_ml_server.features.findings import MIN_ROWS
from motadata_ml_server.features.fit_plan import EncodingNeeds, PlanFit, fit_plan
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.conformal import Conformal
from motadata_ml_server.prediction.runtimes.permutation import METRICS
from motadata_ml_server.training.messages import ModelReport
from motadata_ml_server.training.scoring import positive_class
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import calibration, estimators, threads
from motadata_ml_server.worker.artifacts import library_versions_of
from motadata_ml_server.worker.cross_validation import cross_validate, score, unranked
from motadata_ml_server.worker.flattery import flattering
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.groups import ModelPerGroup
from motadata_ml_server.worker.importance import measured
from motadata_ml_server.worker.library_warnings import said
from motadata_ml_server.worker.one_model import OneModel, Rows
from motadata_ml_server.worker.rows import UsableRows, divide, sample_weights, sides, usable_rows, with_group
from motadata_ml_server.worker.target import EncodedTarget

Array = NDArray[np.float64]

SEEN_ROWS = 20_000
"""From so many training rows comes how far predictions of about a value usually are from the truth."""

FEW_ROWS_A_CLASS = 2
"""With fewer rows a class than this on average, a target is no label."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel(ModelReport):
    """What a fit leaves behind.

    Attributes
    ----------
    artifacts : dict of str to bytes
        plan, profile and skops always; linear or onnx where compiled.
    """

    artifacts: dict[str, bytes]

    def describe(self) -> ModelReport:
        """Return everything but the artifacts."""
        return ModelReport(**{item.name: getattr(self, item.name) for item in fields(ModelReport)})


def prepare(spec: TrainingSpec) -> None:
    """Import what a training needs, while its rows are still on the way."""
    if spec.algorithm not in (AUTO, BEST):
        estimators.estimator_class(catalogue.load()[spec.algorithm])
    elif spec.target is not None:
        for name in ("HistGradientBoostingClassifier", "LogisticRegression"):  # one of theirs, whatever is predicted
            estimators.estimator_class(catalogue.load()[name])


def fit(spec: TrainingSpec, train: ColumnTable, validation: ColumnTable | None, progress: Progress) -> TrainedModel:
    """Fit, score, compile and serialise a model.

    Parameters
    ----------
    spec : TrainingSpec
        What to train.
    train : ColumnTable
        Features, target and the split's column.
    validation : ColumnTable or None
        Rows to score on instead of a split.
    progress : callable
        ``progress(step, fraction, more)``.

    Raises
    ------
    MotadataError
        ML005, ML006, ML008, ML009, ML010: the data or the arguments do not suit; ML015: the estimator failed.
    """
    from threadpoolctl import threadpool_limits

    found: list[str] = []
    spec = threads.for_rows(spec, train.rows)
    with threadpool_limits(threads.of_pools(spec, train.rows)), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = _Training(spec, progress, found).run(train, validation)
        except (MotadataError, MemoryError):
            raise
        except Exception as error:
            raise TrainingError(
                f"{spec.algorithm} failed on this data: {type(error).__name__}: {error}",
                hint="The text is the library's own; check the data and the hyperparameters.",
            ) from error
    found.extend(said(caught))
    return model


class _Training:
    """One training, step by step: each step takes what the one before left."""

    def __init__(self, spec: TrainingSpec, progress: Progress, warnings_found: list[str]) -> None:
        self.spec = spec
        self.progress = progress
        self.warnings = warnings_found
        self.notices: list[str] = []
        self.why: str | None = None
        self.chosen: dict[str, Any] = {}
        self.tried: list[dict[str, Any]] = []
        self.began = time.monotonic()

    def run(self, train: ColumnTable, validation: ColumnTable | None) -> TrainedModel:
        """Return the trained model."""
        spec = self.spec
        rows = self._usable(train)
        learn, goal, held, held_goal = self._sides(rows, validation)
        if goal is not None and goal.classes is not None:
            positive_class(goal.classes, spec.label_type, spec.positive_class)
            self._look_at_classes(len(goal.classes), learn.rows)
        self._choose(learn, goal)
        self.progress("encode", 0.1, {"rows": rows.table.rows})
        needs = EncodingNeeds(takes_nan(self.entry), self.entry.scaling)
        fitted = self._plan(learn, goal, needs)
        sparse = fitted.plan.sparse
        encoded = encode_table(fitted.plan, learn, sparse, fitted.overrides)
        weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        hyperparameters, trials = self._search(learn, encoded, goal, weights)
        fit_seconds = self._fit(encoded, goal, weights, hyperparameters, fitted.plan)
        self.progress("score", 0.7, {"rows": held.rows})
        checked = encoded if held is learn else encode_table(fitted.plan, held, sparse)
        metrics = self._metrics(checked, held_goal, learn.rows, None if held is learn else held)
        if held is not learn and goal is not None:
            self.warnings.extend(flattering(learn, held, [schema.name for schema in spec.features], metrics))
        if spec.cv is not None:
            metrics |= cross_validate(spec, self.entry, hyperparameters, needs, rows, self.progress, self.notices)
        conformal = None
        if spec.intervals is not None:
            assert goal is not None  # noqa: S101 - supervised
            learned = calibration.Learned(self.entry, hyperparameters, needs, learn, goal)
            conformal, metrics["intervals"] = self._intervals(
                encoded, learned, None if held is learn else (checked, held_goal)
            )
        self.progress("compile", 0.85, {"rows": learn.rows})
        artifacts, runtime = self.fitter.compile(fitted, Rows(encoded, learn), Rows(checked, held))
        metrics |= self.fitter.metrics()
        if held is not learn and held_goal is not None:
            runtime |= self._importance(artifacts, fitted.plan, checked, held_goal, fit_seconds)
        self.warnings.extend(self.fitter.warnings())
        if self.why is not None:
            runtime["chosen_because"] = self.why
        artifacts[ArtifactKind.PROFILE] = Profile.fit(fitted.plan, learn).dump()
        if conformal is not None:
            artifacts[ArtifactKind.CALIBRATION] = conformal.dump()
        return TrainedModel(
            artifacts=artifacts,
            features=fitted.plan.summary(),
            classes=None if goal is None else goal.classes,
            label_type=spec.label_type,
            metrics=metrics,
            algorithm=self.entry.name,
            hyperparameters=self.fitter.hyperparameters(),
            rows=rows.table.rows,
            dropped_rows=rows.dropped,
            warnings=self.warnings,
            notices=self.notices,
            runtime=runtime,
            library_versions=library_versions_of(self.entry),
            fit_seconds=fit_seconds,
            trials=trials,
        )

    def _look_at_classes(self, classes: int, rows: int) -> None:
        """Warn of a target that hardly repeats."""
        assert self.spec.target is not None  # noqa: S101 - a classifier's
        if rows > MIN_ROWS and rows < FEW_ROWS_A_CLASS * classes:
            self.warnings.append(
                f"target {self.spec.target.name!r} has {classes} classes in {rows} rows, so hardly one repeats: "
                "is it a number for model_type => 'regression', or an id?"
            )

    def _usable(self, train: ColumnTable) -> UsableRows:
        """Return the rows that can be used."""
        spec = self.spec
        rows = usable_rows(spec, train, None)
        if spec.group is not None:
            rows, without = with_group(rows, spec.group.name)
            if without:
                self.notices.append(
                    f"{without} rows with a NULL {spec.group.name!r} belong to no group and were left out"
                )
        return rows

    def _choose(self, learn: ColumnTable, goal: EncodedTarget | None) -> None:
        """Choose the algorithm by the rows, where none was named, and what is fitted of it."""
        spec = self.spec
        if spec.algorithm == AUTO:
            from motadata_ml_server.worker import auto

            self.progress("choose", 0.05, {"rows": learn.rows})
            choice = auto.choose(spec, learn, goal)
            self.entry, self.chosen, self.why = choice.entry, choice.hyperparameters, choice.why
        elif spec.algorithm == BEST:
            self._search_families(learn, goal)
        else:
            self.entry = catalogue.load()[spec.algorithm]
        self.fitter: OneModel | ModelPerGroup = (
            OneModel(spec, self.entry) if spec.group is None else ModelPerGroup(spec, self.entry)
        )

    def _search_families(self, learn: ColumnTable, goal: EncodedTarget | None) -> None:
        from motadata_ml_server.worker import best
        from motadata_ml_server.worker.auto import free_text

        assert goal is not None  # noqa: S101 - refused without a target

        def report(done: float, more: dict[str, Any]) -> None:
            self.progress("search", 0.1 + 0.2 * done, {"rows": learn.rows, **more})

        choice, self.tried = best.find(self.spec, learn, goal, free_text(self.spec, learn), report, self.began)
        self.entry, self.chosen, self.why = choice.entry, choice.hyperparameters, choice.why

    def _sides(
        self, rows: UsableRows, validation: ColumnTable | None
    ) -> tuple[ColumnTable, EncodedTarget | None, ColumnTable, EncodedTarget | None]:
        """Return the rows to learn from and those to score on, each with its target."""
        split, held = divide(self.spec, rows, validation)
        if split.notice:
            self.notices.append(split.notice)
        return sides(self.spec, rows, split, held, self.notices)

    def _plan(self, learn: ColumnTable, goal: EncodedTarget | None, needs: EncodingNeeds) -> PlanFit:
        fitted = fit_plan(
            learn,
            [schema.name for schema in self.spec.features],
            None if goal is None else goal.for_encodings(),
            needs,
            self.spec.preprocess,
            self.spec.random_state,
        )
        self.warnings.extend(fitted.warnings)
        fitted.plan = self.fitter.complete(fitted.plan, learn)
        return fitted

    def _search(
        self, learn: ColumnTable, encoded: Any, goal: EncodedTarget | None, weights: Array | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the hyperparameters to use, and the trials of a search."""
        spec = self.spec
        hyperparameters = self.chosen | spec.hyperparameters
        if spec.search is None:
            return hyperparameters, self.tried
        from motadata_ml_server.worker import search

        self.progress("search", 0.2, {"rows": learn.rows})
        search.check(spec.search)
        drawn = folds(spec, learn, goal, spec.search.get("cv", search.FOLDS))
        self.notices.extend(f"search: {notice}" for notice in drawn.notices)
        classes = None if goal is None else goal.classes
        base = estimators.make(self.entry, hyperparameters, spec.threads, spec.random_state, classes)
        rows = search.Rows(encoded, goal, weights)

        def report(done: float, left: float) -> None:
            self.progress("search", 0.2 + 0.1 * done, {"rows": learn.rows, "seconds_left": left})

        best, trials = search.run(self.entry, base, spec.search, rows, drawn, spec, report)
        told = {"algorithm": self.entry.name, "folds": len(drawn.pairs)}
        return hyperparameters | best, [trial | told for trial in trials]

    def _fit(
        self,
        encoded: Any,
        goal: EncodedTarget | None,
        weights: Array | None,
        hyperparameters: dict[str, Any],
        plan: FeaturePlan,
    ) -> float:
        """Fit, and return the seconds of the fit alone."""
        from threadpoolctl import threadpool_limits

        self.progress("fit", 0.3, {"rows": encoded.shape[0]})
        started = time.perf_counter()
        with threadpool_limits(threads.threads_for(encoded.shape[0], encoded.shape[1], self.spec.threads)):
            self.fitter.fit(encoded, goal, weights, hyperparameters, plan, self.progress)
        return time.perf_counter() - started

    def _importance(
        self, artifacts: dict[str, bytes], plan: FeaturePlan, checked: Any, goal: EncodedTarget, fit_seconds: float
    ) -> dict[str, Any]:
        """Return what each feature adds to the scores, unless it is turned off or takes too long."""
        spec = self.spec
        if not spec.importance or spec.model_type not in METRICS or isinstance(self.fitter, ModelPerGroup):
            return {}
        seed = spec.random_state
        found = measured(
            artifacts, self.fitter.estimator, spec.model_type, plan, checked, goal.values, seed, fit_seconds
        )
        return {} if found is None else {"importance": found}

    def _metrics(
        self, checked: Any, goal: EncodedTarget | None, learned: int, held: ColumnTable | None
    ) -> dict[str, Any]:
        """Return the scores; `held` is None where they are of the training rows."""
        scored, scored_goal = self.fitter.scorable(checked, goal)
        found = score(self.spec, self.fitter.estimator, scored, scored_goal) if scored.shape[0] else {}
        lacking = unranked(self.fitter.estimator, found, scored_goal) if scored.shape[0] else None
        if lacking is not None:
            self.notices.append(lacking)
        if held is None:
            self.notices.append("the scores are of the training rows themselves: none were held out")
        return found | {"n_train": learned, "n_test": 0 if held is None else scored.shape[0]}

    def _intervals(
        self, encoded: Any, learned: calibration.Learned, held: tuple[Any, EncodedTarget | None] | None
    ) -> tuple[Conformal, dict[str, Any]]:
        """Return how far predictions are from the truth; `held` is None where no row was held out."""
        spec, estimator = self.spec, self.fitter.estimator
        some = slice(None, None, -(-encoded.shape[0] // SEEN_ROWS))
        rows, goal = self.fitter.scorable(encoded[some], EncodedTarget(learned.goal.classes, learned.goal.values[some]))
        assert goal is not None  # noqa: S101 - it was given
        seen = calibration.answers(spec, estimator, rows, goal)
        apart = seen.take(np.empty(0, np.intp))
        if held is not None:
            rows, of_held = self.fitter.scorable(*held)
            assert of_held is not None  # noqa: S101 - supervised
            if rows.shape[0]:
                apart = calibration.answers(spec, estimator, rows, of_held)
        return calibration.calibrate(spec, seen, apart, learned, self.notices)


def takes_nan(entry: AlgorithmEntry) -> bool:
    """Tell estimators that learn from NaN itself rather than merely accept it."""
    return entry.nan_ok and ("HistGradientBoosting" in entry.name or entry.requires is not None or entry.composed)
