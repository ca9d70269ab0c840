"""`alter extension motadata_ml update`: the catalogue, the models, the rights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import motadata_ml
from motadata_ml.install.script import extension_files
from tests.migration.catalogue import catalogue, differences

Session = psycopg.Connection[Any]
Database = Callable[[str | None], Session]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
OLD = ["0.1.0"]

ANSWERS = """
select count(*), count(*) filter (where answer = ml.predict(e.model, to_jsonb(r), tenant_id => e.tenant))
from expected e join rows r using (id)
"""


@pytest.mark.parametrize("version", OLD)
def test_an_upgraded_database_equals_a_fresh_one(database: Database, version: str) -> None:
    fresh, upgraded = database(motadata_ml.__version__), database(version)
    before = catalogue(upgraded)
    upgraded.execute("alter extension motadata_ml update")
    assert upgraded.execute("select extversion from pg_extension where extname = 'motadata_ml'").fetchone() == (
        motadata_ml.__version__,
    )
    assert differences(fresh, upgraded) == ""
    assert catalogue(upgraded) != before, "a hop that changes nothing proves nothing"


def test_the_comparison_sees_a_difference(database: Database) -> None:
    one, other = database(motadata_ml.__version__), database(motadata_ml.__version__)
    assert differences(one, other) == ""
    for change in (
        "comment on function ml.doctor is 'something else'",
        "alter function ml.list_models cost 7",
        "grant execute on function ml.doctor to public",
        "alter table ml.model alter created_by set default 'x'",
        "drop policy own_tenants on ml.model",
        "create index extra on ml.model (created_at)",
    ):
        with other.transaction(force_rollback=True):
            other.execute(change.encode())
            assert differences(one, other) != "", change


def test_models_of_the_old_version_predict_the_same(models_of_0_1_0: Session) -> None:
    session = models_of_0_1_0
    before = session.execute(ANSWERS).fetchone()
    session.execute("alter extension motadata_ml update")
    assert before == session.execute(ANSWERS).fetchone() == (200, 200)
    trials = session.execute("select count(*) from ml.trials").fetchone()
    options = session.execute("select value from ml.options where name = 'threads'").fetchone()
    assert (trials, options) == ((2,), ("1",))
    row = session.execute(
        "select model_version from ml.train('linear', 'regression', "
        "'select load, visits, colour, member, seen, price from rows', 'price', algorithm => 'ridge')"
    ).fetchone()
    assert row == ("1.1.0",)
    assert session.execute("select ml.rollback('forest', tenant_id => 'acme')").fetchone() == ("1.0.0",)


def test_roles_get_the_new_rights_and_doctor_says_when(models_of_0_1_0: Session) -> None:
    session = models_of_0_1_0
    session.execute("alter extension motadata_ml update")

    def check() -> tuple[bool, str | None]:
        row = session.execute("select ok, remedy from ml.doctor() where check_name = 'rights'").fetchone()
        assert row
        return row[0], row[1]

    assert check() == (False, "select ml.refresh_usage()")
    assert session.execute("select ml.refresh_usage()").fetchone() == (1,)
    assert check() == (True, None)
    session.execute("set role old_user")
    assert session.execute("select model_id, tenant_id from ml.list_models('acme')").fetchall() == [("forest", "acme")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("select ml.refresh_usage()")
    session.execute("reset role")


def test_every_version_leads_to_the_newest(database: Database) -> None:
    session = database(None)
    session.execute("create extension plpython3u")
    paths = session.execute(
        "select source, path from pg_extension_update_paths('motadata_ml') where target = %s", [motadata_ml.__version__]
    ).fetchall()
    assert sorted(source for source, path in paths if path is not None) == OLD
    for name in extension_files():
        hop = re.fullmatch(r"motadata_ml--(\d+\.\d+\.\d+)--(\d+\.\d+\.\d+)\.sql", name)
        assert hop is None or hop[1] in OLD, f"{name} does not start at a released version"


def test_released_files_are_as_they_were() -> None:
    listed = dict(line.split("  ")[::-1] for line in (MIGRATIONS / "frozen.sha256").read_text().splitlines())
    for name, digest in listed.items():
        assert hashlib.sha256((MIGRATIONS / name).read_bytes()).hexdigest() == digest, f"{name} has been edited"
    bases = {path.name for path in MIGRATIONS.glob("motadata_ml--*.sql") if path.name.count("--") == 1}
    newest = max(path.name for path in MIGRATIONS.glob("motadata_ml--*--*.sql"))
    hops = {path.name for path in MIGRATIONS.glob("motadata_ml--*--*.sql")} - {newest}
    assert bases | hops <= listed.keys()
    assert newest.endswith(f"--{motadata_ml.__version__}.sql")
