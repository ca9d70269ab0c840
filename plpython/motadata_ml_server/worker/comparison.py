"""The model that a call without thought gives: a few families compared on folds of the rows that it learns from.

Nothing here looks at a clock: what is tried follows from the numbers of rows, columns and classes alone, so the same
rows give the same model on a busy machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import MotadataError
from motadata_ml_server.features.fit_plan import EncodingNeeds, fit_plan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.all_classes import numbered
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.losses import log_loss, mean_curve, squared_loss
from motadata_ml_server.worker.rows import sample_weights
from motadata_ml_server.worker.target import EncodedTarget, renumbered
from motadata_ml_server.worker.threads import threads_for

Array = NDArray[np.float64]

SAMPLE_STREAM: Final = 6
"""The rows that are compared on are drawn from a stream of their own, as splits and folds are."""

LEAST_ROWS: Final = 20
"""With fewer rows there is nothing to compare on: a linear model, well regularised, is taken."""

SAMPLE_ROWS: Final = 20_000
"""Families are compared on so many rows at the most; the one chosen learns from all."""

MANY_CLASSES: Final = 30
"""Beyond, a forest is tried instead of boosting, which fits a tree for each class and round."""

MARGIN: Final = {"linear": 1.0, "boosting": 1.005, "forest": 1.03}
"""What a family's loss counts: of two that are as good, the one that is simpler and quicker to ask is taken."""

ROUNDS: Final = 300
TREES: Final = 1_500
"""The most rounds of boosting, and the most trees of all classes."""

PATIENCE: Final = 12
"""Boosting ends where so many rounds have not made it better on the rows held out."""

BOOSTING: Final[Mapping[str, Any]] = {
    "learning_rate": 0.1,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "min_samples_leaf": 10,
}
"""Each split sees half of the features, which is what keeps boosting from learning few rows by heart."""

FOREST: Final[Mapping[str, Any]] = {"n_estimators": 100, "min_samples_leaf": 3, "max_features": 0.4}
"""Leaves of three rows: those of one make probabilities of 0 and 1."""

C: Final = (0.03, 0.3, 3.0)
"""Inverse strengths of regularisation that are tried for linear models."""

SECONDS_A_TREE: Final = 4e-4
SECONDS_A_CELL: Final = 5e-9
"""What boosting takes for a tree, and for each of its training cells: roughly, on one core of 2024."""

WIDE: Final = 100
FEW: Final = 5_000
COARSE: Final = 63
SECONDS_A_COLUMN: Final = 1e-5
"""Beyond so many columns of few rows a tree's time goes into its histograms: with so many bins it takes a quarter of
the time, and so much for each further column."""

WORTH: Final = 0.6
"""Seconds that trying boosters may take by that reckoning."""

EFFORTS: Final = ((3, (4, 8, 24)), (3, (6, 24)), (1, (8, 31)), (1, (15,)))
"""Folds, and the leaves of the trees tried: the first that is worth it."""


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes
    ----------
    entry : AlgorithmEntry
        The estimator.
    hyperparameters : dict
        Its hyperparameters, beside its defaults.
    why : str
        The end of a sentence.
    """

    entry: AlgorithmEntry
    hyperparameters: dict[str, Any]
    why: str


@dataclass(frozen=True)
class Tried:
    """A family with its best hyperparameters, and its mean loss over the folds: log loss, or half the squared error."""

    family: str
    algorithm: str
    hyperparameters: dict[str, Any]
    loss: float


@dataclass(frozen=True)
class Fold:
    """Rows of one fold by position, and their targets: of classes those alone that the training side has."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    y_train: NDArray[Any]
    y_test: NDArray[Any]
    classes: int

    def weighted(self, weights: Array | None) -> tuple[Array | None, Array | None]:
        """Return what the rows of both sides count."""
        return (None, None) if weights is None else (weights[self.train], weights[self.test])


