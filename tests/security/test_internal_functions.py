"""Internal functions called directly, with every shape of argument."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest

from tests.security.conftest import Actors, refusal, state

VALUES: dict[str, list[Any]] = {
    "text": [None, "", "m", "x'; drop table ml.model; --", "\U0001f600" * 50, "a" * 100_000],
    "bytea": [None, b"", b"\x00", b"\xff" * 7, b"\x80\x04\x95" + b"x" * 100],
    "oid": [None, 0, 701, 23, 4294967295],
    "integer": [None, 0, -1, 2147483647],
    "boolean": [None, False, True],
    "bigint": [None, 0, -1, 9223372036854775807],
    "jsonb": [None, "{}", "[]", "1", '{"a": 1}', '{"a": {"b": [null, "x"]}}', '{"": "' + "x" * 1000 + '"}'],
    "double precision": [None, 0.5, 1e300, float("nan"), float("-inf")],
    "double precision[]": [None, [], [1.0, None], [float("nan")]],
    "integer[]": [None, [], [1, None]],
    "text[]": [None, [], [None], ["[1, 2]", "{", "null", ""], ["[" * 900 + "]" * 900], ['{"x": 1, "w": NaN}'] * 3],
}


def internals(actors: Actors) -> list[tuple[str, list[str]]]:
    rows = actors.superuser.execute(
        "select proname, coalesce((select array_agg(format_type(t, null)) from unnest(proargtypes) as t), '{}') "
        "from pg_proc where pronamespace = 'ml'::regnamespace and proname like '\\_%' order by 1"
    ).fetchall()
    return [(name, types) for name, types in rows]


def test_every_internal_function_with_every_shape_of_argument_does_no_harm(actors: Actors) -> None:
    functions = internals(actors)
    assert len(functions) >= 15
    before = state(actors.superuser)
    calls = 0
    for name, types in functions:
        for values in itertools.islice(itertools.product(*(VALUES[kind] for kind in types)), 300):
            marks = ", ".join(f"%s::{kind}" for kind in types)
            try:
                with actors.blue.transaction():
                    if name == "_fetch":
                        statement = f"select * from ml.{name}({marks}) as t (c text)"
                    else:
                        statement = f"select (ml.{name}({marks}))::text"  # psycopg has no infinite moment
                    assert "rouge" not in str(actors.blue.execute(statement.encode(), values).fetchall()), name
            except psycopg.Error as error:
                if error.sqlstate in (None, "XX000", "ML000", "38000"):
                    pytest.fail(f"{name}{values!r:.200}: {error}")
            calls += 1
    assert calls > 300
    assert actors.blue.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",)
    assert state(actors.superuser) == before


@pytest.mark.parametrize("function", ["_run_read", "_run_write"])
def test_the_owner_helpers_find_nothing_to_run(actors: Actors, function: str) -> None:
    for session in (actors.blue, actors.chief, actors.superuser):
        assert refusal(session, f"select ml.{function}()").sqlstate == "42501"


@pytest.mark.parametrize("function", ["_as_float8_array(bytea)", "_as_int4_array(bytea)"])
def test_memory_images_stay_with_the_owner(actors: Actors, function: str) -> None:
    name = function.partition("(")[0]
    for session in (actors.blue, actors.chief, actors.nobody):
        assert refusal(session, f"select ml.{name}('\\xffffffffffffffff'::bytea)").sqlstate == "42501"


def test_an_operation_is_pending_only_while_its_caller_waits(actors: Actors) -> None:
    """A function of the caller that runs in the middle of a training finds nothing pending."""
    actors.blue.execute(
        "create function blue_own.probe(x int) returns int language plpgsql as $$ begin perform ml._run_write(); "
        "return x; exception when insufficient_privilege then return x; end $$"
    )
    actors.blue.execute(
        "select ml.train('probed', 'regression', 'select blue_own.probe(i) as x, i * 2 as y "
        "from generate_series(1, 50) i', 'y', algorithm => 'linear')"
    )
    assert actors.blue.execute("select count(*) from ml.models where model_id = 'probed'").fetchone() == (1,)


def test_functions_of_the_owner_run_no_code_of_the_caller(actors: Actors) -> None:
    """Definer functions pin their path, and no caller's object is reached from them."""
    rows = actors.superuser.execute(
        "select proname, proconfig from pg_proc where pronamespace = 'ml'::regnamespace and prosecdef"
    ).fetchall()
    assert rows
    assert all(config == ["search_path=pg_catalog, pg_temp"] for _, config in rows)
