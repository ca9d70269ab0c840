"""Statements in the text of the server package and of the client leave no name to the caller's search path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tooling.sql_in_python import breaches, left_to_the_path, statements

ROOT = Path(__file__).parents[3]
PACKAGES = {"plpython/motadata_ml_server": 100, "pyclient/motadata_ml": 40}
"""Each package, and how many statements it has at the least, so that none is passed over unseen."""

PASSED_OVER = {
    "pyclient/motadata_ml/demo/_flights.py": "the demo's statements are the reader's own, shown as they would be typed",
    "pyclient/motadata_ml/demo/_run.py": "the same",
    "pyclient/motadata_ml/demo/_tickets.py": "the same",
    "plpython/motadata_ml_server/postgres/fake_database.py": "DuckDB reads them, in unit tests alone",
    "plpython/motadata_ml_server/postgres/fake_dialect.py": "the same",
    "plpython/motadata_ml_server/postgres/fake_functions.py": "the same",
    "plpython/motadata_ml_server/training/remedies.py": "hints of what to write in one's own SELECT",
}
"""Modules whose names may be left to a path, each with why; another gets here only with a reason as good."""

BEFORE = {"relation own": "tenants.membership.OWN, a WITH that is put before the statement where it is made"}
"""What a piece of a statement has from what stands before it."""

FOUND = [
    ("X = 'select count(*) from ml.t'", "line 1: function count"),
    ("X = f'select * from {table} where a = 1'", "line 1: operator ="),
    ("x.execute('''\n  select a::text from ml.t\n''')", "line 1: type text"),
    ("X = sql.SQL('select * from ml.{} where a = %s')", "line 1: operator ="),
    ("X = sql.SQL(f'{key} = %s')", "line 1: operator ="),
    ("select_function('f', {}, 'a, count(b)')", "line 1: function count"),
    ("WHERE = 'where a = 1'\nX = f'select from ml.t {WHERE}'", "line 2: operator ="),
    ("X = f'with {more}written as (select 1) select upper(a) from written'", "line 1: function upper"),
    (
        "X = f'create or replace function {name}({arguments}) returns {kind} return lower({body})'",
        "line 1: function lower",
    ),
    ("X = 'from ml.t where a::jsonb is null'", "line 1: type jsonb"),
    ("X = 'select from model'", "line 1: relation model"),
]


@pytest.mark.parametrize(("source", "breach"), FOUND)
def test_a_name_that_is_left_to_the_path_is_found(tmp_path: Path, source: str, breach: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert breaches(module) == [breach]


@pytest.mark.parametrize(
    "source",
    [
        '"""select count(*) from ml.t"""',
        "X = 'select one of these, and it works.'",
        "X = f'select pg_catalog.count(*) from {table} where a operator(pg_catalog.=) %s'",
        "X = 'rollback'",
    ],
)
def test_prose_and_what_is_qualified_are_not_reported(tmp_path: Path, source: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert breaches(module) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_statement_leaves_a_name_to_the_path(package: str) -> None:
    parsed, found = 0, []
    for module in sorted((ROOT / package).rglob("*.py")):
        name = str(module.relative_to(ROOT))
        if name in PASSED_OVER:
            continue
        parsed += sum(left_to_the_path(text) is not None for _, text in statements(module.read_text()))
        found += [f"{name} {breach}" for breach in breaches(module) if breach.split(": ")[1] not in BEFORE]
    assert found == []
    assert parsed >= PACKAGES[package]


def test_what_is_passed_over_is_there() -> None:
    for name in PASSED_OVER:
        assert (ROOT / name).is_file(), name
