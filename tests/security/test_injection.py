"""SQL in every text argument and in every identifier, on the server and through the client."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system
from motadata_ml.errors import MLError
from tests.security.conftest import Actors, Session

PAYLOADS = (
    "x'; create table blue_own.pwned (); --",
    'x"; create table blue_own.pwned (); --',
    "x$$; create table blue_own.pwned (); --",
    "x) as input; create table blue_own.pwned (); select * from (select 1",
    "x\\'; create table blue_own.pwned (); --",
    "'||(create table blue_own.pwned ())||'",
    "%s %(x)s {0} {x} %I %L $1 :x",
    "x\n); create table blue_own.pwned (); --",
    "\u02bc; create table blue_own.pwned (); --",
)

GOOD = {
    "model_id": "'m'",
    "input": '\'{"x": 60, "w": 0}\'',
    "input_data": "'select 60 as x, 0 as w, ''open'' as y'",
    "function_name": "'blue_own.f'",
    "target_table": "'blue_own.t'",
    "training_data": "'select i as x, i as y from generate_series(1, 30) as i'",
    "model_type": "'regression'",
    "target": "'y'",
    "cron": "'* * * * *'",
    "role_name": "current_user",
    "cursor_name": "'c'",
    "query": "'select 1'",
    "row_count": "1",
    "name": "'threads'",
    "value": "'1'",
}

NAMES = (
    'a"b',
    "a'b",
    "a;b",
    "a--b",
    "a b",
    "select",
    "A",
    "é\U0001f600",
    'x"); drop table blue_own.kept; --',
    "%s",
    "{0}",
    "$1",
)  # fmt: skip
CATEGORIES = (
    "it's",
    'a "b"',
    "$$",
    "\\",
    "--",
    "'; drop table blue_own.kept; --",
    "{x}",
    "%s",
    "\U0001f600",
    " ",
    "null",
)


@pytest.fixture
def functions(own_actors: Actors) -> list[tuple[str, list[str], list[str]]]:
    """Return each function that a user may call, with its arguments' names and types."""
    rows = own_actors.blue.execute(
        "select proname, coalesce(proargnames[1:pronargs], '{}'), array(select format_type(t, null) from "
        "unnest(proargtypes) with ordinality as a (t, n) order by n) "
        "from pg_proc "
        "where pronamespace = 'ml'::regnamespace and has_function_privilege(oid, 'execute') "
        "and proname not like '\\_as%'"
    )
    return rows.fetchall()


def unharmed(db: Session) -> None:
    """Assert that no payload was run."""
    made = db.execute("select relname from pg_class where relname = 'pwned'").fetchall()
    assert made == []


