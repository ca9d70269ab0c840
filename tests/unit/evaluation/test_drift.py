"""Profiles of training rows and the distance of other rows from them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.evaluation.drift import THRESHOLD, critical_value, stability_index
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import MAX_CATEGORIES, Profile


def numbers(values: Any, kind: str = "number") -> Column:
    return Column(ColumnSchema("x", kind, "float8"), np.asarray(values, np.float64))  # type: ignore[arg-type]


def texts(values: list[str | None]) -> Column:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    codes = np.array([-1 if value is None else distinct.index(value) for value in values], np.int32)
    return Column(ColumnSchema("x", "text", "text"), TextValues(codes, distinct))


def profile_of(column: Column, kind: str) -> Profile:
    plan = FeaturePlan.of([{"name": "x", "kind": kind, "source": column.schema.kind, "width": 1}])
    fitted = Profile.fit(plan, ColumnTable(len(column.values), {"x": column}))
    return Profile.from_json(json.loads(json.dumps(fitted.to_json())))


def distance(before: Column, now: Column, kind: str) -> float:
    column = profile_of(before, kind).columns[0]
    return stability_index(column.counts, column.count(now))


def test_index_is_the_formula_on_paper() -> None:
    before, now = np.array([50, 30, 20, 0]), np.array([20, 30, 40, 10])
    p, q = [0.5, 0.3, 0.2, 0.005], [0.2, 0.3, 0.4, 0.1]
    expected = sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))
    assert stability_index(before, now) == pytest.approx(expected, rel=1e-12)


def test_rows_of_one_distribution_rarely_pass_the_critical_value() -> None:
    random = np.random.default_rng(11)
    passed = 0
    for _ in range(400):
        column = profile_of(numbers(random.normal(size=500)), "number").columns[0]
        counts = column.count(numbers(random.normal(size=60)))
        passed += stability_index(column.counts, counts) > max(THRESHOLD, critical_value(column.counts, counts))
    assert passed <= 8


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (numbers(np.arange(1000) % 97), numbers(np.arange(1000) % 97 + 60), "number"),
        (numbers([0, 1] * 500), numbers([1] * 900 + [0] * 100), "boolean"),
        (numbers(np.arange(1000)), numbers([np.nan] * 500 + list(range(500))), "number"),
        (texts(["a", "b"] * 500), texts(["a", "c"] * 500), "category"),
        (texts(["a", "b"] * 500), texts(["a", None] * 500), "category"),
        (texts(["three words here"] * 500), texts(["a text of far more words than before it had"] * 500), "text"),
        (numbers(np.ones((1000, 3)), "vector"), numbers(np.ones((1000, 3)) * 5, "vector"), "vector"),
        (numbers(np.arange(1000) * 60.0), numbers(np.arange(1000) * 60.0 + 86400 * 30), "timestamp"),
    ],
)
def test_moved_rows_are_found_and_the_same_rows_are_not(before: Column, now: Column, kind: str) -> None:
    assert distance(before, before, kind) == 0.0
    assert distance(before, now, kind) > THRESHOLD


def test_rare_categories_share_a_bin() -> None:
    column = profile_of(texts([f"v{number % 200}" for number in range(2000)]), "category").columns[0]
    assert len(column.categories or []) == MAX_CATEGORIES
    assert column.counts.tolist()[-2:] == [1500, 0]


def test_chunks_add_up_to_the_whole() -> None:
    values = np.random.default_rng(2).normal(size=900)
    whole = profile_of(numbers(values[:300]), "number")
    for start in (300, 600):
        whole.add(ColumnTable(300, {"x": numbers(values[start : start + 300])}))
    assert whole.columns[0].counts.sum() == 900
    assert whole.columns[0].counts.tolist() == whole.columns[0].count(numbers(values)).tolist()


def test_profile_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="version 7"):
        Profile.from_json({"version": 7, "columns": []})
