"""Every function that there is, found in the catalogue: with another's tenant, with long texts, by an application.

What is added later is attacked like the rest: an argument whose name is not known here gets a value of its type.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.conftest import conninfo
from tests.security.conftest import Actors, Session, state
from tests.security.test_bounds import ended

MB = 1024 * 1024
TEXT = 4 * MB

VALUES = {
    "model_id": "'only rouge'",
    "model_type": "'regression'",
    "training_data": "'select i as x, i as y from generate_series(1, 20) as i'",
    "input_data": "'select 60 as x, 0 as w, ''open'' as y'",
    "target": "'y'",
    "data": "'\\x00'",
    "algorithm": "'linear'",
    "version": "'1.0.0'",
    "cron": "'0 3 * * *'",
    "name": "'n'",
    "experiment": "'e'",
    "function_name": "'blue_own.taken'",
    "target_table": "'blue_own.taken'",
    "role_name": "current_user",
    "output": "'label'",
    "dialect": "'postgres'",
    "mode": "'append'",
    "scope": "'predict'",
    "access": "'predict'",
    "key_id": "1",
}
BY_TYPE = {
    "text": "'a'",
    "character varying": "null",
    "name": "current_user",
    "jsonb": '\'{"x": 60, "w": 0}\'',
    "double precision[]": "array[60, 0]",
    "text[]": 'array[\'{"x": 60, "w": 0}\']',
    "bigint": "1",
    "integer": "1000",
    "boolean": "false",
}
SHAPES = {
    "quotes": f"repeat('\"', {TEXT})",
    "words and JSON": f"'{{\"a\": [' || repeat('a.b [1],', {TEXT // 8}) || '1]}}'",
}
"""Texts of 4 MB."""

FUNCTIONS = """
select p.oid::regprocedure::text as signature, p.proname::text as name,
    coalesce(p.proargnames[1 : p.pronargs], array_fill(''::text, array[p.pronargs::int])) as arguments,
    array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as u (t, n) order by n) as types,
    p.pronargs - p.pronargdefaults as needed,
    has_function_privilege(%(train)s, p.oid, 'execute') as train,
    has_function_privilege(%(predict)s, p.oid, 'execute') as predict
from pg_proc p where p.pronamespace = 'ml'::regnamespace and p.prokind = 'f' order by 1
"""


@dataclass(frozen=True)
class Function:
    """A function of schema ml, its arguments, and who may call it."""

    signature: str
    name: str
    arguments: list[str]
    types: list[str]
    needed: int
    train: bool
    predict: bool

    def call(self, **given: str) -> str:
        """Return a call with some arguments given, and a value for each other that it needs."""
        parts = []
        for number, (argument, kind) in enumerate(zip(self.arguments, self.types, strict=True)):
            if argument in given or number < self.needed:
                value = given.get(argument, VALUES.get(argument, BY_TYPE.get(kind, "null")))
                parts.append(f"{argument} => ({value})::{kind}" if argument else f"({value})::{kind}")
        columns = " as t (a text)" if self.name == "_fetch" else ""
        return f"select count(*) from ml.{self.name}({', '.join(parts)}){columns}"


@pytest.fixture(scope="module")
def app(
    server: PostgreSQLExecutor, _shared_actors: Actors, module_role_factory: Callable[..., str]
) -> Iterator[Session]:
    """Connect as an application that may predict for blue."""
    role = module_role_factory("app")
    _shared_actors.superuser.execute("select ml.grant_usage(%s, 'blue', access => 'predict')", [role])
    with psycopg.connect(conninfo(server, _shared_actors.dbname, role), autocommit=True) as session:
        session.execute("set client_min_messages = error")
        yield session


@pytest.fixture(scope="module")
def functions(_shared_actors: Actors, app: Session) -> list[Function]:
    roles = {"train": _shared_actors.blue.info.user, "predict": app.info.user}
    found = [Function(*row) for row in _shared_actors.superuser.execute(FUNCTIONS, roles)]
    assert len(found) > 60
    return found


def answer(session: Session, call: str) -> str | None:
    """Run a call and take back what it did; returns the SQLSTATE, None where it succeeded."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(call.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("who", ["blue", "app", "bypasses"])
