"""Models from outside become artifacts like any other, or are refused. Runs in the worker only.

What comes is not stored. A pipeline becomes a plan and a compiled form that is written here, a graph is looked at and
written anew: a session never reads an archive that somebody else has made, and never runs scikit-learn on what did
not come from a fit.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import ArtifactError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.features.category import category_reader
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.numeric import NumericKind
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.link import batch_class, batch_probabilities, batch_value
from motadata_ml_server.prediction.runtimes.open import open_runtime
from motadata_ml_server.training.messages import Import
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.artifacts import dump_plan
from motadata_ml_server.worker.background import stored_background
from motadata_ml_server.worker.fit import TrainedModel
from motadata_ml_server.worker.import_plan import Reading

TOLERANCE: Final = 1e-4
"""Largest difference in a probability, and largest relative one in a value: single precision has seven digits."""

_OWN_TREES: Final = ("decision trees", "several estimators")


class _Found:
    """A model in the form in which it is stored."""

    def __init__(self, plan: FeaturePlan, kind: ArtifactKind, payload: bytes, trees: bytes, reason: str) -> None:
        self.plan, self.kind, self.payload, self.trees, self.reason = plan, kind, payload, trees, reason
        self.classes: list[str] | None = None
        self.algorithm = "ONNX"
        self.hyperparameters: dict[str, Any] = {}
        self.warnings: list[str] = []


def imported(data: bytes, order: Import) -> TrainedModel:
    """Return a model from outside as a trained one.

    Parameters
    ----------
    data : bytes
        The file.
    order : Import
        What is said of it, and rows with the answers that it gave where it comes from.

    Raises
    ------
    ArtifactError
        ML018: it holds what is not taken, or answers otherwise than it did.
    UnsupportedOperationError
        ML020: it has no compiled form.
    InvalidArgumentError
        ML009: features, classes or rows do not fit it.
    """
    found = _of_skops(data, order) if order.format == "skops" else _of_onnx(data, order)
    encoded = _encoded(found.plan, order.rows)
    difference = _compared(found, order, encoded)
    artifacts: dict[str, bytes] = {ArtifactKind.PLAN: dump_plan(found.plan), found.kind: found.payload}
    if found.trees:
        artifacts[ArtifactKind.TREES] = found.trees
    background = stored_background(order.model_type, artifacts, encoded, 0)
    if background is not None:
        artifacts[ArtifactKind.BACKGROUND] = background
    artifacts[ArtifactKind.PROFILE] = Profile.fit(found.plan, _table(found.plan, order.rows)).dump()
    return TrainedModel(
        artifacts=artifacts,
        features=found.plan.summary(),
        classes=found.classes,
        label_type=_label_type(found.classes),
        metrics={"n_train": 0, "n_test": len(order.rows), "max_difference": difference},
        algorithm=found.algorithm,
        hyperparameters=found.hyperparameters,
        rows=0,
        dropped_rows=0,
        warnings=found.warnings,
        notices=[],
        runtime={
            "name": str(found.kind),
            "max_difference": difference,
            "reason": found.reason,
            "rows_compared": len(order.rows),
            "trees": bool(found.trees),
            "imported": {"format": order.format, "bytes": len(data)},
        },
        library_versions={name: importlib.metadata.version(name) for name in ("scikit-learn", "skops", "onnx")},
        fit_seconds=0.0,
        trials=[],
    )


def _of_skops(data: bytes, order: Import) -> _Found:
    from motadata_ml_server.persistence.skops_store import load
    from motadata_ml_server.worker.compile.bounded import bounded
    from motadata_ml_server.worker.compile.compare import compile_estimator

    try:
        estimator = load(data)
    except ArtifactError as error:
        raise ArtifactError(
            error.message.replace("stored model", "the model"),
            hint="skops.io.dumps writes what is read: scikit-learn's own classes, and no function of anybody's.",
        ) from error
    _require(estimator, order.model_type)
    reading = Reading(estimator, order.features)
    inner = reading.estimator
    final = inner.steps[-1][1] if hasattr(inner, "steps") else inner
    own = None
    if order.model_type == "classification":
        own = [_label(one) for one in np.asarray(final.classes_).tolist()]
        if order.classes is not None and order.classes != own:
            raise InvalidArgumentError(
                f"classes must be those of the model, {', '.join(own)}"[:300], hint="Leave classes out."
            )
    compiled = compile_estimator(inner, order.model_type, _encoded(reading.plan, order.rows))
    if compiled.kind is None:
        raise UnsupportedOperationError(
            f"{type(final).__name__} from outside has no compiled form: {compiled.reason}"[:500],
            hint="Linear models, trees, boosting, votes and stacks of them have one. Others are trained here.",
        )
    payload = compiled.payload
    if compiled.kind == ArtifactKind.ONNX and not compiled.reason.startswith(_OWN_TREES):
        payload = bounded(payload, reading.plan.width, None if own is None else len(own))
    found = _Found(reading.plan, compiled.kind, payload, compiled.trees, compiled.reason)
    found.classes, found.warnings = own, reading.warnings
    found.algorithm = type(final).__name__
    found.hyperparameters = {
        name: value for name, value in final.get_params(deep=False).items() if estimators.is_plain(value)
    }
    return found


def _of_onnx(data: bytes, order: Import) -> _Found:
    from motadata_ml_server.worker.compile.bounded import bounded

    classes = order.classes
    if not order.features:
        raise InvalidArgumentError(
            "features must name the columns of an ONNX model's input",
            hint="features => array['first', 'second', ...], in their order.",
        )
    if (classes is None) == (order.model_type == "classification"):
        raise InvalidArgumentError(
            "classes must name the labels of a classifier in the order of its probabilities, and of nothing else",
            hint="classes => array['no', 'yes'] with model_type 'classification'; leave it out for 'regression'.",
        )
    number = {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1}
    plan = FeaturePlan.of(
        {**number, "name": name, "impute": None, "shift": None, "scale": None} for name in order.features
    )
    payload = bounded(data, plan.width, None if classes is None else len(classes))
    found = _Found(plan, ArtifactKind.ONNX, payload, b"", "an ONNX model from outside")
    found.classes = classes
    return found


def _require(estimator: Any, model_type: str) -> None:
    from sklearn.base import is_classifier, is_regressor

    kind = "classification" if is_classifier(estimator) else "regression" if is_regressor(estimator) else None
    if kind != model_type:
        raise InvalidArgumentError(
            f"model_type must be {kind or 'classification or regression'!r} for a {type(estimator).__name__}, "
            f"got {model_type!r}",
            hint="Classifiers and regressors of one target are imported.",
        )


def _encoded(plan: FeaturePlan, rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    encoder = row_encoder(plan.columns)
    found = np.empty((len(rows), plan.width))
    for at, row in enumerate(rows):
        encoder.fill(row)
        found[at] = encoder.buffer[0]
    return found


def _compared(found: _Found, order: Import, encoded: NDArray[np.float64]) -> float:
    """Return the largest difference from the answers that came with the rows; refuse one that is too large."""
    runtime = open_runtime(found.kind, FeaturePlan.as_is(found.plan.width), found.payload, order.model_type)
    scores = runtime.encoded(encoded)
    single = np.vstack([runtime.encoded(encoded[at : at + 1]) for at in range(len(encoded))])
    if not np.allclose(scores, single, rtol=TOLERANCE, atol=1e-6, equal_nan=True):
        raise ArtifactError(
            "the model answers otherwise for one row than for several together", hint="Each row has to count alone."
        )
    gaps = _gaps(found, runtime, scores, order.answers)
    worst = int(np.argmax(np.where(np.isnan(gaps), np.inf, gaps)))
    largest = float(gaps[worst])
    if not largest <= TOLERANCE:
        raise ArtifactError(
            f"the model answers otherwise than it did: row {worst + 1} of the sample differs by {largest:.3g}, the "
            f"largest difference; {TOLERANCE:g} is allowed",
            hint="Compare the order of the features and of the classes, and the versions of the libraries.",
        )
    return largest


def _gaps(found: _Found, runtime: Any, scores: NDArray[np.float64], answers: list[Any]) -> NDArray[np.float64]:
    if found.classes is None:
        values = batch_value(runtime.link, runtime.parameters, scores)
        truth = np.array([_number(one) for one in answers])
        return np.asarray(np.abs(values - truth) / np.maximum(np.abs(truth), 1.0))
    if all(isinstance(one, list) for one in answers):
        given = [[_number(part) for part in one] for one in answers]
        found_of = batch_probabilities(runtime.link, scores)
        if found_of is None or any(len(one) != len(found.classes) for one in given):
            raise InvalidArgumentError(
                f"predictions must be lists of {len(found.classes)} probabilities, or labels",
                hint="As predict_proba gives them, in the order of the classes; labels where it has none.",
            )
        return np.asarray(np.abs(found_of - np.array(given)).max(axis=1))
    at = batch_class(runtime.link, scores)
    return np.array([float(found.classes[one] != _label(truth)) for one, truth in zip(at, answers, strict=True)])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgumentError(
            f"predictions must be numbers, got {value!r}"[:200], hint="One answer for each row of the sample."
        )
    return float(value)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _label_type(classes: list[str] | None) -> str | None:
    if classes is None:
        return None
    if set(classes) <= {"true", "false"}:
        return "boolean"
    return "integer" if all(one.removeprefix("-").isdecimal() for one in classes) else "text"


def _table(plan: FeaturePlan, rows: list[dict[str, Any]]) -> ColumnTable:
    columns = {}
    for column in plan.columns:
        given = [row.get(column.name) for row in rows]
        schema = ColumnSchema(column.name, column.source, str(column.spec["sql_type"]))
        kind = KINDS[column.kind]
        if isinstance(kind, NumericKind):
            numbers = np.array([kind.unencoded(column, value) for value in given], dtype=np.float64)
            columns[column.name] = Column(schema, numbers)
        else:
            read, _ = category_reader(column)
            texts = [read(value) for value in given]
            dictionary = list(dict.fromkeys(text for text in texts if text is not None))
            codes = np.array([-1 if text is None else dictionary.index(text) for text in texts], dtype=np.int32)
            columns[column.name] = Column(schema, TextValues(codes, dictionary))
    return ColumnTable(len(rows), columns)
