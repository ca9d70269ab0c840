"""A model against rows with a known outcome, or against the rows it learned: the server counts and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import pandas as pd

from motadata_ml._calls import Call, Row, Steps
from motadata_ml._frames import Column, to_frame, to_series
from motadata_ml._operations.batch_input import batch_columns
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.lending import Described, Lent, describe, lend, take_back
from motadata_ml._operations.records import label_text, native
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.target import target_column, uncategorised
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.results import Record, ResultTable


@dataclass(frozen=True)
class _Subject:
    """The version to score and the rows to score it on, as the caller named them.

    Attributes
    ----------
    model_id, version, tenant_id : str
        The version.
    source : str or None
        A table name or SELECT, where the rows are in the database.
    features, frame : object
        What the caller gave, and the same as a frame, where they are not.
    outcome : Series or None
        The target's values, where they came beside the features.
    target : str or None
        The target's column.
    """

    model_id: str
    version: str | None
    tenant_id: str | None
    source: str | None
    features: Any = None
    frame: pd.DataFrame | None = None
    outcome: pd.Series[Any] | None = None
    target: str | None = None


def evaluate(
    settings: Settings,
    model_id: str,
    data: Any,
    target: str | None,
    version: str | None,
    positive_class: Any,
    tenant_id: str | None,
) -> Call[dict[str, Any]]:
    """Return the call that scores a model."""
    subject = _subject(model_id, data, target, version, tenant_id, "data")
    more = {"positive_class": label_text(positive_class)}

    def steps() -> Steps[dict[str, Any]]:
        found = yield from describe(settings, model_id, version, tenant_id)
        rows = yield from _on_rows(settings, "evaluate", subject, found, "evaluate as scores", more)
        scores: dict[str, Any] = rows[0]["scores"]
        return scores

    return Call(steps, model_id=model_id, repeat=True)


def confusion_matrix(
    settings: Settings, model_id: str, input_data: Any, target: str | None, version: str | None, tenant_id: str | None
) -> Call[ResultTable]:
    """Return the call that counts each pair of actual and predicted label."""
    subject = _subject(model_id, input_data, target, version, tenant_id, "input_data")

    def steps() -> Steps[ResultTable]:
        found = yield from describe(settings, model_id, version, tenant_id)
        rows = yield from _on_rows(settings, "confusion_matrix", subject, found, "*")
        kind = found.info.get("label_type")
        return ResultTable(
            Record(
                actual=_label(row["actual"], kind), predicted=_label(row["predicted"], kind), count=int(row["count"])
            )
            for row in rows
        )

    return Call(steps, model_id=model_id, repeat=True)


@dataclass(frozen=True)
class CurveArguments:
    """What a curve of a class takes, as the client's methods name it.

    Attributes
    ----------
    class_name : object
        A label, of any type.
    version, target, tenant_id : str or None
        As for `evaluate`.
    more : mapping
        What one curve alone takes, by SQL's names.
    """

    class_name: Any = None
    version: str | None = None
    target: str | None = None
    tenant_id: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def curve(
    settings: Settings, name: LiteralString, model_id: str, input_data: Any, arguments: CurveArguments
) -> Call[ResultTable]:
    """Return the call of a function that shows what each threshold on the probability of a class gives."""
    version, tenant_id = arguments.version, arguments.tenant_id
    subject = _subject(model_id, input_data, arguments.target, version, tenant_id, "input_data")
    more = {**arguments.more, "class": label_text(arguments.class_name)}

    def steps() -> Steps[ResultTable]:
        found = yield from describe(settings, model_id, version, tenant_id)
        rows = yield from _on_rows(settings, name, subject, found, "*", more)
        return ResultTable(Record(row) for row in rows)

    return Call(steps, model_id=model_id, repeat=True)


def compare(
    settings: Settings,
    model_id: str,
    versions: Sequence[str],
    input_data: Any,
    *,
    metric: str | None,
    target: str | None,
    confidence: float,
    tenant_id: str | None,
) -> Call[ResultTable]:
    """Return the call that scores versions on the same rows."""
    first = versions[0] if versions else None
    subject = _subject(model_id, input_data, target, first, tenant_id, "input_data")

    def steps() -> Steps[ResultTable]:
        found = yield from describe(settings, model_id, first, tenant_id)
        lent, name = yield from _lent(subject, found, scored=True)
        rows: list[Row] = yield select_function(
            "compare",
            {
                "model_id": model_id,
                "versions": versions,
                "input_data": lent.argument,
                "metric": metric,
                "target": name,
                "confidence": confidence,
                "tenant_id": settings.tenant(tenant_id),
            },
        )
        yield from take_back(lent)
        return ResultTable(Record(row) for row in rows)

    return Call(steps, model_id=model_id, repeat=True)


def drift(
    settings: Settings, model_id: str, input_data: Any, version: str | None, tenant_id: str | None
) -> Call[ResultTable]:
    """Return the call that compares rows with those a version was trained on."""
    source = input_data if isinstance(input_data, str) else None
    frame = None if source is not None else to_frame(input_data, "input_data")
    subject = _Subject(model_id, version, tenant_id, source, input_data, frame)

    def steps() -> Steps[ResultTable]:
        found = yield from describe(settings, model_id, version, tenant_id)
        rows = yield from _on_rows(settings, "drift", subject, found, "*")
        return ResultTable(Record(row) for row in rows)

    return Call(steps, model_id=model_id, repeat=True)


def _subject(
    model_id: str, data: Any, target: str | None, version: str | None, tenant_id: str | None, argument: str
) -> _Subject:
    """Return what is to be scored, after a look at in-memory rows."""
    if isinstance(data, str):
        return _Subject(model_id, version, tenant_id, data, target=target)
    if isinstance(data, tuple) and len(data) == 2:
        frame, outcome = to_frame(data[0], "X"), to_series(data[1], "y")
        if len(frame) != len(outcome):
            raise InvalidArgumentError(
                f"X and y must have the same length, got {len(frame)} and {len(outcome)} rows",
                hint="make y from the same rows as X",
            )
        return _Subject(model_id, version, tenant_id, None, data[0], frame, outcome)
    frame = to_frame(data, argument)
    if target is not None and target not in frame.columns:
        raise InvalidArgumentError(
            f"target must name a column of {argument}, got {target!r}", hint=f"or pass {argument}=(X, y)"
        )
    return _Subject(model_id, version, tenant_id, None, frame, frame, target=target)


def _on_rows(
    settings: Settings,
    name: LiteralString,
    subject: _Subject,
    found: Described,
    columns: LiteralString,
    more: Mapping[str, Any] | None = None,
) -> Steps[list[Row]]:
    """Call a function that reads a relation, on rows that are one or are lent as one."""
    lent, target = yield from _lent(subject, found, scored=name != "drift")
    rows: list[Row] = yield select_function(
        name,
        {
            "model_id": subject.model_id,
            "input_data": lent.argument,
            "target": target,
            "version": found.info["version"],
            **(more or {}),
            "tenant_id": settings.tenant(subject.tenant_id),
        },
        columns,
    )
    yield from take_back(lent)
    return rows


def _lent(subject: _Subject, found: Described, *, scored: bool) -> Steps[tuple[Lent, str | None]]:
    """Return the rows as a relation, and the name of the target in it."""
    if subject.source is not None or subject.frame is None:
        return Lent(str(subject.source)), subject.target
    columns = batch_columns(subject.frame, subject.features, found.info)
    frame = subject.frame.set_axis(_names(columns), axis=1) if _positional(subject.frame, columns) else subject.frame
    target = None
    if scored:
        outcome, target = _outcome(subject, found.info, {column.name for column in columns})
        if outcome is not None and target is not None:
            columns.append(target_column(outcome, target))
            frame = frame.assign(**{target: outcome.to_numpy()})
    lent = yield from lend(columns, frame, read_only=found.read_only)
    return lent, target


def _outcome(subject: _Subject, info: dict[str, Any], features: set[str]) -> tuple[pd.Series[Any] | None, str | None]:
    """Return the target's values and a name for them that no feature has."""
    frame, trained = subject.frame, info.get("target")
    if subject.outcome is not None:
        name = str(trained or "target")
        while name in features:
            name += "_"
        return uncategorised(subject.outcome), name
    if frame is None or trained is None:
        return None, subject.target
    name = subject.target or str(trained)
    if name not in frame.columns:
        raise InvalidArgumentError(
            f"target must name a column of the rows, and they have no {name!r}, the model's target",
            hint="name the column that holds the outcome, or pass (X, y)",
        )
    return uncategorised(frame[name]), name


def _positional(frame: pd.DataFrame, columns: list[Column]) -> bool:
    """Whether the rows came without the names of the features."""
    return not set(_names(columns)) <= set(frame.columns)


def _names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]


def _label(text: str | None, label_type: str | None) -> Any:
    """Return a label as what it was in the table; one that the model never learned may be of another type."""
    if text is None:
        return None
    try:
        return native(text, label_type)
    except ValueError:
        return text