def test_sql_in_a_text_argument_stays_text(own_actors: Actors, functions: list[Any]) -> None:
    blue = own_actors.blue
    calls = 0
    for name, arguments, types in functions:
        for place, (argument, kind) in enumerate(zip(arguments, types, strict=False)):
            if kind not in ("text", "name", "text[]"):
                continue
            for payload in PAYLOADS:
                given = [GOOD.get(other, "null") + f"::{of}" for other, of in zip(arguments, types, strict=True)]
                given[place] = f"array[%s]::{kind}" if kind == "text[]" else f"%s::{kind}"
                columns = " as t (c integer)" if name == "_fetch" else ""
                statement = f"select * from ml.{name}({', '.join(given)}){columns}"
                try:
                    with blue.transaction(force_rollback=True):
                        blue.execute(statement.encode(), [payload])
                except psycopg.Error as error:
                    parsed = error.sqlstate == "42601" and name not in ("_open_cursor", "_fetch")
                    if parsed or error.sqlstate in (None, "ML000", "XX000", "38000"):
                        pytest.fail(f"{name}, {argument} = {payload!r}: {error}")
                calls += 1
                unharmed(blue)
    assert calls > 500
    unharmed(own_actors.superuser)


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as x; create table blue_own.pwned ()",
        "create table blue_own.pwned ()",
        "select 1 as x) as input; create table blue_own.pwned (); select * from (select 1",
        "select 1 as x /*",
        "select 1 as x into blue_own.pwned",
        "with w as (insert into blue_own.kept values (1) returning 1 as x) select * from w",
        "insert into blue_own.kept values (1) returning 1 as x",
        "explain analyze insert into blue_own.kept values (1)",
        "do $$ begin create table blue_own.pwned (); end $$",
        "call blue_own.p()",
        "prepare p as select 1",
        "begin",
        "commit",
        "rollback",
        "copy blue_own.kept to stdout",
        "set role none",
        "set ml.tenant_id = 'rouge'",
        "execute p",
        "declare c cursor for select 1",
        "vacuum",
        "",
        ";",
        "-- nothing",
        "$$",
    ],
)
def test_an_input_is_one_select_and_nothing_else(own_actors: Actors, query: str) -> None:
    blue = own_actors.blue
    blue.execute("create table blue_own.kept (i integer)")
    for call in ("ml.train('i', 'regression', %s, 'x')", "ml.predict_batch('m', %s)", "ml.evaluate('m', %s)",
                 "ml.drift('m', %s)", "ml.predict_into('m', %s, 'blue_own.t')",
                 "ml.forecast(%s, 'x', 'y')", "ml.decompose(%s, 'x', 'y', array['z'])"):  # fmt: skip
        with pytest.raises(psycopg.Error) as caught:
            blue.execute(f"select {call}".encode(), [query])
        # a single word is a name; a procedure that is not there is found out while parsing
        assert caught.value.sqlstate in ("ML002", "ML004", "ML009", "42501", "42883"), caught.value
        unharmed(blue)
    assert blue.execute("select count(*) from blue_own.kept").fetchone() == (0,)
    assert blue.execute("select ml.current_tenant()").fetchone() == ("blue",)


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_names_and_categories_of_any_spelling_come_out_as_they_went_in(own_actors: Actors) -> None:
    blue = own_actors.blue
    target = 'the "y"'
    columns = [identifier(name) for name in NAMES]
    table, function, written = (f"blue_own.{identifier(name)}" for name in ("od\"d; t'able", "f'\"; x", "o'\"; ut"))
    blue.execute("create table blue_own.kept (i integer)")
    listed = ", ".join(f"{column} text" for column in [*columns, identifier(target)])
    blue.execute(f"create table {table} ({listed})".encode())
    marks = ", ".join(["%s"] * (len(NAMES) + 1))
    cycle = list(itertools.islice(itertools.cycle(CATEGORIES), 140))
    with blue.cursor() as cursor:
        cursor.executemany(
            f"insert into {table} values ({marks})".encode(),
            [[*cycle[row : row + len(NAMES)], cycle[row]] for row in range(120)],
        )
    train = "select ml.train('odd', 'classification', %s, %s, algorithm => 'decision_tree')"
    blue.execute(train.encode(), [table, target])
    found = blue.execute("select prediction from ml.predict_batch('odd', %s)", [table]).fetchall()
    assert {row[0] for row in found} == set(CATEGORIES)
    assert blue.execute("select ml.predict_into('odd', %s, %s)", [table, written]).fetchone() == (120,)
    info = blue.execute("select ml.get_model_info('odd')").fetchone()
    assert info
    assert set(info[0]["classes"]) == set(CATEGORIES)
    assert {feature["name"] for feature in info[0]["features"]} == set(NAMES)
    blue.execute("select ml.create_sql_function('odd', %s)", [function])
    passed = ", ".join("t." + identifier(feature["name"]) for feature in info[0]["features"])
    agreed = blue.execute(
        f"select count(*) from {table} as t where {function}({passed}) = ml.predict_label('odd', to_jsonb(t))".encode()
    )
    assert agreed.fetchone() == (120,)
    blue.execute("select ml.to_sql('odd', dialect => 'duckdb')")
    blue.execute("select ml.evaluate('odd', %s), ml.drift('odd', %s)", [table, table])
    assert blue.execute("select count(*) from blue_own.kept").fetchone() == (0,)
    unharmed(own_actors.superuser)


@pytest.fixture
def client(own_actors: Actors) -> Iterator[MLSystem]:
    """Return the client as blue."""
    info = own_actors.blue.info
    with DatabaseConnection(DatabaseConfig(info.host, info.port, info.dbname, info.user)) as db:
        yield create_ml_system(db)


def test_sql_through_the_client_stays_text(own_actors: Actors, client: MLSystem) -> None:
    calls = 0
    for payload in PAYLOADS:
        for call in (
            lambda: client.predict(payload, {"x": 60, "w": 0}),  # noqa: B023 - called at once
            lambda: client.predict("m", {payload: 1}),  # noqa: B023
            lambda: client.predict("m", {"x": payload, "w": 0}),  # noqa: B023
            lambda: client.train_model(payload, "regression", "nowhere", target="y"),  # noqa: B023
            lambda: client.train_model("c", "regression", payload, target="y"),  # noqa: B023
            lambda: client.train_model("c", payload, "nowhere", target="y"),  # noqa: B023
            lambda: client.train_model("c", "regression", "select 1 as x, 2 as y", target=payload),  # noqa: B023
        ):
            with pytest.raises((MLError, ValueError)):
                call()
            calls += 1
    assert calls == 7 * len(PAYLOADS)
    unharmed(own_actors.superuser)