def test_no_function_acts_for_a_tenant_that_is_another_ones(
    actors: Actors, app: Session, functions: list[Function], who: str
) -> None:
    """Named in the call and in the setting, by a user, by an application, by a role that row security does not hold."""
    session = app if who == "app" else actors.blue
    bypass = f'alter role "{actors.blue.info.user}" %s'
    before = state(actors.superuser)
    if who == "bypasses":
        actors.superuser.execute((bypass % "bypassrls").encode())
    try:
        attacked = [one for one in functions if set(one.arguments) & {"tenant_id", "tenant"}]
        assert len(attacked) > 45
        for function in attacked:
            (argument,) = set(function.arguments) & {"tenant_id", "tenant"}
            call = function.call(**{argument: "'rouge'"})
            found = answer(session, call)
            refused = ("ML012", "42501") if who == "app" or function.name.startswith(ADMINISTERING) else ("ML012",)
            assert found in refused, (call, found)
    finally:
        actors.superuser.execute((bypass % "nobypassrls").encode())
    assert state(actors.superuser) == before


ADMINISTERING = ("grant_", "revoke_", "set_", "create_api_key")
"""Functions whose refusal says that the caller administers nothing."""


MORE_THAN_PREDICTIONS = (
    *("_algorithms", "_api_keys", "_deployments", "_experiment_metrics", "_experiment_runs", "_model_versions"),
    *("_options", "_schedule_history", "_schedules", "_stat_models", "_tenant_roles", "_tenant_sizes", "_trials"),
    *("_training_progress", "_start_run", "_end_run", "_log_params", "_log_metrics", "_delete_run"),
)


def test_an_application_may_call_what_predictions_need(functions: list[Function]) -> None:
    """Nothing behind a view that it may not read, and nothing that logs."""
    allowed = {one.name for one in functions if one.predict}
    assert allowed.isdisjoint(MORE_THAN_PREDICTIONS)
    assert {one.name for one in functions if one.name.startswith("predict")} <= allowed
    assert not [one for one in functions if one.predict and not one.train]


def test_an_application_learns_nothing_of_keys(actors: Actors, app: Session) -> None:
    actors.chief.execute("select ml.create_api_key('a key of payroll', tenant_id => 'blue')")
    seen = actors.blue.execute("select t::text from ml.api_keys as t").fetchall()
    assert "a key of payroll" in str(seen)
    for function in ("_api_keys", "_models", "_cache_status", "list_models"):
        try:
            rows = app.execute(f"select t::text from ml.{function}() as t".encode()).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            continue
        assert "payroll" not in str(rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_texts_of_megabytes_in_every_argument(actors: Actors, functions: list[Function], shape: str) -> None:
    """None takes long, and none makes a session hold more than some times the text."""
    seen = set()
    for function in functions:
        texts = [
            argument
            for argument, kind in zip(function.arguments, function.types, strict=True)
            if argument and kind in ("text", "name") and (function.name, argument) not in seen
        ]
        if not texts or not function.train:
            continue
        with psycopg.connect(actors.blue.info.dsn, autocommit=True) as session:
            session.execute("set client_min_messages = error")
            session.execute("set ml.tenant_id = 'blue'")
            session.execute("select ml.predict_label('m', array[60, 0])")
            for argument in texts:
                seen.add((function.name, argument))
                started = time.monotonic()
                found, grown = ended(session, function.call(**{"model_id": "'m'", argument: SHAPES[shape]}))
                took = time.monotonic() - started
                assert found not in ("57014", "ML000", "XX000"), (function.name, argument)
                assert grown < 25 * TEXT // MB + 60, (function.name, argument, grown)
                assert took < 5, (function.name, argument, took)
    assert len(seen) > 90
