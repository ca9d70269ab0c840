"""The statements of the page on troubleshooting run, word by word."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
STATEMENTS = sorted(set(re.findall(r"`((?:select|show|explain) [^`]+;)`", PAGE)))


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[object]) -> psycopg.Connection[object]:
    module_db.execute(
        "select ml.train('m', 'regression', 'select i as x, 2.0 * i as y from generate_series(1, 50) as i', 'y', "
        "algorithm => 'linear')"
    )
    module_db.execute("set ml.tenant_id = 'default'")
    return module_db


def test_page_has_statements() -> None:
    assert len(STATEMENTS) > 25


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement_of_the_page_runs(trained: psycopg.Connection[object], statement: str) -> None:
    assert trained.execute(statement.encode()).description is not None