def compare(spec: TrainingSpec, learn: ColumnTable, goal: EncodedTarget, words: str | None) -> Choice:
    """Choose a family, and how much of it, for a classifier or a regression.

    Parameters
    ----------
    spec : TrainingSpec
        Model type, features, split and seed.
    learn : ColumnTable
        The rows to learn from: those held out for the scores are not among them.
    goal : EncodedTarget
        Their target.
    words : str or None
        A feature that is free text: its many words suit linear models alone.
    """
    comparison = Comparison(spec, learn, goal, words)
    if comparison.sample.rows < LEAST_ROWS:
        return Choice(
            comparison.entry("linear"),
            comparison.linear(1.0),
            f"{learn.rows} rows are few, and a linear model generalises from them",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return comparison.run()


class Comparison:
    """What is asked of candidates, for `compare` and for a longer search; see `compare` for the parameters."""

    def __init__(self, spec: TrainingSpec, learn: ColumnTable, goal: EncodedTarget, words: str | None) -> None:
        self._spec = spec
        self._all_rows = learn.rows
        self._words = words
        self.classifies = goal.classes is not None
        if learn.rows > SAMPLE_ROWS:
            seed = None if spec.random_state is None else [spec.random_state, SAMPLE_STREAM]
            drawn = np.sort(np.random.default_rng(seed).permutation(learn.rows)[:SAMPLE_ROWS])
            learn, goal = learn.take(drawn), renumbered(goal.take(drawn))
        self.sample = learn
        self.goal = goal
        self._weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        self.pairs: list[Fold] = []
        self.outputs = 1 if goal.classes is None or len(goal.classes) == 2 else len(goal.classes)
        self._rounds = min(ROUNDS, TREES // self.outputs)

    def entry(self, family: str) -> AlgorithmEntry:
        """Return a family's estimator for the model type."""
        if family == "linear":
            return catalogue.load()["LogisticRegression" if self.classifies else "Ridge"]
        suffix = "Classifier" if self.classifies else "Regressor"
        return catalogue.load()[("HistGradientBoosting" if family == "boosting" else "RandomForest") + suffix]

    def linear(self, strength: float) -> dict[str, Any]:
        """Return a linear model's hyperparameters for an inverse strength of regularisation."""
        return {"C": strength, "max_iter": 1000} if self.classifies else {"alpha": 1.0 / strength}

    def run(self) -> Choice:
        """Return the better family."""
        from threadpoolctl import threadpool_limits

        dense = None if self._words is not None else self.encoded(EncodingNeeds(True, "none"))
        width = 0 if dense is None else dense.shape[1]
        count, leaves = self._effort(width)
        drawn = folds(self._spec, self.sample, self.goal, max(count, 4 if count == 1 else 2))
        self.pairs = self.usable(drawn.pairs[:count])
        if not self.pairs:
            return Choice(self.entry("linear"), self.linear(1.0), "no fold of the rows has what it takes to compare")
        with threadpool_limits(threads_for(self.sample.rows, width, self._spec.threads)):
            tried = [found for found in self._tried(dense, leaves) if np.isfinite(found.loss)]
        if not tried:  # the fit says what is wrong with the rows
            return Choice(self.entry("boosting"), {}, "no family could be compared on these rows")
        best = min(tried, key=lambda one: one.loss * MARGIN[one.family])
        return Choice(catalogue.load()[best.algorithm], self._final(best), self._why(best, tried))

    def _tried(self, dense: Any, leaves: Sequence[int]) -> Iterator[Tried]:
        """Yield what could be tried; what an estimator refuses is left out."""
        ways = [self._try_linear()]
        if dense is not None:
            few = self.outputs <= MANY_CLASSES
            ways.append(self._try_boosting(dense, leaves) if few else self._try_forest())
        for way in ways:
            try:
                yield from way
            except (MotadataError, MemoryError):
                raise
            except Exception:  # noqa: S112 - whatever an estimator raises on rows that do not suit it
                continue

    def encoded(self, needs: EncodingNeeds) -> Any:
        """Return the sample's rows as an estimator with such needs takes them."""
        spec = self._spec
        names = [schema.name for schema in spec.features]
        fitted = fit_plan(self.sample, names, self.goal.for_encodings(), needs, spec.preprocess, spec.random_state)
        return encode_table(fitted.plan, self.sample, fitted.plan.sparse, fitted.overrides)

    def _effort(self, width: int) -> tuple[int, Sequence[int]]:
        rows = self.sample.rows
        tree = SECONDS_A_TREE + rows * width * SECONDS_A_CELL + max(0, width - WIDE) * SECONDS_A_COLUMN
        for count, leaves in EFFORTS:
            if count * len(leaves) * 100 * self.outputs * tree <= WORTH:
                return count, leaves
        return EFFORTS[-1]

    def usable(self, pairs: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> list[Fold]:
        """Return folds, without those that have nothing to learn or nothing to score on."""
        found = [self._fold(train, test) for train, test in pairs]
        return [fold for fold in found if len(fold.test) and (not self.classifies or fold.classes > 1)]

    def growth(self) -> float:
        """Return how many times the rows of a fold's training side all rows are."""
        return self._all_rows / max(1, len(self.pairs[0].train))

    def _fold(self, train: NDArray[np.intp], test: NDArray[np.intp]) -> Fold:
        values = self.goal.values
        if not self.classifies:
            return Fold(train, test, values[train], values[test], 0)
        present, y_train = numbered(values[train])
        test = test[np.isin(values[test], present)]
        return Fold(train, test, y_train, np.searchsorted(present, values[test].astype(np.intp)), len(present))

    def _try_linear(self) -> Iterator[Tried]:
        needs = EncodingNeeds(False, "standard")
        encoded = self.encoded(needs)
        entry = self.entry("linear")
        found = []
        for strength in C if self._words is None else (*C, 30.0):
            hyperparameters = self.linear(strength)
            found.append((self._loss_of(entry, hyperparameters, encoded), strength))
        loss, strength = min(found)
        yield Tried("linear", entry.name, self.linear(strength), loss)

    def _try_forest(self) -> Iterator[Tried]:
        entry = self.entry("forest")
        loss = self._loss_of(entry, dict(FOREST), self.encoded(EncodingNeeds(False, "none")))
        yield Tried("forest", entry.name, dict(FOREST), loss)

    def _loss_of(self, entry: AlgorithmEntry, hyperparameters: dict[str, Any], encoded: Any) -> float:
        return float(np.mean([self.loss_on(entry, hyperparameters, encoded, fold) for fold in self.pairs]))

    def loss_on(self, entry: AlgorithmEntry, hyperparameters: dict[str, Any], encoded: Any, fold: Fold) -> float:
        """Return the loss on the rows of a fold: log loss, or half the mean squared error."""
        own, held = fold.weighted(self._weights)
        estimator = estimators.make(entry, hyperparameters, self._spec.threads, self._spec.random_state, None)
        estimators.fit(estimator, encoded[fold.train], fold.y_train, own)
        if self.classifies:
            return log_loss(fold.y_test, estimator.predict_proba(encoded[fold.test]), held)
        return squared_loss(np.asarray(estimator.predict(encoded[fold.test]), np.float64), fold.y_test, held)

    def _try_boosting(self, encoded: Any, leaves: Sequence[int]) -> Iterator[Tried]:
        entry = self.entry("boosting")
        best: Tried | None = None
        coarse = {"max_bins": COARSE} if encoded.shape[1] > WIDE and encoded.shape[0] <= FEW else {}
        for count in leaves:
            hyperparameters = {**BOOSTING, **coarse, "max_leaf_nodes": count}
            loss, rounds = self._rounds_of(entry, hyperparameters, encoded)
            if best is None or loss < best.loss:
                best = Tried("boosting", entry.name, hyperparameters | {"max_iter": rounds}, loss)
        if best is not None:
            yield best

    def _rounds_of(self, entry: AlgorithmEntry, hyperparameters: dict[str, Any], encoded: Any) -> tuple[float, int]:
        """Return the least mean loss over the folds, and after how many rounds it is reached."""
        curves = [self.curve(entry, hyperparameters, encoded, fold) for fold in self.pairs]
        mean = mean_curve(curves)
        return float(mean.min()), int(mean.argmin()) + 1

    def curve(self, entry: AlgorithmEntry, hyperparameters: dict[str, Any], encoded: Any, fold: Fold) -> Array:
        """Return boosting's loss on the rows of a fold after each round, until it gets no better."""
        stopping = {"max_iter": self._rounds, "early_stopping": True, "n_iter_no_change": PATIENCE, "scoring": "loss"}
        own, held = fold.weighted(self._weights)
        estimator = estimators.make(
            entry, hyperparameters | stopping, self._spec.threads, self._spec.random_state, None
        )
        estimator.fit(
            encoded[fold.train],
            fold.y_train,
            sample_weight=own,
            X_val=encoded[fold.test],
            y_val=fold.y_test,
            sample_weight_val=held,
        )
        return -np.asarray(estimator.validation_score_, dtype=np.float64)[1:]

    def _final(self, best: Tried) -> dict[str, Any]:
        """Return the hyperparameters for all rows: with more rows than were compared on, more rounds are worth it."""
        if best.family != "boosting":
            return best.hyperparameters
        how = (self._spec.split or "").partition(":")[0]
        if self._all_rows > SAMPLE_ROWS and how not in ("time", "group"):
            stopping = {
                "max_iter": self._rounds,
                "early_stopping": True,
                "n_iter_no_change": 10,
                "validation_fraction": 0.1,
            }
            return best.hyperparameters | stopping | {"max_iter": self._rounds}
        rounds = max(1, round(best.hyperparameters["max_iter"] * 1.1))
        return best.hyperparameters | {"max_iter": rounds, "early_stopping": False}

    def _why(self, best: Tried, tried: Sequence[Tried]) -> str:
        if self._words is not None:
            return f"{self._words!r} is free text, and linear models suit its many words"
        measure = "log loss" if self.classifies else "root mean squared error"
        folds_of = "1 fold" if len(self.pairs) == 1 else f"{len(self.pairs)} folds"
        others = [f"{one.algorithm}'s {self._said(one)}" for one in tried if one is not best]
        return f"its {measure} over {folds_of} of {self.sample.rows} rows is {self._said(best)}" + (
            f", {' and '.join(others)}" if others else ""
        )

    def _said(self, one: Tried) -> str:
        return f"{one.loss if self.classifies else float(np.sqrt(2 * one.loss)):.4g}"
