"""A fit from typed columns to a scored, compiled, serialised model. Runs in the worker only."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.choose import AUTO
from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import (
    InsufficientDataError,
    InvalidArgumentError,
    MotadataError,
    TrainingError,
    UnsupportedOperationError,
)
from motadata_ml_server.features.encode import encode_table
from motadata_ml_server.features.fit import EncodingNeeds, PlanFit, fit_plan
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.training import estimators, metrics, target
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.training.splits import Split, split_rows
from motadata_ml_server.training.target import EncodedTarget
from motadata_ml_server.training.unusual import unusual_rows

Progress: TypeAlias = Callable[[str, float, dict[str, Any]], None]

CHECK_ROWS = 2_000
"""Rows on which a compiled form is compared with scikit-learn."""

SPARSE_WIDTH = 1_000
"""Encoded rows wider than this are sparse where free text makes them so."""

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
    import motadata_ml_server.inference.compile
    import motadata_ml_server.persistence  # noqa: F401


@dataclass(frozen=True)
class UsableRows:
    """Rows ready to be split: without those that lack a target."""

    table: ColumnTable
    target: EncodedTarget | None
    dropped: int


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
        rows, without = _with_group(rows, spec.group.name)
        if without:
            notices.append(f"{without} rows with a NULL {spec.group.name!r} belong to no group and were left out")
    why = None
    if spec.algorithm == AUTO:
        from motadata_ml_server.training import automatic

        entry, why = automatic.choose(spec, rows.table, rows.target)
        notices.append(f"auto chose {entry.name}: {why}")
    else:
        entry = catalogue.load()[spec.algorithm]
    split, held = _divide(spec, rows, validation)
    if split.notice:
        notices.append(split.notice)
    learn, learn_target, held, held_target = _sides(spec, rows, split, held, notices)
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
        from motadata_ml_server.training import grouped

        plan_fit.plan = grouped.with_group(plan_fit.plan, learn.columns[spec.group.name])
    sparse = _is_sparse(plan_fit.plan)
    encoded = encode_table(plan_fit.plan, learn, sparse, plan_fit.overrides)
    weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
    classes = None if learn_target is None else learn_target.classes
    goal = None if learn_target is None else learn_target.values

    hyperparameters = dict(spec.hyperparameters)
    trials: list[dict[str, Any]] = []
    if spec.search is not None:
        from motadata_ml_server.training import search

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
        estimator = grouped.GroupedEstimator(
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
        scores |= _cross_validate(spec, entry, hyperparameters, needs, rows, progress)
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


def usable_rows(spec: TrainingSpec, table: ColumnTable, classes: list[str] | None) -> UsableRows:
    """Leave out rows without a target, and refuse what is left if it is too little."""
    dropped = 0
    if spec.target is not None:
        there = target.present(spec, table)
        dropped = table.rows - int(there.sum())
        if dropped:
            table = table.take(there)
    if table.rows == 0:
        why = (
            f"target {spec.target.name!r} is NULL in every row"
            if dropped and spec.target
            else "there is no row to train on"
        )
        raise InsufficientDataError(why, hint="Check the table, the WHERE clause and your row security policies.")
    if table.rows == 1 and classes is None:
        raise InsufficientDataError("one row is not enough to train on", hint="Training needs two rows at the least.")
    if spec.target is None:
        return UsableRows(table, None, dropped)
    return UsableRows(table, target.encode(spec, table.columns[spec.target.name], classes), dropped)


def _with_group(rows: UsableRows, name: str) -> tuple[UsableRows, int]:
    """Leave out rows whose group is NULL; return how many."""
    there = rows.table.columns[name].texts.codes >= 0
    without = int((~there).sum())
    if not without:
        return rows, 0
    if not there.any():
        raise InsufficientDataError(f"group_by column {name!r} is NULL in every row", hint="Group by another column.")
    goal = None if rows.target is None else rows.target.take(np.flatnonzero(there))
    return UsableRows(rows.table.take(there), goal, rows.dropped), without


def sample_weights(column: Column) -> NDArray[np.float64]:
    """Return what each row counts.

    Raises
    ------
    InvalidArgumentError
        ML009: a weight is NULL, negative or infinite.
    """
    weights = column.numbers
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidArgumentError(
            f"weight column {column.schema.name!r} must be 0 or more in every row, and not NULL",
            hint="Replace what is missing in a SELECT: coalesce(column, 1).",
        )
    if not weights.any():
        raise InvalidArgumentError(
            f"weight column {column.schema.name!r} must not be 0 in every row", hint="A row of weight 0 counts nothing."
        )
    return weights


def _divide(spec: TrainingSpec, rows: UsableRows, validation: ColumnTable | None) -> tuple[Split, ColumnTable | None]:
    """Return the split, and the validation rows where they were given instead."""
    if validation is not None:
        everything = np.arange(rows.table.rows)
        return Split(everything, everything, held_out=True), validation
    codes = rows.target.values if rows.target is not None and rows.target.classes is not None else None
    if spec.group is not None:
        groups = rows.table.columns[spec.group.name].texts.codes.astype(np.intp)
        strata = groups if codes is None else groups * (int(codes.max()) + 1) + codes.astype(np.intp)
        codes = np.unique(strata, return_inverse=True)[1]
    supervised = rows.target is not None
    if not supervised and spec.split is None:
        everything = np.arange(rows.table.rows)
        return Split(everything, everything, held_out=False), None
    return split_rows(spec, rows.table, None if codes is None else codes.astype(np.intp)), None


def _sides(
    spec: TrainingSpec, rows: UsableRows, split: Split, validation: ColumnTable | None, notices: list[str]
) -> tuple[ColumnTable, EncodedTarget | None, ColumnTable, EncodedTarget | None]:
    """Return the rows to learn from and those to score on, with classes as the first have them."""
    if validation is None and not split.held_out:
        return rows.table, rows.target, rows.table, rows.target
    learn = rows.table if len(split.train) == rows.table.rows else rows.table.take(split.train)
    learn_target = None if spec.target is None else target.encode(spec, learn.columns[spec.target.name])
    classes = None if learn_target is None else learn_target.classes
    if validation is None:
        held, held_target = rows.table.take(split.test), None
        if spec.target is not None:
            held_target = target.encode(spec, held.columns[spec.target.name], classes)
    else:
        other = usable_rows(spec, validation, classes or [])
        held, held_target = other.table, other.target
    if held_target is not None and classes is not None:
        known = held_target.values < len(classes)
        if not known.all():
            notices.append(f"{int((~known).sum())} rows to score on have a class that training has not seen")
            if not known.any():
                raise InsufficientDataError(
                    "no row to score on has a class that training has seen", hint="Choose another split."
                )
            held, held_target = held.take(known), held_target.take(np.flatnonzero(known))
    return learn, learn_target, held, held_target


def takes_nan(entry: AlgorithmEntry) -> bool:
    """Tell estimators that learn from NaN itself rather than merely accept it."""
    return entry.nan_ok and ("HistGradientBoosting" in entry.name or entry.requires is not None)


def _is_sparse(plan: FeaturePlan) -> bool:
    return plan.width > SPARSE_WIDTH and any(column.kind == "text" for column in plan.columns)


def score(spec: TrainingSpec, estimator: Any, encoded: Any, goal: EncodedTarget | None) -> dict[str, float]:
    if spec.model_type == "classification":
        assert goal is not None  # noqa: S101 - supervised
        assert goal.classes is not None  # noqa: S101
        probabilities = estimators.probabilities(estimator, encoded)
        scores = None if probabilities is not None else estimators.decision(estimator, encoded)
        labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return metrics.classification(goal.values.astype(np.intp), labels, probabilities, scores, len(goal.classes))
    if spec.model_type == "regression":
        assert goal is not None  # noqa: S101 - supervised
        predicted = np.asarray(estimator.predict(encoded), dtype=np.float64).reshape(len(goal.values), -1)[:, 0]
        return metrics.regression(np.asarray(goal.values, np.float64), predicted)
    if spec.model_type == "clustering":
        labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return metrics.clustering(encoded, labels, estimator, spec.random_state)
    if spec.model_type == "anomaly":
        return metrics.anomaly(np.asarray(estimator.predict(encoded)) == -1)
    return metrics.decomposition(estimator)


def _cross_validate(
    spec: TrainingSpec,
    entry: AlgorithmEntry,
    hyperparameters: dict[str, Any],
    needs: EncodingNeeds,
    rows: UsableRows,
    progress: Progress,
) -> dict[str, float]:
    """Return mean and spread of each score over folds; the feature plan is fitted anew in each."""
    from sklearn.model_selection import KFold, StratifiedKFold

    assert spec.cv is not None  # noqa: S101 - asked for
    stratified = rows.target is not None and rows.target.classes is not None
    folds: list[dict[str, float]] = []
    splitter = (StratifiedKFold if stratified else KFold)(spec.cv, shuffle=True, random_state=spec.random_state)
    goal = np.zeros(rows.table.rows) if rows.target is None else rows.target.values
    names = [schema.name for schema in spec.features]
    for number, (train, test) in enumerate(splitter.split(goal, goal)):
        progress("cross-validate", 0.7 + 0.1 * number / spec.cv, {"rows": len(train), "fold": number + 1})
        learn = rows.table.take(train)
        own = None if rows.target is None else rows.target.take(train)
        fitted = fit_plan(
            learn,
            names,
            None if own is None else own.for_encodings(),
            needs,
            spec.preprocess,
            spec.random_state,
        )
        sparse = _is_sparse(fitted.plan)
        encoded = encode_table(fitted.plan, learn, sparse, fitted.overrides)
        classes = None if own is None else own.classes
        estimator = estimators.make(entry, hyperparameters, spec.threads, spec.random_state, classes)
        weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        estimators.fit(estimator, encoded, None if own is None else own.values, weights)
        held = None if rows.target is None else rows.target.take(test)
        folds.append(score(spec, estimator, encode_table(fitted.plan, rows.table.take(test), sparse), held))
    return {
        key: value
        for name in folds[0]
        for key, value in _spread(f"cv_{name}", [fold[name] for fold in folds if name in fold])
    }


def _spread(name: str, values: list[float]) -> list[tuple[str, float]]:
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(f"{name}_mean", mean), (f"{name}_std", deviation)]


def check_rows(entry: AlgorithmEntry, plan: FeaturePlan, encoded: Any, table: ColumnTable) -> NDArray[np.float64]:
    """Return encoded rows to compare a compiled form on: ordinary ones, and altered copies of a table's first rows."""
    rows = encoded[:CHECK_ROWS]
    dense = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    if entry.scaling == "minmax":
        return dense.reshape(-1, plan.width)
    unusual = encode_table(plan, unusual_rows(table, plan.input_names))
    return np.vstack([dense.reshape(-1, plan.width), unusual])


