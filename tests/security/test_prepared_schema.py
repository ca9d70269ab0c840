"""Somebody else prepares schema ml, or puts objects into it, and waits for a superuser to install or upgrade."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

import motadata_ml
from tests.conftest import conninfo
from tests.security.conftest import Session, refusal

OLD = "0.2.0"
"""The last release whose scripts took what they found in the schema."""

_numbers = itertools.count(1)


@pytest.fixture
def empty(server: PostgreSQLExecutor) -> Iterator[Session]:
    """Return a superuser's session in a database without the extension."""
    name = f"prepared_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(conninfo(server, "postgres"), autocommit=True) as administrator:
        administrator.execute(f"create database {name} template template0".encode())
        with psycopg.connect(conninfo(server, name), autocommit=True) as session:
            session.execute("create extension plpython3u")
            yield session
        administrator.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def mallory(
    server: PostgreSQLExecutor, empty: Session, role_factory: Callable[..., str]
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Return the session of a plain role that may create schemas in that database."""
    role = role_factory("mallory")
    empty.execute(f'grant create on database {empty.info.dbname} to "{role}"'.encode())
    with psycopg.connect(conninfo(server, empty.info.dbname, role), autocommit=True) as session:
        yield session
    empty.execute(f'alter role "{role}" nosuperuser'.encode())
    empty.execute(f'drop owned by "{role}" cascade'.encode())


HARM = """
create function ml.harm() returns void language plpgsql as
$$ begin if (select rolsuper from pg_roles where rolname = current_user) then
    execute format('alter role %I superuser', '{mallory}'); end if; end $$;
"""

STAND_INS = {
    "aggregate": """
        create function ml.jsonb_object_agg(text, jsonb) returns jsonb language plpgsql as
        $$ begin perform ml.harm(); return '{{}}'; end $$""",
    "operator": """
        create function ml.same(oid, regnamespace) returns boolean language plpgsql as
        $$ begin perform ml.harm(); return true; end $$;
        create operator ml.= (function = ml.same, leftarg = oid, rightarg = regnamespace)""",
    "function": """
        create function ml.format(text, regprocedure, text) returns text language plpgsql as
        $$ begin perform ml.harm(); return ''; end $$""",
}
"""What a statement of the old scripts prefers to PostgreSQL's own, since its arguments fit better."""


def prepare(mallory: Session, kind: str) -> None:
    mallory.execute("create schema ml")
    mallory.execute((HARM + STAND_INS[kind]).format(mallory=mallory.info.user).encode())
    mallory.execute("grant usage on schema ml to public")


def is_superuser(session: Session, role: str) -> bool:
    row = session.execute("select rolsuper from pg_roles where rolname = %s", [role]).fetchone()
    assert row
    return bool(row[0])


def read_runs(session: Session) -> None:
    """Log a run and read it, as a superuser who looks at a tenant's experiments."""
    session.execute("insert into ml.experiment_run (tenant_id, experiment) values ('default', 'e')")
    session.execute(
        "insert into ml.experiment_param (run_id, tenant_id, name, value) "
        "select id, tenant_id, 'alpha', '1' from ml.experiment_run"
    )
    session.execute("select * from ml.experiment_runs").fetchall()


@pytest.mark.no_attack
@pytest.mark.parametrize("kind", STAND_INS)
def test_the_old_scripts_made_a_superuser_of_who_prepared_the_schema(
    empty: Session, mallory: Session, kind: str
) -> None:
    """The attacks of the tests below are real."""
    prepare(mallory, kind)
    empty.execute(f"create extension motadata_ml version '{OLD}'".encode())
    read_runs(empty)
    assert is_superuser(empty, mallory.info.user)


@pytest.mark.parametrize("kind", STAND_INS)
def test_a_prepared_schema_is_refused(empty: Session, mallory: Session, kind: str) -> None:
    prepare(mallory, kind)
    error = refusal(empty, "create extension motadata_ml")
    assert error.sqlstate == "42501"
    assert mallory.info.user in str(error.diag.message_primary)
    assert "alter schema ml owner to" in str(error.diag.message_hint)
    assert not is_superuser(empty, mallory.info.user)
    empty.execute(f"alter schema ml owner to {empty.info.user}".encode())
    error = refusal(empty, "create extension motadata_ml")
    assert error.sqlstate == "55000"
    assert "ml.harm()" in str(error.diag.message_primary)
    assert "drop them" in str(error.diag.message_hint)
    assert not is_superuser(empty, mallory.info.user)
    assert empty.execute("select count(*) from pg_extension where extname = 'motadata_ml'").fetchone() == (0,)


@pytest.mark.parametrize("kind", STAND_INS)
def test_an_upgrade_in_a_prepared_schema_is_refused(empty: Session, mallory: Session, kind: str) -> None:
    """An old version that nobody has used yet lies in a schema of somebody's."""
    mallory.execute("create schema ml")
    empty.execute(f"create extension motadata_ml version '{OLD}'".encode())
    mallory.execute((HARM + STAND_INS[kind]).format(mallory=mallory.info.user).encode())
    assert refusal(empty, "alter extension motadata_ml update").sqlstate == "42501"
    empty.execute(f"alter schema ml owner to {empty.info.user}".encode())
    assert refusal(empty, "alter extension motadata_ml update").sqlstate == "55000"
    assert empty.execute("select extversion from pg_extension where extname = 'motadata_ml'").fetchone() == (OLD,)
    assert not is_superuser(empty, mallory.info.user)
    empty.execute(f'drop owned by "{mallory.info.user}" cascade'.encode())
    empty.execute("alter extension motadata_ml update")
    read_runs(empty)
    assert not is_superuser(empty, mallory.info.user)


OBJECTS = [
    ("create table ml.t (a integer)", "table ml.t"),
    ("create view ml.v as select 1 as a", "view ml.v"),
    ("create sequence ml.s", "sequence ml.s"),
    ("create type ml.e as enum ('a')", "type ml.e"),
    ("create type ml.c as (a integer)", "type ml.c"),
    ("create domain ml.text as pg_catalog.text", "type ml.text"),
    ("create aggregate ml.count(text) (sfunc = textcat, stype = text)", "aggregate ml.count(pg_catalog.text)"),
    ("create operator ml.@@@ (function = texteq, leftarg = text, rightarg = text)", "operator ml.@@@(pg_catalog.text,"),
    ("create operator family ml.f using btree", "operator family ml.f USING btree"),
    ("""create collation ml.c from "C\"""", "collation ml.c"),
    ("create text search configuration ml.english (copy = pg_catalog.english)", "text search configuration ml.english"),
    ("create conversion ml.c for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", "conversion ml.c"),
]


@pytest.mark.parametrize(("statement", "named"), OBJECTS)
def test_whatever_somebody_put_into_the_schema_is_named(empty: Session, statement: str, named: str) -> None:
    empty.execute("create schema ml")
    empty.execute(statement.encode())
    error = refusal(empty, "create extension motadata_ml")
    assert error.sqlstate == "55000"
    assert f"not of extension motadata_ml: {named}" in str(error.diag.message_primary)


def test_an_object_of_another_extension_is_foreign(empty: Session) -> None:
    empty.execute("create schema ml")
    empty.execute("alter extension plpython3u add schema ml")
    empty.execute("create function ml.f() returns integer language sql as 'select 1'")
    empty.execute("alter extension plpython3u add function ml.f()")
    assert "ml.f()" in str(refusal(empty, "create extension motadata_ml").diag.message_primary)


@pytest.mark.no_attack
def test_a_schema_of_a_superusers_with_nothing_in_it_is_accepted(
    empty: Session, role_factory: Callable[..., str]
) -> None:
    other = role_factory("administrator", superuser=True)
    empty.execute(f'create schema ml authorization "{other}"'.encode())
    empty.execute("create extension motadata_ml")
    read_runs(empty)
    empty.execute("drop extension motadata_ml cascade")
    empty.execute("drop schema if exists ml")


@pytest.mark.no_attack
def test_indexes_and_statistics_of_the_administrators_are_no_hindrance(empty: Session) -> None:
    empty.execute(f"create extension motadata_ml version '{OLD}'".encode())
    empty.execute("create index own on ml.model_version (trained_at)")
    empty.execute("create statistics ml.own on tenant_id, model_type from ml.model_version")
    empty.execute("alter default privileges in schema ml grant select on tables to postgres")
    empty.execute("alter extension motadata_ml update")
    assert empty.execute("select extversion from pg_extension where extname = 'motadata_ml'").fetchone() == (
        motadata_ml.__version__,
    )
