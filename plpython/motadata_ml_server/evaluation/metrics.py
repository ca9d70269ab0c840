"""The metrics: name, model type, direction and formula. The one list of them."""

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
    formula : str
        What it is, in a sentence. Averages over classes say how they are weighted.
    decides : bool
        Whether it can decide which of two versions is deployed.
    """

    name: str
    model_type: str
    higher_is_better: bool | None
    formula: str
    decides: bool = False


def _classification(name: str, higher: bool | None, formula: str, decides: bool = True) -> Metric:
    return Metric(name, "classification", higher, formula, decides)


def _regression(name: str, higher: bool, formula: str) -> Metric:
    return Metric(name, "regression", higher, formula, decides=True)


METRICS: Final = (
    _classification("f1_score", True, "2 tp / (2 tp + fp + fn) of each class, averaged by the rows of each class"),
    _classification("accuracy", True, "share of rows whose label is predicted"),
    _classification("balanced_accuracy", True, "recall of each class, averaged over classes alike"),
    _classification("f1_macro", True, "2 tp / (2 tp + fp + fn) of each class, averaged over classes alike"),
    _classification("precision", True, "tp / (tp + fp) of each class, averaged by the rows of each class"),
    _classification("precision_macro", True, "tp / (tp + fp) of each class, averaged over classes alike"),
    _classification("recall", True, "tp / (tp + fn) of each class, averaged by the rows of each class"),
    _classification("recall_macro", True, "tp / (tp + fn) of each class, averaged over classes alike"),
    _classification(
        "roc_auc",
        True,
        "how often a row of the class scores above one of another, ties half; for more than two classes each against "
        "the rest, averaged over classes alike",
    ),
    _classification("log_loss", False, "mean of -ln(probability of the true class)"),
    _classification(
        "majority_class_accuracy", None, "share of the most frequent class: what guessing would reach", False
    ),
    _regression("rmse", False, "square root of the mean of (prediction - truth)^2"),
    _regression("mae", False, "mean of |prediction - truth|"),
    _regression("mape", False, "mean of |(prediction - truth) / truth| over rows whose truth is not 0"),
    _regression("r2", True, "1 - sum of (prediction - truth)^2 / sum of (truth - mean truth)^2"),
    Metric("clusters", "clustering", None, "number of clusters that rows belong to, noise not counted"),
    Metric("inertia", "clustering", False, "sum of squared distances of rows to the centre of their cluster"),
    Metric(
        "silhouette",
        "clustering",
        True,
        "mean of (b - a) / max(a, b), a the mean distance to the own cluster and b to the nearest other, on 5,000 rows",
    ),
    Metric("outlier_share", "anomaly", None, "share of rows that are outliers"),
    Metric("explained_variance_ratio", "decomposition", True, "share of the variance that the components explain"),
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
