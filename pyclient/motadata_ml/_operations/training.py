"""``train_model``: check what came, send it up, train, clear up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from motadata_ml._calls import Call, NoticeHandler, Steps
from motadata_ml._frames import Column, to_column, to_columns, to_frame, to_series
from motadata_ml._operations.functions import rows_of, select_function, select_view
from motadata_ml._operations.records import label_text
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.target import learnable
from motadata_ml._operations.upload import Relation, drop, upload
from motadata_ml.errors import ColumnNotFoundError, InvalidArgumentError
from motadata_ml.results import ResultTable, TrainingResult


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


class TrainingOptions(TypedDict, total=False):
    """The arguments of ``ml.train`` beside the documented ones of ``train_model``, by SQL's names."""

    target: str | None
    features: Sequence[str] | None
    algorithm: str | None
    test_size: float | None
    split: str | None
    cv: int | None
    search: Mapping[str, Any] | None
    preprocess: Mapping[str, Any] | None
    random_state: int | None
    deploy: bool | None
    execution: Mapping[str, Any] | None
    group_by: str | None
    positive_class: str | None
    intervals: Mapping[str, Any] | None


@dataclass(frozen=True)
class Training:
    """The arguments of one training, as the client's method takes them."""

    model_id: str
    model_type: str
    training_data: Any
    validation_data: Any = None
    hyperparameters: Mapping[str, Any] | None = None
    tenant_id: str | None = None
    options: TrainingOptions = field(default_factory=TrainingOptions)

    def __post_init__(self) -> None:
        """Refuse keywords that ``ml.train`` does not know."""
        unknown = sorted(set(self.options) - set(TrainingOptions.__annotations__))
        if unknown:
            known = [name for name in self.__dataclass_fields__ if name != "options"]
            raise InvalidArgumentError(
                f"train_model has no argument {unknown[0]!r}",
                hint=f"its arguments are {', '.join([*known, *TrainingOptions.__annotations__])} and progress",
            )


def train_model(settings: Settings, training: Training, on_notice: NoticeHandler | None = None) -> Call[TrainingResult]:
    """Return the call that trains a model; the data is checked here, before any connection is used."""
    options = training.options
    rows = read_rows(training.training_data, options.get("target"), "training_data")
    validation = None
    if training.validation_data is not None:
        validation = read_rows(training.validation_data, rows.target, "validation_data")
        _same_columns(rows, validation)
    _known_columns(rows, options)
    arguments = {
        **options,
        "model_id": training.model_id,
        "model_type": training.model_type,
        "target": rows.target,
        "hyperparameters": training.hyperparameters,
        "execution": _execution(settings, options) or None,
        "positive_class": label_text(options.get("positive_class")),
        "tenant_id": settings.tenant(training.tenant_id),
    }

    def steps() -> Steps[TrainingResult]:
        table = yield from _relation(rows)
        held = None if validation is None else (yield from _relation(validation))
        answer = yield select_function(
            "train",
            {
                **arguments,
                "training_data": table.argument if table else rows.source,
                "validation_data": held.argument if held else validation and validation.source,
            },
            "model_id, status, metrics, training_time, model_version",
        )
        yield from drop(table)
        yield from drop(held)
        return TrainingResult(answer[0])

    return Call(steps, model_id=training.model_id, on_notice=on_notice)


def training_progress(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the trainings that run now."""
    conditions = {"tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("training_progress", conditions, "started_at"))


def algorithms(model_type: str | None) -> Call[ResultTable]:
    """Return the call that lists what can be trained."""
    return rows_of(select_view("algorithms", {"model_type": model_type}, "model_type, algorithm"))


def _execution(settings: Settings, options: TrainingOptions) -> dict[str, Any]:
    """Return how to run the training: what the call says, then what the system says."""
    execution = dict(options.get("execution") or {})
    if settings.max_memory_mb is not None:
        execution.setdefault("max_memory_mb", settings.max_memory_mb)
    if settings.gpu:
        execution.setdefault("gpu", True)
    return execution


def _relation(rows: Rows) -> Steps[Relation | None]:
    """Send rows up, unless they are there."""
    if rows.source is not None:
        return None
    table = yield from upload(rows.columns)
    return table


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
    columns = [
        learnable(frame[name], name) if name == target else to_column(frame[name], name, argument)
        for name in frame.columns
    ]
    return Rows(None, columns, target)


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
    return Rows(None, [*to_columns(frame, "X"), learnable(labels, name)], name)


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


def _known_columns(rows: Rows, options: TrainingOptions) -> None:
    """Refuse features and a group that in-memory rows do not have."""
    features, group = options.get("features"), options.get("group_by")
    if isinstance(features, str):
        raise InvalidArgumentError("features must be a list of names", hint=f"features=[{features!r}]")
    if rows.source is not None:
        return
    names = [column.name for column in rows.columns]
    unknown = [name for name in [*(features or ()), *([group] if group else ())] if name not in names]
    if unknown:
        raise ColumnNotFoundError(
            f"training_data has no columns {', '.join(map(repr, unknown))}",
            hint=f"its columns are {_listed(names)}",
        )


def _listed(names: Any) -> str:
    """Return names as a short list for a message."""
    shown = [repr(str(name)) for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
