"""The SQL reference is what the catalogue says; ``make reference`` writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml_server.evaluation.metrics import METRICS
from tools.reference import page

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "sql-reference.md"

BAR = "\\|"
"""How a bar is written within a cell of a table."""

Session = psycopg.Connection[Any]


def test_the_page_is_what_the_catalogue_says(module_db: Session) -> None:
    present = PAGE.read_text("utf-8")
    found = page(module_db, present, ROOT / "sql")
    if os.environ.get("MOTADATA_ML_WRITE_DOCS"):
        PAGE.write_text(found, "utf-8")
    else:
        assert found == present, "run `make reference`"


@pytest.mark.parametrize(
    "change",
    [
        "comment on function ml.doctor is 'something else'",
        "comment on column ml.models.metrics is 'something else'",
        "alter table ml.quota add column more integer",
        "create function ml.doctor(depth integer default 3) returns void language sql as ''",
        "alter function ml.cache_clear set schema public",
    ],
)
def test_a_change_of_the_catalogue_changes_the_page(module_db: Session, change: str) -> None:
    present = PAGE.read_text("utf-8")
    with module_db.transaction(force_rollback=True):
        module_db.execute(change.encode())
        assert page(module_db, present, ROOT / "sql") != present


def test_a_comment_stands_on_the_page_whole(module_db: Session) -> None:
    comment = "what this holds, at length, " * 9 + "a | b"
    with module_db.transaction(force_rollback=True):
        module_db.execute(f"comment on column ml.models.metrics is '{comment}'".encode())
        module_db.execute(f"comment on function ml.predict(text, jsonb, text, text) is '{comment}'".encode())
        found = page(module_db, PAGE.read_text("utf-8"), ROOT / "sql")
    assert f"\n{comment}\n" in found
    assert f"| {comment.replace('|', BAR)} |" in found


def test_every_metric_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for metric in METRICS:
        assert f"| `{metric.name}` | {metric.model_type} |" in text
        assert f"| {metric.formula.replace('|', BAR)} |" in text


def test_a_page_without_a_chapters_mark_is_refused(module_db: Session) -> None:
    present = PAGE.read_text("utf-8").replace("<!-- generated: 70_schedules -->", "")
    with pytest.raises(ValueError, match="70_schedules"):
        page(module_db, present, ROOT / "sql")
