"""A fit from chunks of rows that pass by once. Runs in the worker only."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InsufficientDataError, MotadataError, TrainingError
from motadata_ml_server.features.fit_plan import EncodingNeeds, PlanFit, fit_plan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators, target
from motadata_ml_server.worker.artifacts import check_rows, compile_and_dump, library_versions_of
from motadata_ml_server.worker.background import stored_background
from motadata_ml_server.worker.cross_validation import score
from motadata_ml_server.worker.edge_rows import ROWS_PER_COLUMN
from motadata_ml_server.worker.fit import TrainedModel, takes_nan
from motadata_ml_server.worker.library_warnings import MAX_WARNINGS, concerns_user
from motadata_ml_server.worker.rows import sample_weights
from motadata_ml_server.worker.splits import SPLIT_STREAM
from motadata_ml_server.worker.target import EncodedTarget

HELD_BYTES = 32 << 20
"""Held-out rows are kept encoded for the scores, a random sample of at most so many bytes."""


class StreamFit:
    """A model that learns from chunks.

    The feature plan (categories, vocabularies, scales) comes from the first chunk; later chunks are encoded by it,
    values it has not seen as unknown.

    Parameters
    ----------
    spec : TrainingSpec
        What to train.
    classes : list of str or None
        Labels of a classifier, in any order.
    progress : callable
        ``progress(step, fraction, more)``.
    """

    def __init__(self, spec: TrainingSpec, classes: list[str] | None, progress: Progress) -> None:
        self._spec = spec
        self._entry = catalogue.load()[spec.algorithm]
        self._classes = None if classes is None else target.in_order(spec, classes)
        self._progress = progress
        self._random = np.random.default_rng(None if spec.random_state is None else [spec.random_state, SPLIT_STREAM])
        self._fitted: PlanFit | None = None
        self._sample = ColumnTable(0, {})
        self._profile = Profile([])
        self._estimator: Any = None
        self._held = _Reservoir(self._random)
        self._rows = self._dropped = self._learned = 0
        self._seconds = 0.0
        self._warnings: dict[str, None] = {}

    def feed(self, table: ColumnTable) -> None:
        """Learn from a chunk.

        Raises
        ------
        MotadataError
            ML015: the estimator refused the chunk, and what the feature plan raises.
        """
        spec = self._spec
        if spec.target is not None:
            there = target.present(spec, table)
            self._dropped += table.rows - int(there.sum())
            table = table.take(there)
        if table.rows == 0:
            return
        goal = None if spec.target is None else target.encode(spec, table.columns[spec.target.name], self._classes)
        self._rows += table.rows
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self._learn(table, goal)
            except (MotadataError, MemoryError):
                raise
            except Exception as error:
                raise TrainingError(
                    f"{self._entry.name} failed on this data: {type(error).__name__}: {error}",
                    hint="The text is the library's own; check the data, the hyperparameters and chunk_rows.",
                ) from error
        self._warnings |= dict.fromkeys(
            f"{item.category.__name__}: {item.message}" for item in caught if concerns_user(item)
        )
        self._progress("stream", 0.0, {"rows": self._rows})

    def _learn(self, table: ColumnTable, goal: EncodedTarget | None) -> None:
        first = self._fitted is None
        if self._fitted is None:
            self._fitted = self._plan(table, goal)
            self._sample = table.take(np.arange(min(ROWS_PER_COLUMN, table.rows)))
            self._profile = Profile.fit(self._fitted.plan, table)
        else:
            self._profile.add(table)
        overrides = self._fitted.overrides if first else None
        encoded = encode_table(self._fitted.plan, table, overrides=overrides)
        values = np.zeros(table.rows) if goal is None else goal.values
        held = self._random.random(table.rows) < (0.0 if self._spec.split == "none" else self._spec.test_size)
        if held.all():
            held[0] = False
        self._held.add(encoded[held], values[held])
        self._learned += int((~held).sum())
        started = time.perf_counter()
        given: dict[str, Any] = {}
        if self._spec.weight is not None:
            given["sample_weight"] = sample_weights(table.columns[self._spec.weight.name])[~held]
        if self._classes is not None:
            given["classes"] = np.arange(len(self._classes))
        if goal is None:
            self._estimator.partial_fit(encoded[~held], **given)
        else:
            self._estimator.partial_fit(encoded[~held], values[~held], **given)
        self._seconds += time.perf_counter() - started

    def _plan(self, table: ColumnTable, goal: EncodedTarget | None) -> PlanFit:
        spec = self._spec
        self._estimator = estimators.make(
            self._entry, spec.hyperparameters, spec.threads, spec.random_state, self._classes
        )
        return fit_plan(
            table,
            [schema.name for schema in spec.features],
            None if goal is None else goal.for_encodings(),
            EncodingNeeds(takes_nan(self._entry), self._entry.scaling),
            spec.preprocess,
            spec.random_state,
        )

    def finish(self) -> TrainedModel:
        """Score, compile and serialise what was learned.

        Raises
        ------
        InsufficientDataError
            ML005: no row had a target.
        """
        spec = self._spec
        if self._fitted is None or self._learned < 2:
            raise InsufficientDataError(
                "there are too few rows to train on", hint="Check the table, the WHERE clause and the target."
            )
        self._progress("score", 0.9, {"rows": self._rows})
        encoded, values = self._held.rows()
        notices = ["the feature plan comes from the first chunk of rows"]
        scores: dict[str, float] = {}
        if len(encoded):
            scores = score(spec, self._estimator, encoded, EncodedTarget(self._classes, values))
        else:
            notices.append("no row was held out, so there are no scores")
        check = check_rows(self._entry, self._fitted.plan, encoded, self._sample)
        artifacts, runtime = compile_and_dump(spec, self._entry, self._estimator, self._fitted, check)
        artifacts[ArtifactKind.PROFILE] = self._profile.dump()
        seen = encoded if len(encoded) else encode_table(self._fitted.plan, self._sample)
        background = stored_background(spec.model_type, artifacts, seen, spec.random_state)
        if background is not None:
            artifacts[ArtifactKind.BACKGROUND] = background
        return TrainedModel(
            artifacts=artifacts,
            features=self._fitted.plan.summary(),
            classes=self._classes,
            label_type=spec.label_type,
            metrics={**scores, "n_train": self._learned, "n_test": len(encoded)},
            algorithm=self._entry.name,
            hyperparameters=estimators.full_hyperparameters(self._entry, self._estimator),
            rows=self._rows,
            dropped_rows=self._dropped,
            warnings=[*self._fitted.warnings, *list(self._warnings)[:MAX_WARNINGS]],
            notices=notices,
            runtime=runtime,
            library_versions=library_versions_of(self._entry),
            fit_seconds=self._seconds,
            trials=[],
        )


class _Reservoir:
    """A random sample of held-out rows, bounded in bytes (algorithm R of Vitter, 1985, a chunk at a time)."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._encoded: NDArray[np.float64] | None = None
        self._values: NDArray[Any] = np.empty(0)
        self._seen = 0

    def add(self, encoded: NDArray[np.float64], values: NDArray[Any]) -> None:
        """Offer rows to the sample."""
        if not len(encoded):
            return
        if self._encoded is None:
            self._encoded, self._values = encoded.copy(), values.copy()
            self._seen = len(encoded)
        else:
            room = max(0, self._limit(encoded) - len(self._encoded))
            places = self._random.integers(0, self._seen + 1 + np.arange(len(encoded)))
            fits = np.arange(len(encoded)) < room
            replaces = ~fits & (places < len(self._encoded))
            self._encoded[places[replaces]] = encoded[replaces]
            self._values[places[replaces]] = values[replaces]
            self._encoded = np.vstack([self._encoded, encoded[fits]])
            self._values = np.concatenate([self._values, values[fits]])
            self._seen += len(encoded)
        limit = self._limit(encoded)
        self._encoded, self._values = self._encoded[:limit], self._values[:limit]

    def rows(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return the sample, possibly without a row."""
        if self._encoded is None:
            return np.empty((0, 0)), np.empty(0)
        return self._encoded, self._values

    @staticmethod
    def _limit(encoded: NDArray[np.float64]) -> int:
        return max(100, int(HELD_BYTES // (8 * max(1, encoded.shape[1]))))
