"""pg_dump and pg_restore, as superuser: each format, the whole database, the schema alone, one schema."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.operations.backup import estate
from tests.operations.backup.conftest import SOURCE, Estate

EXTENSION = "create extension motadata_ml cascade"


def test_plain(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "-f", tmp_path / "dump.sql")
    cluster.make_database("plain")
    cluster.program("psql", "plain", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql")
    with cluster.connect("plain") as session:
        source.check(session)


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_archive(source: Estate, tmp_path: Path, form: str) -> None:
    cluster = source.cluster
    parallel = ["-j", "3"] if form == "directory" else []
    cluster.program("pg_dump", SOURCE, "-F", form, *parallel, "-f", tmp_path / "dump")
    cluster.make_database(form)
    cluster.program("pg_restore", form, "--exit-on-error", tmp_path / "dump")
    with cluster.connect(form) as session:
        source.check(session)


def test_one_transaction(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "-F", "custom", "-f", tmp_path / "dump")
    cluster.make_database("at_once")
    cluster.program("pg_restore", "at_once", "--single-transaction", tmp_path / "dump")
    with cluster.connect("at_once") as session:
        source.check(session)


def test_schema_only(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "--schema-only", "-f", tmp_path / "dump.sql")
    cluster.make_database("empty")
    cluster.program("psql", "empty", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql")
    with cluster.connect("empty") as session:
        assert session.execute("select count(*) from rows").fetchone() == (0,)
        assert session.execute("select count(*) from ml.models").fetchone() == (0,)
        for role in estate.ROLES:
            assert estate.rights(session, role) == source.contents[f"rights of {role}"]
        session.execute(
            "select ml.train('m', 'regression', 'select i as x, i as y from generate_series(1, 50) i', 'y')"
        )


def test_models_without_their_rows(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "-e", "*", "-n", "ml", "-f", tmp_path / "dump.sql")
    cluster.make_database("models")
    cluster.program("psql", "models", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql")
    with cluster.connect("models") as session:
        assert session.execute("select to_regclass('public.rows')").fetchone() == (None,)
        session.execute(estate.ROWS.encode())
        session.execute('grant select on rows to alice, "Bob B"')
        source.check(session)


def test_models_into_a_database_that_has_the_extension(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "--data-only", "-n", "ml", "-f", tmp_path / "dump.sql")
    cluster.make_database("extended", EXTENSION, estate.ROWS, 'grant select on rows to alice, "Bob B"')
    cluster.program("psql", "extended", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql")
    with cluster.connect("extended") as session:
        assert session.execute("select ml.refresh_usage()").fetchone() == (2,)
        source.check(session)


def test_another_schema_leaves_the_models_behind(source: Estate, tmp_path: Path) -> None:
    cluster = source.cluster
    cluster.program("pg_dump", SOURCE, "-n", "public", "-f", tmp_path / "dump.sql")
    cluster.make_database("public_only", "drop schema public")
    cluster.program("psql", "public_only", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql")
    with cluster.connect("public_only") as session:
        assert session.execute("select count(*) from rows").fetchone() == (240,)
        with pytest.raises(psycopg.errors.InvalidSchemaName):
            session.execute("select ml.list_models()")
