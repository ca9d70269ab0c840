"""A fit from typed columns to a scored, compiled, serialised model. Runs in the worker only."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.choose import AUTO
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import MotadataError, TrainingError
from motadata_ml_server.features.fit_plan import EncodingNeeds, fit_plan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.artifacts import check_rows, compile_and_dump, dump_plan, library_versions_of
from motadata_ml_server.worker.cross_validation import cross_validate, score
from motadata_ml_server.worker.rows import divide, sample_weights, sides, usable_rows, with_group

MAX_WARNINGS = 20


@dataclass(frozen=True)
class TrainedModel:
    """What a fit leaves behind.

    Attributes
    ----------
    artifacts : dict of str to bytes
        plan, profile and skops always; linear or onnx where compiled.
    features : list of dict
        The plan's summary.
    classes : list of str or None
        Labels in the order of probabilities.
    label_type : str or None
        What a label is in the table.
    metrics : dict of str to float
        Scores, always with n_train and n_test.
    algorithm : str
        The estimator's class.
    hyperparameters : dict
        All of them, as used.
    rows, dropped_rows : int
        Rows used, and rows without a target.
    warnings, notices : list of str
        What the user should know.
    runtime : dict
        name, max_difference and reason of the compiled form.
    library_versions : dict of str to str
        Of what the model was made with.
    fit_seconds : float
        The fit alone.
    trials : list of dict
        Of a hyperparameter search.
    """

    artifacts: dict[str, bytes]
    features: list[dict[str, Any]]
    classes: list[str] | None
    label_type: str | None
    metrics: dict[str, float]
    algorithm: str
    hyperparameters: dict[str, Any]
    rows: int
    dropped_rows: int
    warnings: list[str]
    notices: list[str]
    runtime: dict[str, Any]
    library_versions: dict[str, str]
    fit_seconds: float
    trials: list[dict[str, Any]]

    def describe(self) -> dict[str, Any]:
        """Return everything but the artifacts, as plain data."""
        return {name: value for name, value in asdict(self).items() if name != "artifacts"}


def prepare(spec: TrainingSpec) -> None:
    """Import what a training needs, while its rows are still on the way."""
    if spec.algorithm != AUTO:
        estimators.estimator_class(catalogue.load()[spec.algorithm])


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
    with threadpool_limits(spec.threads), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = _fit(spec, train, validation, progress, found)
        except (MotadataError, MemoryError):
            raise
        except Exception as error:
            raise TrainingError(
                f"{spec.algorithm} failed on this data: {type(error).__name__}: {error}",
                hint="The text is the library's own; check the data and the hyperparameters.",
            ) from error
    said = dict.fromkeys(f"{item.category.__name__}: {item.message}" for item in caught if concerns_user(item))
    found.extend(list(said)[:MAX_WARNINGS])
    return model


def concerns_user(item: warnings.WarningMessage) -> bool:
    return not issubclass(item.category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning, ImportWarning))


def _fit(
    spec: TrainingSpec,
    train: ColumnTable,
    validation: ColumnTable | None,
    progress: Progress,
    found: list[str],
) -> TrainedModel:
    rows = usable_rows(spec, train, None)
    notices = []
    if spec.group is not None:
        rows, without = with_group(rows, spec.group.name)
        if without:
            notices.append(f"{without} rows with a NULL {spec.group.name!r} belong to no group and were left out")
    why = None
    if spec.algorithm == AUTO:
        from motadata_ml_server.worker import auto

        entry, why = auto.choose(spec, rows.table, rows.target)
        notices.append(f"auto chose {entry.name}: {why}")
    else:
        entry = catalogue.load()[spec.algorithm]
    split, held = divide(spec, rows, validation)
    if split.notice:
        notices.append(split.notice)
    learn, learn_target, held, held_target = sides(spec, rows, split, held, notices)
    progress("encode", 0.1, {"rows": rows.table.rows})
    names = [schema.name for schema in spec.features]
    needs = EncodingNeeds(takes_nan(entry), entry.scaling)
    plan_fit = fit_plan(
        learn,
        names,
        None if learn_target is None else learn_target.for_encodings(),
        needs,
        spec.preprocess,
        spec.random_state,
    )
    found.extend(plan_fit.warnings)
    if spec.group is not None:
        from motadata_ml_server.worker import groups

        plan_fit.plan = groups.with_group(plan_fit.plan, learn.columns[spec.group.name])
    sparse = plan_fit.plan.sparse
    encoded = encode_table(plan_fit.plan, learn, sparse, plan_fit.overrides)
    weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
    classes = None if learn_target is None else learn_target.classes
    goal = None if learn_target is None else learn_target.values

    hyperparameters = dict(spec.hyperparameters)
    trials: list[dict[str, Any]] = []
    if spec.search is not None:
        from motadata_ml_server.worker import search

        progress("search", 0.2, {"rows": learn.rows})
        base = estimators.make(entry, hyperparameters, spec.threads, spec.random_state, classes)
        best, trials = search.run(entry, base, spec.search, encoded, goal, weights, spec.random_state)
        hyperparameters |= best
    progress("fit", 0.3, {"rows": learn.rows})
    started = time.perf_counter()
    if spec.group is None:
        estimator = estimators.make(entry, hyperparameters, spec.threads, spec.random_state, classes)
        estimators.fit(estimator, encoded, goal, weights)
    else:
        estimator = groups.GroupedEstimator(
            lambda: estimators.make(entry, hyperparameters, 1, spec.random_state, classes),
            plan_fit.plan.columns[-1].spec["categories"],
            None if classes is None else len(classes),
        )
        estimator.fit(encoded, goal, weights, lambda done, more: progress("fit", 0.3 + 0.3 * done, more))
    fit_seconds = time.perf_counter() - started

    progress("score", 0.7, {"rows": held.rows})
    checked = encoded if held is learn else encode_table(plan_fit.plan, held, sparse)
    scored, scored_target = checked, held_target
    if spec.group is not None:
        known = np.flatnonzero(estimator.known(checked))
        scored, scored_target = checked[known], None if held_target is None else held_target.take(known)
    scores = score(spec, estimator, scored, scored_target) if scored.shape[0] else {}
    if spec.cv is not None:
        scores |= cross_validate(spec, entry, hyperparameters, needs, rows, progress)
    scores |= {"n_train": learn.rows, "n_test": scored.shape[0] if held is not learn else 0}
    if held is learn:
        notices.append("the scores are of the training rows themselves: none were held out")

    progress("compile", 0.85, {"rows": learn.rows})
    if spec.group is None:
        check = check_rows(entry, plan_fit.plan, checked, held)
        artifacts, runtime = compile_and_dump(spec, entry, estimator, plan_fit, check)
        used = estimators.full_hyperparameters(entry, estimator)
    else:
        unusual = check_rows(entry, plan_fit.plan, encoded[:1], learn)
        artifacts = {"plan": dump_plan(plan_fit.plan)}
        artifacts["grouped"], runtime = estimator.compile(spec.model_type, encoded, unusual)
        scores |= {"groups": len(estimator.fitted), "groups_failed": len(estimator.failed)}
        found.extend(filter(None, [estimator.warning()]))
        used = estimators.full_hyperparameters(entry, next(iter(estimator.fitted.values())))
    if why is not None:
        runtime["chosen_because"] = why
    artifacts["profile"] = Profile.fit(plan_fit.plan, learn).dump()
    return TrainedModel(
        artifacts=artifacts,
        features=[column.summary() for column in plan_fit.plan.columns],
        classes=classes,
        label_type=spec.label_type,
        metrics=scores,
        algorithm=entry.name,
        hyperparameters=used,
        rows=rows.table.rows,
        dropped_rows=rows.dropped,
        warnings=found,
        notices=notices,
        runtime=runtime,
        library_versions=library_versions_of(entry),
        fit_seconds=fit_seconds,
        trials=trials,
    )


def takes_nan(entry: AlgorithmEntry) -> bool:
    """Tell estimators that learn from NaN itself rather than merely accept it."""
    return entry.nan_ok and ("HistGradientBoosting" in entry.name or entry.requires is not None)
