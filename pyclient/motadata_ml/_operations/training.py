"""``train_model``: check what came, send it up, train, clear up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from motadata_ml._calls import Call, NoticeHandler, Steps
from motadata_ml._frames import Column, to_column, to_columns, to_frame, to_series
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.upload import Relation, drop, upload
from motadata_ml.errors import (
    ColumnNotFoundError,
    InvalidArgumentError,
    InvalidTargetError,
    UnsupportedColumnError,
)
from motadata_ml.results import TrainingResult


@dataclass(frozen=True)
class Rows:
    """Rows to train on or to score on.

    Attributes
    ----------
    source : str or None
        A table name or SELECT, where the rows are in the database.
    columns : sequence of Column
        The rows themselves, where they are not.
    target : str or None
        The target's column.
    """

    source: str | None
    columns: Sequence[Column] = ()
    target: str | None = None


@dataclass(frozen=True)
class Training:
    """The arguments of one training, as the client's method takes them."""

    model_id: str
    model_type: str
    training_data: Any
    validation_data: Any = None
    hyperparameters: Mapping[str, Any] | None = None
    tenant_id: str | None = None
    target: str | None = None
    features: Sequence[str] | None = None
    algorithm: str | None = None
    test_size: float | None = None
    split: str | None = None
    cv: int | None = None
    search: Mapping[str, Any] | None = None
    preprocess: Mapping[str, Any] | None = None
    random_state: int | None = None
    deploy: bool | None = None
    execution: Mapping[str, Any] | None = None


def train_model(settings: Settings, training: Training, on_notice: NoticeHandler | None = None) -> Call[TrainingResult]:
    """Return the call that trains a model; the data is checked here, before any connection is used."""
    rows = read_rows(training.training_data, training.target, "training_data")
    validation = None
    if training.validation_data is not None:
        validation = read_rows(training.validation_data, rows.target, "validation_data")
        _same_columns(rows, validation)
    _known_features(rows, training.features)
    execution = dict(training.execution or {})
    if settings.max_memory_mb is not None:
        execution.setdefault("max_memory_mb", settings.max_memory_mb)
    if settings.gpu:
        execution.setdefault("gpu", True)

    def steps() -> Steps[TrainingResult]:
        table: Relation | None = None
        held: Relation | None = None
        if rows.source is None:
            table = yield from upload(rows.columns)
        if validation is not None and validation.source is None:
            held = yield from upload(validation.columns)
        answer = yield select_function(
            "train",
            {
                "model_id": training.model_id,
                "model_type": training.model_type,
                "training_data": table.argument if table else rows.source,
                "target": rows.target,
                "features": training.features,
                "algorithm": training.algorithm,
                "hyperparameters": training.hyperparameters,
                "validation_data": held.argument if held else validation and validation.source,
                "test_size": training.test_size,
                "split": training.split,
                "cv": training.cv,
                "search": training.search,
                "preprocess": training.preprocess,
                "random_state": training.random_state,
                "deploy": training.deploy,
                "execution": execution or None,
                "tenant_id": settings.tenant(training.tenant_id),
            },
            "model_id, status, metrics, training_time, model_version",
        )
        yield from drop(table)
        yield from drop(held)
        return TrainingResult(answer[0])

    return Call(steps, model_id=training.model_id, on_notice=on_notice)


def read_rows(data: Any, target: str | None, argument: str) -> Rows:
    """Return training or validation data as the server takes it.

    Parameters
    ----------
    data : str, tuple (X, y) or rows
        A table name, a SELECT, features with the target beside them, or one frame.
    target : str or None
        The target's column; with ``(X, y)`` the name it gets.
    argument : str
        Its name, for messages.
    """
    if isinstance(data, str):
        return Rows(data, target=target)
    if isinstance(data, tuple):
        if len(data) != 2:
            raise InvalidArgumentError(
                f"{argument} must be (X, y), got a tuple of {len(data)}", hint=f"{argument}=(X, y)"
            )
        return _pair(data[0], data[1], target, argument)
    frame = to_frame(data, argument)
    if target is not None and target not in frame.columns:
        raise ColumnNotFoundError(
            f"target {target!r} is not a column of {argument}",
            hint=f"its columns are {_listed(frame.columns)}",
        )
    if target is not None:
        _check_target(frame[target], target)
    return Rows(None, to_columns(frame, argument), target)


def _pair(x: Any, y: Any, target: str | None, argument: str) -> Rows:
    """Return features and target side by side."""
    if isinstance(x, str) or isinstance(y, str):
        raise InvalidArgumentError(
            f"{argument} names a table inside a tuple", hint=f"{argument}='table', target='column'"
        )
    frame = to_frame(x, "X")
    if y is None:
        return Rows(None, to_columns(frame, "X"))
    labels = to_series(y, "y")
    if len(labels) != len(frame):
        raise InvalidArgumentError(
            f"X and y must have the same length, got {len(frame)} and {len(labels)} rows",
            hint="make y from the same rows as X",
        )
    name = target or str(labels.name)
    taken = set(frame.columns)
    if name in taken:
        name = next(other for n in range(len(taken) + 1) if (other := f"target_{n}") not in taken)
    return Rows(None, [*to_columns(frame, "X"), _check_target(labels, name)], name)


def _check_target(labels: pd.Series[Any], name: str) -> Column:
    """Return the target's column; refuse missing, infinite and mixed values."""
    missing = int(labels.isna().sum())
    if missing:
        raise InvalidTargetError(
            f"the target {name!r} has {missing} missing values (NaN or None) in {len(labels)} rows",
            hint="leave those rows out: keep = y.notna(); X[keep], y[keep]",
        )
    if pd.api.types.is_float_dtype(labels.dtype):
        infinite = int(np.isinf(labels.to_numpy(dtype="float64")).sum())
        if infinite:
            raise InvalidTargetError(
                f"the target {name!r} has {infinite} infinite values in {len(labels)} rows",
                hint="leave those rows out, or clip them",
            )
    try:
        column = to_column(labels, name, "y")
    except UnsupportedColumnError as error:
        raise InvalidTargetError(error.message, hint="make the labels one type: y.astype(str)") from error
    if column.sql_type == "double precision[]":
        raise InvalidTargetError(
            f"the target {name!r} holds lists, not one value a row", hint="train one model for each output"
        )
    return column


def _same_columns(rows: Rows, validation: Rows) -> None:
    """Refuse validation rows that lack columns of the training rows."""
    if rows.source is not None or validation.source is not None:
        return
    held = {column.name for column in validation.columns}
    lacking = [column.name for column in rows.columns if column.name not in held]
    if lacking:
        raise ColumnNotFoundError(
            f"validation_data lacks the columns {', '.join(map(repr, lacking))}",
            hint="give it the same columns as training_data",
        )


def _known_features(rows: Rows, features: Sequence[str] | None) -> None:
    """Refuse features that in-memory rows do not have."""
    if features is None or rows.source is not None:
        return
    if isinstance(features, str):
        raise InvalidArgumentError("features must be a list of names", hint=f"features=[{features!r}]")
    names = [column.name for column in rows.columns]
    unknown = [name for name in features if name not in names]
    if unknown:
        raise ColumnNotFoundError(
            f"training_data has no columns {', '.join(map(repr, unknown))}",
            hint=f"its columns are {_listed(names)}",
        )


def _listed(names: Any) -> str:
    """Return names as a short list for a message."""
    shown = [repr(str(name)) for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
