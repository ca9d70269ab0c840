"""``ml.evaluate``, ``ml.confusion_matrix`` and the curves: predictions of a relation's rows against their target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.administration import options
from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.errors import (
    InsufficientDataError,
    InvalidArgumentError,
    InvalidTargetError,
    UnsupportedOperationError,
)
from motadata_ml_server.evaluation.coverage import Coverage
from motadata_ml_server.evaluation.curves import COARSE_DECIMALS, ClassTally
from motadata_ml_server.evaluation.scores import ClassificationScores, RegressionScores
from motadata_ml_server.features.columns_of import feature_schemas
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_literal
from motadata_ml_server.postgres.owner import query_as_owner
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.pace import Pace
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.training import arguments, column_roles, scoring
from motadata_ml_server.values.numbers import SQUARABLE
from motadata_ml_server.values.text_forms import TextForm, text_form

Array = NDArray[Any]

_SUBJECT = """
select model_type, target, target_type, algorithm, hyperparameters,
    metrics operator(pg_catalog.->>) 'positive_class' as positive_class,
    metrics operator(pg_catalog.->) 'intervals' as intervals
from ml.model_version where id operator(pg_catalog.=) $1
"""


@dataclass(frozen=True)
class _Chunk:
    """Predictions of some rows beside their target, where the model type has one."""

    table: ColumnTable
    truth: Column | None
    predicted: BatchPrediction

    @property
    def rows(self) -> int:
        """How many."""
        return self.table.rows


class Evaluation:
    """A model version about to be scored on a relation's rows.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    visible : VisibleVersion
        The version, as the caller sees it.
    input_data : str
        A table, a view or a SELECT.
    target : str or None
        Its column to compare with; None takes the name of the training target.
    positive_class : str or None
        The label that the scores of two classes are about; None takes that of the training.

    Attributes
    ----------
    version : str
        Its number.
    model_type : str
        Its model type.
    source : Source
        The rows.
    positive : int or None
        Position of the positive class of two.
    quantile : float or None
        The quantile that the model predicts, None for the mean.

    Raises
    ------
    InvalidArgumentError
        ML009: a target where the model type has none, or one that is a feature; a positive class that is none.
    """

    def __init__(
        self,
        db: Database,
        visible: VisibleVersion,
        input_data: str,
        target: str | None,
        positive_class: str | None = None,
    ) -> None:
        self._db = db
        self.version = visible.version
        row = query_as_owner(db, _SUBJECT, ["bigint"], [visible.version_id])[0]
        self.model_type: str = row["model_type"]
        asked = scoring.check_positive_class(positive_class, self.model_type) or row["positive_class"]
        self.quantile = scoring.quantile_of(row["algorithm"], json.loads(row["hyperparameters"]))
        self._predictor = cache.predictor_of(db, visible)
        self._coverage = None
        if row["intervals"] is not None:
            self._coverage = Coverage(cache.intervals_of(db, cache.entry_of(db, visible)))
        self.source = resolve(db, input_data, "input_data")
        self.positive = (
            scoring.positive_class(self._predictor.classes, self._predictor.label_type, asked)
            if self.model_type == "classification" and self._predictor.classes is not None
            else None
        )
        self._features = feature_schemas(self._predictor.plan, self.source)
        self._target: ColumnSchema | None = None
        self._form: TextForm | None = None
        self._pace = Pace(self._predictor)
        self.left_out = self.unanswered = 0
        if self.model_type in arguments.SUPERVISED:
            found = column_roles.target(self.source, target or row["target"], self.model_type).schema
            self._form = _label_form(self._predictor.classes, row["target_type"])
            # labels that 0.2 learned as SQL's cast wrote them, such as 3.00, are compared as it writes them
            self._target = replace(found, raw=found.kind == "text" and self._form is None)
            if self._target.name in {schema.name for schema in self._features}:
                raise InvalidArgumentError(
                    f"target {self._target.name!r} is a feature of the model", hint="Name the column to predict."
                )
        else:
            arguments.target_of(target, self.model_type)

    @property
    def schemas(self) -> list[ColumnSchema]:
        """The columns that are read: the features, and the target where there is one."""
        return [*self._features, *([self._target] if self._target else [])]

    @property
    def classes(self) -> list[str]:
        """The labels of a classifier, in the order of its probabilities."""
        return self._predictor.classes or []

    def metrics(self) -> dict[str, Any]:
        """Return the scores, always with n_test; of a classifier those of each class too.

        Raises
        ------
        InsufficientDataError
            ML005: no row has a target.
        UnsupportedOperationError
            ML020: the model type has no scores on other rows.
        """
        if self.model_type == "classification":
            classified = self.classification()
            self._tell(classified)
            return {**classified.scores(), **classified.details(), **self._sure(), "n_test": classified.rows}
        if self.model_type == "regression":
            return self._regression()
        if self.model_type == "decomposition":
            raise UnsupportedOperationError(
                "a decomposition has no scores on other rows",
                hint="ml.get_model_info shows under components what they explain; ml.predict gives those of a row.",
            )
        return self._unsupervised()

    def classification(self) -> ClassificationScores:
        """Return the counts of a classifier.

        Raises
        ------
        UnsupportedOperationError
            ML020: the model is not a classifier.
        """
        if self.model_type != "classification":
            raise UnsupportedOperationError(
                f"a confusion matrix needs a classification model, this one is {self.model_type}",
                hint="Use ml.evaluate.",
            )
        room = self._room()
        found = ClassificationScores(self._predictor.classes or (), room, self.positive)
        for chunk in self._chunks():
            assert chunk.truth is not None  # noqa: S101 - supervised
            found.add(chunk.truth.texts, chunk.predicted)
            if self._coverage is not None:
                self._coverage.add(chunk.truth, chunk.predicted, chunk.table)
        self._require(found.rows)
        return found

    def tally(self, label: str | None) -> ClassTally:
        """Return the probabilities of a class beside what is true, for the curves.

        Parameters
        ----------
        label : str or None
            The class; None takes the positive one of two.

        Raises
        ------
        UnsupportedOperationError
            ML020: the model is no classifier, or one without probabilities.
        InvalidArgumentError
            ML009: no such class, or none is named for a model of more than two.
        """
        if self.model_type != "classification":
            raise UnsupportedOperationError(
                f"a curve of a class needs a classification model, this one is {self.model_type}",
                hint="Use ml.evaluate.",
            )
        at = self._position(label)
        found = ClassTally(self._predictor.classes[at])  # type: ignore[index]
        for chunk in self._chunks():
            assert chunk.truth is not None  # noqa: S101 - supervised
            if chunk.predicted.probabilities is None:
                raise UnsupportedOperationError(
                    "the model gives no probabilities, so there is no threshold to choose",
                    hint="Train an algorithm with probabilities, such as logistic_regression or random_forest.",
                )
            texts = chunk.truth.texts
            of_class = np.array([text == found.label for text in texts.dictionary], dtype=bool)
            found.add(chunk.predicted.probabilities[:, at], of_class[texts.codes])
        self._require(found.rows)
        if found.coarse:
            self._db.notice(f"probabilities were rounded to {COARSE_DECIMALS} decimals: very many are distinct")
        return found

    def _position(self, label: str | None) -> int:
        classes = self._predictor.classes or []
        if label is not None:
            return scoring.class_position(classes, self._predictor.label_type, label, "class")
        if self.positive is None:
            raise InvalidArgumentError(
                f"class must name one of the {len(classes)} classes, got NULL",
                hint=f"Write class => {quote_literal(classes[0])}: one class is told from all others.",
            )
        return self.positive

    def _regression(self) -> dict[str, Any]:
        found = RegressionScores(self._room(), self.quantile)
        for chunk in self._chunks():
            assert chunk.truth is not None  # noqa: S101 - supervised
            assert chunk.predicted.values is not None  # noqa: S101 - a regressor
            found.add(chunk.truth.numbers, chunk.predicted.values)
            if self._coverage is not None:
                self._coverage.add(chunk.truth, chunk.predicted, chunk.table)
        self._require(found.rows)
        if found.median_given_up:
            self._db.notice("median_absolute_error is left out: the errors do not fit into session_cache_mb")
        return {**found.scores(), **self._sure(), "n_test": found.rows}

    def _sure(self) -> dict[str, Any]:
        """Return how many rows the version's intervals or sets hold, where it has any."""
        return {} if self._coverage is None else {"intervals": self._coverage.told()}

    def _room(self) -> int:
        """Return how many bytes of scores may be kept."""
        return options.integer(self._db, "session_cache_mb") * 1024 * 1024

    def _unsupervised(self) -> dict[str, float]:
        rows = outliers = 0
        clusters: set[float] = set()
        for chunk in self._chunks():
            rows += chunk.rows
            assert chunk.predicted.values is not None  # noqa: S101 - neither type is without
            outliers += int(np.count_nonzero(chunk.predicted.values < 0))
            if self.model_type == "clustering":
                clusters |= set(np.unique(chunk.predicted.values).tolist())
        self._require(rows)
        if self.model_type == "clustering":
            return {"clusters": float(len(clusters)), "n_test": rows}
        return {"outlier_share": outliers / rows, "n_test": rows}

    def has_target(self, table: ColumnTable) -> NDArray[np.bool_]:
        """Tell which rows have a target; of a model type without one, all."""
        if self._target is None:
            return np.ones(table.rows, bool)
        column = table.columns[self._target.name]
        return np.asarray(column.texts.codes >= 0 if self._target.kind == "text" else ~np.isnan(column.numbers))

    def truth_of(self, table: ColumnTable) -> Column:
        """Return the target of rows, labels in the canonical form of the type that was trained on."""
        assert self._target is not None  # noqa: S101 - supervised
        column = table.columns[self._target.name]
        if column.schema.kind != "text" and np.abs(column.numbers).max(initial=0.0) > SQUARABLE:
            raise InvalidTargetError(
                f"target {column.schema.name!r} holds numbers that are infinite, or whose squares no double can be",
                hint="Leave those rows out in a SELECT.",
            )
        if self._form is None or column.schema.kind != "text":
            return column
        return Column(column.schema, column.texts.mapped(self._form))

    def predict(self, table: ColumnTable, breathe: Breath) -> BatchPrediction:
        """Predict rows, at least one, letting a cancel be answered."""
        return self._pace.whole(table, [schema.name for schema in self._features], breathe)

    def _chunks(self) -> Iterator[_Chunk]:
        breathe = Breath(self._db)
        for packed in read_chunks(self._db, self.source, self.schemas, options.integer(self._db, "chunk_rows")):
            table = decode_table(self.schemas, [(packed.rows, packed.buffers)])
            there = self.has_target(table)
            if not there.all():
                self.left_out += table.rows - int(there.sum())
                table = table.take(there)
            if table.rows:
                yield from self._answered(table, self.predict(table, breathe))
        if self.left_out:
            self._db.notice(f"{self.left_out} rows with a NULL target were left out")
        if self.unanswered:
            self._db.notice(f"{self.unanswered} rows whose group has no model were left out")

    def _answered(self, table: ColumnTable, predicted: BatchPrediction) -> Iterator[_Chunk]:
        """Yield the rows that have a prediction: a model per group has none for a group it has not learned."""
        if predicted.codes is None and predicted.values is None:
            return
        there = predicted.answered
        if not there.all():
            self.unanswered += int(np.count_nonzero(~there))
            table, predicted = table.take(there), predicted.take(there)
        if table.rows:
            yield _Chunk(table, None if self._target is None else self.truth_of(table), predicted)

    def _require(self, rows: int) -> None:
        if not rows:
            raise InsufficientDataError(
                "input_data has no row to score on", hint="Check the table, the WHERE clause and the target's NULLs."
            )

    def _tell(self, found: ClassificationScores) -> None:
        if found.unknown_rows:
            self._db.notice(
                f"{found.unknown_rows} rows have a class that the model has not learned: they count as wrong, "
                "and roc_auc, average_precision, log_loss and brier are left out"
            )
        if found.ranking_given_up:
            self._db.notice(
                "roc_auc and average_precision are left out: the probabilities do not fit into session_cache_mb"
            )


def _label_form(classes: Sequence[str] | None, target_type: str | None) -> TextForm | None:
    """Return what makes the canonical text of a label; None where the model has learned others."""
    form = text_form(target_type or "text", label=True)
    return form if all(form(label) == label for label in classes or ()) else None
