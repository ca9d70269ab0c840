"""Every kind of feature is whole, and the page that says how to add one is true."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from motadata_ml_server.export import onnx_features, sql_features
from motadata_ml_server.features import profile
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.prediction.runtimes import linear_batch, linear_row
from tests.unit.prediction.models import MIXED, NULLS, ROW

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "feature-kinds.md").read_text()
NAMED = re.compile(r"`([\w./-]+(?:/|\.\w+))`")
TABLES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("prediction/runtimes/linear_row.py", "ROW_SHARES"): linear_row.ROW_SHARES,
    ("prediction/runtimes/linear_batch.py", "TABLE_SHARES"): linear_batch.TABLE_SHARES,
    ("export/onnx_features.py", "ENCODERS"): onnx_features.ENCODERS,
    ("export/sql_features.py", "FORMS"): sql_features.FORMS,
    ("features/profile.py", "MEASURES"): profile.MEASURES,
}


@pytest.mark.parametrize("place", TABLES, ids=lambda place: place[1])
def test_every_kind_has_a_row_in_each_table(place: tuple[str, str]) -> None:
    assert set(TABLES[place]) == set(KINDS)


def test_the_page_names_each_table_with_its_file() -> None:
    rows = re.findall(r"^ +\| [^|]+ \| `(\w+)` \| `plpython/motadata_ml_server/([\w/.]+)` \|$", PAGE, re.M)
    assert {(file, table) for table, file in rows} == set(TABLES)


def test_the_page_names_each_kind_with_its_module() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `plpython/motadata_ml_server/features/(\w+)\.py` \| .+ \|$", PAGE, re.M))
    assert rows == {name: type(kind).__module__.rpartition(".")[2] for name, kind in KINDS.items()}


def test_every_file_that_the_page_names_exists() -> None:
    named = [name for name in NAMED.findall(PAGE) if "/" in name or name.endswith((".md", ".py"))]
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_method_that_the_page_names_is_there() -> None:
    about = PAGE.split("## What a module holds")[1].split("\n## ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^- .+?:", about, re.M | re.S)))
    assert len(listed) >= 9
    assert [name for name in listed if not callable(getattr(KINDS["number"], name, None))] == []


def test_every_kind_is_tried_in_every_form() -> None:
    names = {column["name"] for column in MIXED["columns"]}
    assert {column["kind"] for column in MIXED["columns"]} == set(KINDS)
    assert set(ROW) == set(NULLS) == names