def compile_and_dump(
    spec: TrainingSpec, entry: AlgorithmEntry, estimator: Any, fitted: PlanFit, check: NDArray[np.float64]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the artifacts of a fitted estimator, and what is to be known of its runtime.

    Another library's estimator is stored in its compiled form alone, so that no session needs the library.
    """
    from motadata_ml_server import persistence
    from motadata_ml_server.inference.compile import compile_estimator

    if hasattr(estimator, "n_jobs"):
        estimator.n_jobs = None
    compiled = compile_estimator(estimator, spec.model_type, check)
    artifacts = {"plan": dump_plan(fitted.plan)}
    if entry.requires is None:
        artifacts["skops"] = persistence.dump(estimator)
    elif compiled.kind is None:
        raise UnsupportedOperationError(
            f"a fitted {entry.name} could not be compiled: {compiled.reason}",
            hint="Choose other hyperparameters, or hist_gradient_boosting.",
        )
    if compiled.kind is not None:
        artifacts[compiled.kind] = compiled.payload
    runtime = {
        "name": compiled.kind or "sklearn",
        "max_difference": compiled.max_difference,
        "reason": compiled.reason,
        "rows_compared": len(check),
    }
    return artifacts, runtime


def dump_plan(plan: FeaturePlan) -> bytes:
    return json.dumps(plan.to_json()).encode()


def library_versions_of(entry: AlgorithmEntry) -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in ("scikit-learn", "numpy", "skops", "onnx")}
    if entry.requires is not None:
        # its distribution may have another name, as xgboost-cpu has
        found[entry.requires] = importlib.import_module(entry.requires).__version__
    return found
