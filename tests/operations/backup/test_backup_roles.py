"""Backups by roles that are no superusers, as far as PostgreSQL allows it."""

from __future__ import annotations

from pathlib import Path

from tests.operations.backup import estate
from tests.operations.backup.conftest import SOURCE, Estate

EXTENSION = "create extension motadata_ml cascade"


def test_a_role_that_reads_all_data_dumps_everything(source: Estate, keeper: str, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "-F", "custom", "-f", tmp_path / "dump", user=keeper)
    cluster.make_database("kept")
    cluster.program("pg_restore", "kept", "--exit-on-error", tmp_path / "dump")
    with cluster.connect("kept") as session:
        source.check(session)


def test_a_role_that_writes_all_data_brings_the_models_back(source: Estate, keeper: str, restorer: str) -> None:
    cluster, dump = source.cluster, source.cluster.data.parent / "models"
    cluster.program("pg_dump", SOURCE, "-F", "custom", "-n", "ml", "-f", dump, user=keeper)
    cluster.make_database("restored", EXTENSION, estate.ROWS, 'grant select on rows to alice, "Bob B"')
    cluster.program("pg_restore", "restored", "--exit-on-error", "--data-only", dump, user=restorer)
    with cluster.connect("restored") as session:
        session.execute("select ml.refresh_usage()")
        source.check(session)


def test_a_user_dumps_what_is_his_and_no_models(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    name = cluster.make_database("shared", EXTENSION, "grant create on schema public to alice")
    with cluster.connect(name) as session:
        session.execute("select ml.grant_usage('alice')")
        session.execute("set role alice")
        session.execute("create table mine as select i as x, 2 * i as y from generate_series(1, 50) i")
        session.execute("select ml.train('m', 'regression', 'mine', 'y')")
    refused = cluster.program("pg_dump", name, "-f", tmp_path / "all.sql", user="alice", ok=False)
    assert refused.returncode != 0
    assert "permission denied for" in refused.stderr
    cluster.program("pg_dump", name, "-n", "public", "-f", tmp_path / "mine.sql", user="alice")
    text = (tmp_path / "mine.sql").read_text()
    assert "COPY public.mine" in text
    assert "ml." not in text


def test_roles_that_are_missing_are_made_before_the_restore(source: Estate, tmp_path: Path) -> None:
    """A grant is stored by the role's name: pg_restore says which role it needs, and loads once it is there."""
    cluster = source.cluster
    with cluster.connect("postgres") as session:
        session.execute("create role visitor login")
    name = cluster.make_database("visited", EXTENSION, "select ml.grant_usage('visitor', 'v')")
    cluster.program("pg_dump", name, "-F", "custom", "-f", tmp_path / "dump")
    with cluster.connect(name) as session:
        session.execute("drop owned by visitor")
    with cluster.connect("postgres") as session:
        session.execute("drop role visitor")
    cluster.make_database("revisited")
    done = cluster.program("pg_restore", "revisited", "--exit-on-error", tmp_path / "dump", ok=False)
    assert 'role "visitor" does not exist' in done.stderr
    with cluster.connect("postgres") as session:
        session.execute("create role visitor login")
    cluster.make_database("revisited_again")
    cluster.program("pg_restore", "revisited_again", "--exit-on-error", tmp_path / "dump")
    with cluster.connect("revisited_again") as session:
        row = session.execute("select role::text from ml.tenant_role where tenant_id = 'v'").fetchone()
        assert row == ("visitor",)
        session.execute("drop owned by visitor")
    with cluster.connect("postgres") as session:
        session.execute("drop role visitor")
