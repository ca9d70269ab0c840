"""The metrics: name, model type, direction, averaging and formula. The one list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Metric:
    """One metric of one model type.

    Attributes
    ----------
    name : str
        Its key in ``metrics``.
    model_type : str
        What it is a metric of.
    higher_is_better : bool or None
        None where it only describes.
    averaging : str
        What it is taken over: all rows alike, each class weighted by its rows, each class alike, or the positive
        class alone.
    formula : str
        What it is, in a sentence.
    decides : bool
        Whether it can decide which of two versions is deployed.
    """

    name: str
    model_type: str
    higher_is_better: bool | None
    averaging: str
    formula: str
    decides: bool = False


ROWS: Final = "all rows"
BY_ROWS: Final = "classes by their rows"
ALIKE: Final = "classes alike"
POSITIVE: Final = "positive class"
POSITIVE_OR_ALIKE: Final = "positive class; of more than two, classes alike"


def _classification(name: str, higher: bool | None, averaging: str, formula: str, decides: bool = True) -> Metric:
    return Metric(name, "classification", higher, averaging, formula, decides)


def _regression(name: str, higher: bool, formula: str) -> Metric:
    return Metric(name, "regression", higher, ROWS, formula, decides=True)


METRICS: Final = (
    _classification("f1_score", True, BY_ROWS, "2 tp / (2 tp + fp + fn)"),
    _classification("accuracy", True, ROWS, "share of rows whose label is predicted"),
    _classification("balanced_accuracy", True, ALIKE, "tp / (tp + fn), over the classes that rows have"),
    _classification("f1_macro", True, ALIKE, "2 tp / (2 tp + fp + fn)"),
    _classification("f1_positive", True, POSITIVE, "2 tp / (2 tp + fp + fn)"),
    _classification("precision", True, BY_ROWS, "tp / (tp + fp)"),
    _classification("precision_macro", True, ALIKE, "tp / (tp + fp)"),
    _classification("precision_positive", True, POSITIVE, "tp / (tp + fp): how many of those predicted are right"),
    _classification("recall", True, BY_ROWS, "tp / (tp + fn), which is the accuracy"),
    _classification("recall_macro", True, ALIKE, "tp / (tp + fn)"),
    _classification("recall_positive", True, POSITIVE, "tp / (tp + fn): how many of them are found"),
    _classification(
        "mcc",
        True,
        ROWS,
        "Matthews correlation of truth and prediction: (c s - sum of p t) / sqrt((s^2 - sum of p^2) "
        "(s^2 - sum of t^2)), c right rows of s, p and t predicted and true rows of each class; 0 where one "
        "class alone is predicted",
    ),
    _classification(
        "roc_auc",
        True,
        ALIKE,
        "how often a row of the class scores above one of another, ties half; for more than two classes each against "
        "the rest",
    ),
    _classification(
        "average_precision",
        True,
        POSITIVE_OR_ALIKE,
        "sum of (recall - recall before) times precision over the thresholds from the highest probability down; "
        "guessing reaches the share of the class",
    ),
    _classification("log_loss", False, ROWS, "mean of -ln(probability of the true class)"),
    _classification(
        "brier",
        False,
        ROWS,
        "mean of (probability of the positive class - 1 or 0)^2; for more than two classes the sum of it over classes",
    ),
    _classification(
        "majority_class_accuracy", None, ROWS, "share of the most frequent class: what guessing would reach", False
    ),
    _regression("rmse", False, "square root of the mean of (prediction - truth)^2"),
    _regression("mae", False, "mean of |prediction - truth|"),
    _regression("median_absolute_error", False, "median of |prediction - truth|"),
    _regression("mape", False, "mean of |(prediction - truth) / truth| over rows whose truth is not 0"),
    _regression("r2", True, "1 - sum of (prediction - truth)^2 / sum of (truth - mean truth)^2"),
    _regression("explained_variance", True, "1 - variance of (truth - prediction) / variance of truth"),
    _regression(
        "pinball_loss",
        False,
        "mean of q (truth - prediction) where that is positive, else of (1 - q) (prediction - truth); for a model that "
        "predicts quantile q",
    ),
    Metric("clusters", "clustering", None, ROWS, "number of clusters that rows belong to, noise not counted"),
    Metric("inertia", "clustering", False, ROWS, "sum of squared distances of rows to the centre of their cluster"),
    Metric(
        "silhouette",
        "clustering",
        True,
        ROWS,
        "mean of (b - a) / max(a, b), a the mean distance to the own cluster and b to the nearest other, on 5,000 rows",
    ),
    Metric("outlier_share", "anomaly", None, ROWS, "share of rows that are outliers, their score below 0"),
    Metric(
        "explained_variance_ratio", "decomposition", True, ROWS, "share of the variance that the components explain"
    ),
)
"""All metrics, those that decide in the order of preference. Formulas are scikit-learn's."""

COUNTS: Final = ("n_train", "n_test", "groups", "groups_failed")
"""What stands beside the metrics: rows learned from, rows scored on, groups with and without a model."""


def deciding(model_type: str) -> Mapping[str, bool]:
    """Return the metrics that decide between versions of a model type, the default first.

    Returns
    -------
    mapping of str to bool
        Whether a higher value is better; empty for a model type without such a metric.
    """
    return MappingProxyType(
        {
            metric.name: bool(metric.higher_is_better)
            for metric in METRICS
            if metric.model_type == model_type and metric.decides
        }
    )
