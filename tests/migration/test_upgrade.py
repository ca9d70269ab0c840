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
Restored = Callable[[str], Session]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
OLD = ["0.1.0", "0.2.0"]
ANSWERS_OF = {"0.1.0": 200, "0.2.0": 366}
"""How many answers of its models each release's dump holds."""


ANSWERS = """
select count(*), count(*) filter (where answer = ml.predict(e.model, to_jsonb(r), tenant_id => e.tenant))
from expected e join {rows} r using (id)
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
        "create policy everything on ml.model using (true)",
        "create index extra on ml.model (created_at)",
    ):
        with other.transaction(force_rollback=True):
            other.execute(change.encode())
            assert differences(one, other) != "", change


def answers(session: Session) -> tuple[int, int]:
    """Return how many answers a dump expects, and how many of them are given now."""
    has_own = session.execute("select to_regclass('answers_of') is not null").fetchone() == (True,)
    row = session.execute(ANSWERS.format(rows="answers_of" if has_own else "rows").encode()).fetchone()
    assert row
    return row[0], row[1]


def alike(found: Any, expected: Any) -> bool:
    """Whether JSON says at least what is expected; numbers may differ by what sums of another order give."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and alike(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, rel=1e-9, abs=1e-12))
    return bool(found == expected)


@pytest.mark.parametrize("version", OLD)
def test_models_of_the_old_version_predict_the_same(restored: Restored, version: str) -> None:
    session = restored(version)
    count = ANSWERS_OF[version]
    assert answers(session) == (count, count)
    session.execute("alter extension motadata_ml update")
    assert answers(session) == (count, count)


def test_what_else_0_1_0_left_is_there_and_goes_on(restored: Restored) -> None:
    session = restored("0.1.0")
    session.execute("alter extension motadata_ml update")
    trials = session.execute("select count(*) from ml.trials").fetchone()
    options = session.execute("select value from ml.options where name = 'threads'").fetchone()
    assert (trials, options) == ((2,), ("1",))
    row = session.execute(
        "select model_version from ml.train('linear', 'regression', "
        "'select load, visits, colour, member, seen, price from rows', 'price', algorithm => 'ridge')"
    ).fetchone()
    assert row == ("1.1.0",)
    assert session.execute("select ml.rollback('forest', tenant_id => 'acme')").fetchone() == ("1.0.0",)


LEFT = {
    "select count(*) from ml.model_version": 19,
    "select array_agg(distinct kind order by kind) from ml.artifact": [
        *("grouped", "linear", "onnx", "plan", "profile", "skops")
    ],
    "select array_agg(value order by name) from ml.options where name in ('threads', 'chunk_rows')": ["50000", "1"],
    "select count(*) from ml.trials": 2,
    "select array_agg(deployed_version::text) from ml.models where model_id = 'forest'": ["1.1.0"],
    "select max_models from ml.tenant_sizes where tenant_id = 'acme'": 50,
    "select array_agg(name || ' ' || (revoked_at is null)::text order by id) from ml.api_key": [
        *("shop window true", "till false")
    ],
    "select metrics || params from ml.experiment_runs": {"rmse": 0.5, "alpha": 0.5},
    "select array_agg(outcome order by finished_at) from ml.schedule_history": ["skipped", "kept"],
    "select array_agg(model_id || ' ' || role) from ml.schedules": ["nightly old_user"],
    "select array_agg(tenant_id || ' ' || role || ' ' || admin order by tenant_id, role::text) from ml.tenant_role": [
        *("acme old_admin true", "acme old_user false", "default old_admin true")
    ],
}


def test_what_else_0_2_0_left_is_there_and_goes_on(restored: Restored) -> None:
    session = restored("0.2.0")
    session.execute("alter extension motadata_ml update")
    for query, expected in LEFT.items():
        assert session.execute(query.encode()).fetchone() == (expected,), query
    for call, expected in session.execute("select call, answer from expected_calls").fetchall():
        row = session.execute(f"select to_jsonb({call})".encode()).fetchone()
        assert row
        assert alike(row[0], expected), f"{call} answers {row[0]}, and before {expected}"
    session.execute("select ml.refresh_usage()")
    session.execute("set role old_user")
    assert session.execute("select ml.run_schedule('nightly')").fetchone() == ("kept",)
    train = "ml.train('forest', 'classification', 'select load, visits, grade from rows', 'grade')"
    assert session.execute(f"select model_version from {train}".encode()).fetchone() == ("2.1.0",)
    assert session.execute("select ml.rollback('forest')").fetchone() == ("1.1.0",)
    session.execute("reset role")


ON_TABLES = """
select c.relname, a.grantee::regrole::text from pg_class c, aclexplode(c.relacl) a
where c.relnamespace = 'ml'::regnamespace and c.relkind in ('r', 'S') and a.grantee <> c.relowner
"""


@pytest.mark.parametrize("version", OLD)
def test_roles_get_the_new_rights_and_doctor_says_when(restored: Restored, version: str) -> None:
    session = restored(version)
    roles = 1 if version == "0.1.0" else 2
    session.execute("alter extension motadata_ml update")

    def check() -> tuple[bool, str | None]:
        row = session.execute("select ok, remedy from ml.doctor() where check_name = 'rights'").fetchone()
        assert row
        return row[0], row[1]

    assert check() == (False, "select ml.refresh_usage()")
    assert session.execute(ON_TABLES).fetchall() == []
    assert session.execute("select ml.refresh_usage()").fetchone() == (roles,)
    assert check() == (True, None)
    session.execute("set role old_user")
    listed = session.execute("select distinct tenant_id from ml.list_models('acme')").fetchall()
    assert listed == [("acme",)]
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


@pytest.mark.parametrize("version", OLD)
def test_views_over_predictions_outlive_the_update(restored: Restored, version: str) -> None:
    session = restored(version)
    rest = ["", ", 'id'", ", 'id', null, null"]
    for number, arguments in enumerate(f"'linear', 'rows'{more}" for more in rest):
        query = f"select id, prediction, value from ml.predict_batch({arguments})"
        session.execute(f"create view predicted_{number} as {query}".encode())
    before = [session.execute(f"select * from predicted_{number}".encode()).fetchall() for number in range(3)]
    session.execute("alter extension motadata_ml update")
    assert [session.execute(f"select * from predicted_{number}".encode()).fetchall() for number in range(3)] == before
    called = "select id, prediction, value from ml.predict_batch('linear', 'rows', 'id', null, null)"
    assert session.execute(called.encode()).fetchall() == before[2]
