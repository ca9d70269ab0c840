"""Curves gathered chunk by chunk against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError
from motadata_ml_server.evaluation import curves
from motadata_ml_server.evaluation.curves import ClassTally

CHANCES = st.lists(st.integers(0, 100), min_size=2, max_size=200)


def tally_of(
    chances: NDArray[np.float64], positive: NDArray[np.bool_], chunk: int = 7, most: int = curves.MOST_DISTINCT
) -> ClassTally:
    found = ClassTally("yes", most)
    for start in range(0, len(chances), chunk):
        found.add(chances[start : start + chunk], positive[start : start + chunk])
    return found


def column(rows: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)


def both_kinds(percents: list[int], seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    positive = np.random.default_rng(seed).random(len(percents)) < 0.5
    positive[:2] = [True, False]
    return np.array(percents) / 100, positive


@settings(max_examples=60, deadline=None)
@given(percents=CHANCES, seed=st.integers(0, 2**32 - 1), chunk=st.integers(1, 50))
def test_roc_curve_is_that_of_scikit_learn(percents: list[int], seed: int, chunk: int) -> None:
    chances, positive = both_kinds(percents, seed)
    rows = list(curves.roc_curve(tally_of(chances, positive, chunk)))
    fpr, tpr, thresholds = sklearn_metrics.roc_curve(positive, chances)
    assert column(rows, "fpr") == pytest.approx(fpr)
    assert column(rows, "tpr") == pytest.approx(tpr)
    assert column(rows, "threshold").tolist() == thresholds.tolist()


@settings(max_examples=60, deadline=None)
@given(percents=CHANCES, seed=st.integers(0, 2**32 - 1), chunk=st.integers(1, 50))
def test_precision_recall_curve_is_that_of_scikit_learn(percents: list[int], seed: int, chunk: int) -> None:
    chances, positive = both_kinds(percents, seed)
    rows = list(curves.precision_recall_curve(tally_of(chances, positive, chunk)))
    precision, recall, thresholds = sklearn_metrics.precision_recall_curve(positive, chances)
    assert column(rows, "precision") == pytest.approx(precision)
    assert column(rows, "recall") == pytest.approx(recall)
    assert column(rows, "threshold").tolist() == [*thresholds.tolist(), np.inf]


@settings(max_examples=60, deadline=None)
@given(percents=CHANCES, seed=st.integers(0, 2**32 - 1), bins=st.integers(1, 20))
def test_calibration_curve_is_that_of_scikit_learn(percents: list[int], seed: int, bins: int) -> None:
    chances, positive = both_kinds(percents, seed)
    rows = list(curves.calibration_curve(tally_of(chances, positive), bins))
    observed, predicted = calibration_curve(positive, chances, n_bins=bins)
    assert column(rows, "observed") == pytest.approx(observed)
    assert column(rows, "predicted") == pytest.approx(predicted)
    assert sum(row["rows"] for row in rows) == len(percents)


def test_lift_is_how_many_times_the_rate_of_all_rows_the_first_ones_have() -> None:
    chances = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    positive = np.array([True, True, False, True, False, False, False, False])
    rows = list(curves.lift_curve(tally_of(chances, positive)))
    for at, row in enumerate(rows, 1):
        assert row["threshold"] == chances[at - 1]
        assert row["share"] == at / 8
        assert row["gain"] == pytest.approx(positive[:at].sum() / 3)
        assert row["lift"] == pytest.approx(positive[:at].mean() / positive.mean())


@settings(max_examples=60, deadline=None)
@given(
    percents=CHANCES,
    seed=st.integers(0, 2**32 - 1),
    costs=st.fixed_dictionaries({name: st.integers(-5, 20) for name in ("tp", "fp", "fn", "tn")}),
)
def test_costs_are_those_of_counted_rows_and_the_best_is_cheapest(
    percents: list[int], seed: int, costs: dict[str, int]
) -> None:
    chances, positive = both_kinds(percents, seed)
    rows = list(curves.thresholds(tally_of(chances, positive), curves.costs_of(costs)))
    for row in rows:
        taken = chances >= row["threshold"]
        tn, fp, fn, tp = sklearn_metrics.confusion_matrix(positive, taken, labels=[False, True]).ravel().tolist()
        assert (row["tn"], row["fp"], row["fn"], row["tp"]) == (tn, fp, fn, tp)
        assert row["cost"] == costs["tp"] * tp + costs["fp"] * fp + costs["fn"] * fn + costs["tn"] * tn
    best = [row["cost"] for row in rows if row["best"]]
    assert best == [min(row["cost"] for row in rows)]


def many(rows: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    random = np.random.default_rng(5)
    chances = random.random(rows)
    return chances, random.random(rows) < chances


def test_a_long_curve_has_bounded_points_and_nearly_the_same_area() -> None:
    chances, positive = many(60_000)
    tally = tally_of(chances, positive, 10_000)
    rows = list(curves.roc_curve(tally))
    assert 500 < len(rows) <= curves.MOST_POINTS
    area = sklearn_metrics.auc(column(rows, "fpr"), column(rows, "tpr"))
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(positive, chances), abs=1e-4)
    assert (rows[0]["fpr"], rows[0]["tpr"], rows[-1]["fpr"], rows[-1]["tpr"]) == (0.0, 0.0, 1.0, 1.0)
    assert len(list(curves.precision_recall_curve(tally))) <= curves.MOST_POINTS + 1
    assert len(list(curves.lift_curve(tally))) <= curves.MOST_POINTS
    costs = list(curves.thresholds(tally, curves.costs_of({"fn": 3})))
    assert len(costs) <= curves.MOST_POINTS + 1
    order = np.argsort(-chances)
    tp = np.cumsum(positive[order])
    cheapest = (np.arange(1, len(order) + 1) - tp + 3 * (positive.sum() - tp)).min()
    assert [row["cost"] for row in costs if row["best"]] == [cheapest]


def test_very_many_distinct_probabilities_are_rounded_and_counted_all() -> None:
    chances, positive = many(20_000)
    tally = tally_of(chances, positive, 3_000, most=10_000)
    assert tally.coarse
    assert (tally.rows, tally.positives) == (20_000, int(positive.sum()))
    rounded = list(curves.roc_curve(tally_of(chances.round(curves.COARSE_DECIMALS), positive)))
    assert list(curves.roc_curve(tally)) == rounded


def test_curves_need_rows_of_the_class_and_a_roc_curve_others_too() -> None:
    chances = np.array([0.2, 0.4])
    for curve in (curves.roc_curve, curves.precision_recall_curve, curves.lift_curve):
        with pytest.raises(InsufficientDataError, match="no row is of class 'yes'"):
            list(curve(tally_of(chances, np.array([False, False]))))
    with pytest.raises(InsufficientDataError, match="every row is of class 'yes'"):
        list(curves.roc_curve(tally_of(chances, np.array([True, True]))))


@pytest.mark.parametrize("value", [True, "1", None, float("inf"), float("nan"), 10**400])
def test_a_cost_is_a_finite_number(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"costs\.fp must be a number"):
        curves.costs_of({"fp": value})
