"""``ml.compare``: versions of a model on the same rows, and whether what lies between them is more than chance.

Every version predicts every row, which is read once. Rows are then drawn anew with replacement, the same for all
versions (a paired bootstrap; Efron and Tibshirani, 1993), and each draw gives a difference to the first version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.administration import options
from motadata_ml_server.columns import Column, ColumnTable, TextValues
from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.evaluation.evaluate import Evaluation
from motadata_ml_server.evaluation.metrics import deciding
from motadata_ml_server.evaluation.scores import ClassificationScores, RegressionScores
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.wire import decode_table, parts_per_column
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.predictions import BatchPrediction

MOST_VERSIONS: Final = 10
"""Versions compared at once at the most."""

MOST_ROWS: Final = 500_000
"""Rows at the most: what is kept of each is its answers of all versions."""

DRAWS: Final = 1_000
"""Draws of a bootstrap, of few rows."""

LEAST_DRAWS: Final = 200
"""Draws of many rows: bounds of a level of 0.95 have five draws beyond them on each side."""

DRAWN_ROWS: Final = 5_000_000
"""Rows drawn in all, about: between these two numbers of draws."""

LEAST_ROWS: Final = 10
"""Fewer rows say nothing of chance."""


@dataclass(frozen=True)
class _Answers:
    """The truth and the answers of one version, all rows in one order."""

    truth: Column
    predicted: BatchPrediction


class Comparison:
    """Versions about to be compared on a relation's rows.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    evaluations : sequence of Evaluation
        Of each version, all on the same rows; the first is what the others are compared with.
    metric : str or None
        What they are compared by; None takes the first that decides for their model type.

    Raises
    ------
    InvalidArgumentError
        ML009: the versions are of different model types, or the metric is none of theirs.
    UnsupportedOperationError
        ML020: their model type has no metric that decides.
    """

    def __init__(self, db: Database, evaluations: Sequence[Evaluation], metric: str | None) -> None:
        self._db = db
        self._sides = evaluations
        types = {side.model_type for side in evaluations}
        if len(types) > 1:
            raise InvalidArgumentError(
                f"versions must be of one model type, got {', '.join(sorted(types))}",
                hint="model_type in ml.model_versions tells that of each.",
            )
        known = deciding(evaluations[0].model_type)
        if not known:
            raise UnsupportedOperationError(
                f"versions of model_type {evaluations[0].model_type!r} have no metric to be compared by",
                hint="Only models with a target can be compared.",
            )
        if metric is not None and metric not in known:
            raise InvalidArgumentError(
                f"metric must be one of {', '.join(known)}, got {metric!r}"[:600],
                hint=f"{next(iter(known))} is the default.",
            )
        self.metric = next(iter(known)) if metric is None else metric

    def rows(self, confidence: float) -> Iterator[dict[str, Any]]:
        """Yield of each version its value, and of all but the first what lies between it and the first.

        Raises
        ------
        InsufficientDataError
            ML005: fewer than `LEAST_ROWS` rows.
        InvalidArgumentError
            ML009: more than `MOST_ROWS` rows, or a metric that these rows do not have.
        """
        found = self._answers()
        count = _rows(found[0])
        if count < LEAST_ROWS:
            raise InsufficientDataError(
                f"a comparison needs at least {LEAST_ROWS} rows with a target, there are {count}",
                hint="Check the table, the WHERE clause and the target's NULLs.",
            )
        values = [self._whole(side, own) for side, own in zip(self._sides, found, strict=True)]
        draws = self._draws(found, count)
        for at, value in enumerate(values):
            row = {"version": self._sides[at].version, "metric_name": self.metric, "value": value, "rows": count}
            yield row | (_NOTHING if at == 0 else _between(values[0], value, draws[:, at] - draws[:, 0], confidence))

    def _answers(self) -> list[_Answers]:
        """Return the truth and the answers of each version, of the rows that all of them answer."""
        schemas = [schema for side in self._sides for schema in side.schemas]
        breathe = Breath(self._db)
        kept: list[list[_Answers]] = [[] for _ in self._sides]
        total = 0
        for chunk in read_chunks(self._db, self._sides[0].source, schemas, options.integer(self._db, "chunk_rows")):
            tables, first = [], 0
            for side in self._sides:
                last = first + sum(map(parts_per_column, side.schemas))
                tables.append(decode_table(side.schemas, [(chunk.rows, chunk.buffers[first:last])]))
                first = last
            part = self._of_chunk(tables, breathe)
            total += 0 if part is None else _rows(part[0])
            if total > MOST_ROWS:
                raise InvalidArgumentError(
                    f"input_data has more than {MOST_ROWS} rows with a target, at most so many are compared",
                    hint="Compare on a sample, as in: select * from t tablesample system (10).",
                )
            for own, answers in zip(kept, part or (), strict=False):
                own.append(answers)
        if not kept[0]:
            raise InsufficientDataError(
                "input_data has no row to compare on", hint="Check the table, the WHERE clause and the target's NULLs."
            )
        return [_joined(own) for own in kept]

    def _of_chunk(self, tables: list[ColumnTable], breathe: Breath) -> list[_Answers] | None:
        there = np.all([side.has_target(table) for side, table in zip(self._sides, tables, strict=True)], axis=0)
        if not there.any():
            return None
        tables = [table.take(there) for table in tables]
        predicted = [side.predict(table, breathe) for side, table in zip(self._sides, tables, strict=True)]
        answered = np.all([own.answered for own in predicted], axis=0)
        if not answered.any():
            return None
        return [
            _Answers(side.truth_of(table).take(answered), own.take(answered))
            for side, table, own in zip(self._sides, tables, predicted, strict=True)
        ]

    def _whole(self, side: Evaluation, answers: _Answers) -> float:
        """Return the metric of all rows."""
        value = self._value(side, answers)
        if value is None:
            raise InvalidArgumentError(
                f"{self.metric} cannot be computed on these rows for version {side.version}",
                hint="Rows of every class, and probabilities, are what some metrics need; name another metric.",
            )
        return value

    def _value(self, side: Evaluation, answers: _Answers, rows: NDArray[np.intp] | None = None) -> float | None:
        """Return the metric of some rows, by the same code as ``ml.evaluate``; None where they do not have it."""
        truth = answers.truth if rows is None else answers.truth.take(rows)
        predicted = answers.predicted if rows is None else answers.predicted.take(rows)
        scores: ClassificationScores | RegressionScores
        if side.model_type == "classification":
            scores = ClassificationScores(side.classes, _PLENTY, side.positive)
            scores.add(truth.texts, predicted)
        else:
            assert predicted.values is not None  # noqa: S101 - a regressor
            scores = RegressionScores(_PLENTY, side.quantile)
            scores.add(truth.numbers, predicted.values)
        return scores.scores().get(self.metric)

    def _draws(self, found: list[_Answers], count: int) -> NDArray[np.float64]:
        """Return the metric of each version, shape (draws, versions), on rows drawn with replacement."""
        random, breathe = np.random.default_rng(0), Breath(self._db)
        draws = max(LEAST_DRAWS, min(DRAWS, DRAWN_ROWS // count))
        values = np.full((draws, len(found)), np.nan)
        for draw in range(draws):
            rows = random.integers(0, count, count)
            for at, (side, own) in enumerate(zip(self._sides, found, strict=True)):
                value = self._value(side, own, rows)
                values[draw, at] = np.nan if value is None else value
                breathe()
        return values


_PLENTY: Final = 1 << 40
"""What scores may keep: their rows are in memory already."""

_NOTHING: Final = {"difference": None, "lower": None, "upper": None, "p": None}


def _between(first: float, value: float, differences: NDArray[np.float64], confidence: float) -> dict[str, Any]:
    """Return the difference to the first version with bounds, and how often chance alone gives such a one."""
    drawn = differences[~np.isnan(differences)]
    if len(drawn) < LEAST_DRAWS // 2:  # a class so rare that most draws lack it
        return {**_NOTHING, "difference": value - first}
    tail = (1.0 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1.0 - tail]).tolist()
    one_side = (1 + min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))) / (len(drawn) + 1)
    return {"difference": value - first, "lower": lower, "upper": upper, "p": min(1.0, 2 * one_side)}


def _rows(answers: _Answers) -> int:
    values = answers.truth.values
    return len(values)


def _joined(parts: list[_Answers]) -> _Answers:
    """Return the answers of all chunks as one; labels get one dictionary."""
    schema = parts[0].truth.schema
    predicted = BatchPrediction.joined([part.predicted for part in parts])
    if schema.kind != "text":
        return _Answers(Column(schema, np.concatenate([part.truth.numbers for part in parts])), predicted)
    place: dict[str, int] = {}
    codes = []
    for part in parts:
        texts = part.truth.texts
        own = np.array([place.setdefault(text, len(place)) for text in texts.dictionary], np.int32)
        codes.append(own[texts.codes])
    return _Answers(Column(schema, TextValues(np.concatenate(codes), list(place))), predicted)


def confidence_of(value: float | None) -> float:
    """Return the level of the bounds, or refuse it."""
    if value is None or not 0.5 <= value < 1.0:
        raise InvalidArgumentError(
            f"confidence must lie from 0.5 up to but not including 1, got {value}",
            hint="0.95 is usual.",
        )
    return value


def versions_of(value: Sequence[str | None] | None) -> list[str]:
    """Return the versions to compare, or refuse them."""
    names = list(value or ())
    given = [name for name in names if name is not None]
    if not 2 <= len(names) <= MOST_VERSIONS or len(set(given)) != len(names):
        raise InvalidArgumentError(
            f"versions must name 2 to {MOST_VERSIONS} different versions, got {names!r}"[:300],
            hint="select version from ml.model_versions lists them; the first is what the others are compared with.",
        )
    return given
