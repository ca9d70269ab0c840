"""Whatever is computed as a metric stands in the one list of metrics."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from motadata_ml_server.evaluation.metrics import METRICS, deciding
from motadata_ml_server.worker import metrics

ROWS = np.random.default_rng(0).normal(size=(60, 3))
TRUTH = (ROWS[:, 0] > 0).astype(np.intp)
CHANCES = (np.column_stack([1 - TRUTH, TRUTH]) * 0.8 + 0.1).astype(np.float64)
CLUSTERS = KMeans(3, random_state=0, n_init=1).fit(ROWS)

COMPUTED = {
    "classification": metrics.classification(TRUTH, TRUTH, CHANCES, None, 2),
    "regression": metrics.regression(ROWS[:, 0], ROWS[:, 1], quantile=0.9),
    "clustering": metrics.clustering(ROWS, CLUSTERS.labels_.astype(np.intp), CLUSTERS, 0),
    "anomaly": metrics.anomaly(ROWS[:, 0] > 1),
    "decomposition": metrics.decomposition(PCA(2).fit(ROWS)),
}


@pytest.mark.parametrize("model_type", COMPUTED)
def test_the_list_names_what_is_computed(model_type: str) -> None:
    assert {metric.name for metric in METRICS if metric.model_type == model_type} == set(COMPUTED[model_type])


def test_a_metric_stands_in_the_list_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("model_type", "first", "higher"), [("classification", "f1_score", True), ("regression", "rmse", False)]
)
def test_the_default_metric_comes_first(model_type: str, first: str, higher: bool) -> None:
    assert next(iter(deciding(model_type).items())) == (first, higher)


def test_what_has_no_truth_has_no_metric_that_decides() -> None:
    assert not deciding("clustering")
