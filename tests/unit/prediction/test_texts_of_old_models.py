"""Categories that 0.2 learned are looked up as it wrote them; those that are canonical follow today's rules."""

from __future__ import annotations

from typing import Any

import pytest

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import DenseRow


def category(sql_type: str, categories: list[str], **more: Any) -> FeaturePlan:
    spec = {"name": "f", "kind": "category", "source": "text", "sql_type": sql_type, "width": len(categories)}
    return FeaturePlan.of(
        [{**spec, "encode": "onehot", "categories": categories, "shift": None, "scale": None, **more}]
    )


def found(plan: FeaturePlan, value: Any) -> str | None:
    row = DenseRow(plan.columns)
    row.fill({"f": value})
    at = row.buffer[0].tolist()
    return plan.columns[0].spec["categories"][at.index(1.0)] if 1.0 in at else None


def test_numbers_with_their_zeros_are_found_as_they_were_written() -> None:
    old = category("numeric", ["1.00", "2.50"])
    assert not old.columns[0].canonical
    assert found(old, "2.50") == "2.50"
    assert found(old, 2.5) is None
    new = category("numeric", ["1", "2.5"], form=1)
    assert new.columns[0].exact
    assert found(new, "2.50") == found(new, 2.5) == "2.5"


@pytest.mark.parametrize(
    ("sql_type", "category_", "value"),
    [
        ("integer", "2", 2.0),
        ("date", "2026-01-01", "2026-01-01T00:00:00"),
        ("timestamp without time zone", "2026-01-01 10:00:00", "2026-01-01T10:00:00"),
        ("timestamp with time zone", "2026-01-01 10:00:00+00", "2026-01-01T15:45:00+05:45"),
        ("character", "a", "a    "),
        ("boolean", "true", 1),
    ],
)
def test_canonical_categories_of_old_models_follow_the_new_rules(sql_type: str, category_: str, value: Any) -> None:
    old = category(sql_type, [category_, "other"] if sql_type == "character" else [category_])
    assert found(old, value) == category_
