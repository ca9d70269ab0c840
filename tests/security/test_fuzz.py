"""Random calls of every function a user may call: ordinary errors only, and a session that goes on.

MOTADATA_ML_FUZZ_CALLS sets the calls of each function, MOTADATA_ML_FUZZ_SEED where chance begins.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from motadata_ml_server.errors import BY_SQLSTATE
from tests.security.conftest import Actors, Session, state

CALLS = int(os.environ.get("MOTADATA_ML_FUZZ_CALLS", "1000"))
SEED = int(os.environ.get("MOTADATA_ML_FUZZ_SEED", "1"))
SLOW = {"train": 8, "run_schedule": 8, "doctor": 4}
"""Functions that take seconds where chance gives them good arguments: a part of the calls each."""

ROWS = "select i as x, sin(i) as w, case when i > 20 then 'a' else 'b' end as y from generate_series(1, 40) as i"
TEXTS = (
    *("", " ", "m", "only rouge", "blue", "rouge", "default", "1.0.0", "9.9.9", "null", "NaN", "-1", "1e999", "0x10"),
    *("x", "y", "w", ROWS, "blue_own.rows", "no.such.table", "a.b.c.d", '"', "'", "\\", "--", "/*", "$$", ";", "%s"),
    *("classification", "regression", "clustering", "decision_tree", "linear", "auto", "kmeans", "value", "label"),
    *(
        "duckdb",
        "postgres",
        "time:x",
        "column:x",
        "stratified",
        "* * * * *",
        "\u202e\u0000"[:1],
        "\ufeff",
        "\U0001f600" * 40,
    ),
    *(
        "e\u0301",
        "\u0130\u0131",
        "\uffff",
        "a" * 100_000,
        "\n\r\t\x01\x7f",
        "select",
        "ml.model",
        "pg_temp.t",
        "\uff4d",
    ),
)


LIKELY: dict[str, tuple[Any, ...]] = {
    "model_id": ("m",),
    "tenant_id": (None,),
    "version": (None, "1.0.0"),
    "id_column": (None, "x"),
    "input": ('{"x": 60, "w": 0}', '{"x": null, "w": "1"}', '{"x": 1}', "[60, 0]"),
    "input_data": (ROWS, "select 60 as x, 0 as w, null::text as y", "select 'a' as x, true as w", "select 1 as x"),
    "training_data": (ROWS, ROWS, "select 1 as x, 2 as y", "select null::int as x, 'a' as y"),
    "validation_data": (None, ROWS),
    "model_type": ("classification", "regression", "clustering"),
    "target": ("y", None),
    "features": (None, ["x"], ["x", "x"]),
    "algorithm": (None, "decision_tree", "logistic_regression", "kmeans"),
    "group_by": (None, None, "w"),
    "search": (None, '{"method": "grid", "params": {"max_depth": [1, 2]}}'),
    "target_table": ("blue_own.fuzz", "pg_temp.fuzz"),
    "function_name": ("blue_own.fuzz", "pg_temp.fuzz"),
    "output": (None, "label", "value"),
}
"""What gets a call further: taken for most arguments of those names where it is of the type."""


def text(chance: random.Random) -> str:
    if chance.random() < 0.8:
        return chance.choice(TEXTS)
    return "".join(chr(chance.choice([chance.randrange(1, 256), chance.randrange(256, 0xD800)])) for _ in range(20))


def number(chance: random.Random) -> float:
    return chance.choice(
        [0, 1, -1, 2, 0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), chance.uniform(-100, 100)]
    )


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 4 else 5)
    if kind >= 6:
        keys = ("x", "w", "y", "max_depth", "method", "params", "mode", "threads", "type", "low", "high", text(chance))
        return {chance.choice(keys).replace("\0", ""): value(chance, depth + 1) for _ in range(chance.randrange(5))}
    if kind == 5:
        return [value(chance, depth + 1) for _ in range(chance.randrange(5))]
    return [None, chance.random() < 0.5, chance.randrange(-(10**20), 10**20), chance.uniform(-9, 9), text(chance)][kind]


MAKE: dict[str, Callable[[random.Random], Any]] = {
    "text": text,
    "name": lambda chance: text(chance)[:60],
    "integer": lambda chance: chance.choice([0, 1, -1, 2, 5, 2**31 - 1, -(2**31), chance.randrange(100)]),
    "bigint": lambda chance: chance.choice([0, 1, -1, 2**63 - 1, -(2**63), chance.randrange(100)]),
    "oid": lambda chance: chance.choice([0, 1, 23, 701, 2**32 - 1]),
    "boolean": lambda chance: chance.random() < 0.5,
    "double precision": number,
    "jsonb": lambda chance: json.dumps(value(chance), allow_nan=False),
    "bytea": lambda chance: chance.randbytes(chance.choice([0, 1, 7, 8, 100, 5000])),
    "interval": lambda chance: chance.choice(["0", "1 day", "-1 day", "178000000 years", "1 microsecond"]),
    "smallint": lambda chance: chance.choice([0, 1, -1, 2**15 - 1]),
    "numeric": lambda chance: chance.choice(["0", "1.50", "NaN", "1e300"]),
    "character varying": text,
    "uuid": lambda chance: str(uuid.UUID(int=chance.getrandbits(128))),
    "date": lambda chance: chance.choice(["2026-11-26", "infinity", "0044-03-15 BC"]),
    "timestamp without time zone": lambda chance: chance.choice(["2026-11-26 12:00", "-infinity", "0044-03-15 BC"]),
    "timestamp with time zone": lambda chance: chance.choice(["now", "infinity", "-infinity", "2026-11-26 12:00+02"]),
    "text[]": lambda chance: [chance.choice([None, text(chance)]) for _ in range(chance.randrange(4))],
    "double precision[]": lambda chance: [chance.choice([None, number(chance)]) for _ in range(chance.randrange(5))],
    "integer[]": lambda chance: [chance.choice([None, 1, -1, 2**31 - 1]) for _ in range(chance.randrange(5))],
}


def functions(session: Session) -> list[tuple[str, list[str], list[str]]]:
    """Return each function the session's role may call, with its arguments' names and types."""
    return session.execute(
        "select proname, coalesce(proargnames[1:pronargs], '{}'), array(select format_type(t, null) from "
        "unnest(proargtypes) with ordinality as a (t, n) order by n) from pg_proc "
        "where pronamespace = 'ml'::regnamespace and has_function_privilege(oid, 'execute') "
        "order by oid::regprocedure::text"
    ).fetchall()


def ordinary(sqlstate: str | None) -> bool:
    """Tell whether a state is from the table of errors or PostgreSQL's own, and speaks of the caller."""
    if sqlstate in BY_SQLSTATE:
        return sqlstate != "ML000"
    try:
        psycopg.errors.lookup(sqlstate or "")
    except KeyError:
        return False
    return (sqlstate or "")[:2] not in ("XX", "38", "39", "58", "F0", "P0")


def test_random_calls_end_in_an_answer_or_an_ordinary_error(actors: Actors, capsys: pytest.CaptureFixture[str]) -> None:
    blue, chance = actors.blue, random.Random(SEED)  # noqa: S311 - no secret
    before, pid = state(actors.superuser), blue.info.backend_pid
    blue.execute("set statement_timeout = '20s'; set client_min_messages = error")
    found = functions(blue)
    assert len(found) > 50
    ends: Counter[str] = Counter()
    extraordinary: dict[tuple[str, str], str] = {}
    for name, arguments, types in found:
        for _ in range(max(1, CALLS // SLOW.get(name, 1))):
            statement, values = call(chance, name, arguments, types)
            end, told = run(blue, statement, values)
            ends[end] += 1
            if end not in ("answer", "not sent") and (not ordinary(end) or "SystemError" in told):
                extraordinary.setdefault((name, end), f"{statement} {values!r:.1000}: {told}")
        assert blue.execute("select pg_backend_pid()").fetchone() == (pid,), name
        assert blue.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",), name
    assert extraordinary == {}, f"seed {SEED}"
    assert sum(ends.values()) - ends["not sent"] >= len(found) * CALLS * 0.8
    assert len(ends) > 12, ends
    assert state(actors.superuser) == before
    with capsys.disabled():
        print(f"\n{sum(ends.values())} random calls of {len(found)} functions, seed {SEED}: {dict(ends.most_common())}")


def call(chance: random.Random, name: str, arguments: list[str], types: list[str]) -> tuple[str, list[Any]]:
    """Return a call with random arguments, all of them or those that chance takes."""
    whole = not arguments or name.startswith(("_", "predict")) or chance.random() < 0.3
    values = [MAKE[kind](chance) if chance.random() < 0.95 else None for kind in types]
    names = arguments or [""] * len(types)
    for at, name_of in enumerate(names):
        if name_of in LIKELY and types[at] in ("text", "jsonb", "text[]") and chance.random() < 0.75:
            values[at] = chance.choice(LIKELY[name_of])
    taken = [at for at in range(len(types)) if whole or chance.random() < 0.6]
    marks = ", ".join((f"{names[at]} => " if names[at] else "") + f"%s::{types[at]}" for at in taken)
    columns = " as t (c integer)" if name == "_fetch" else ""
    return f"select * from ml.{name}({marks}){columns}", [values[at] for at in taken]


def run(session: Session, statement: str, values: list[Any]) -> tuple[str, str]:
    """Run a call and undo it; returns how it ended and what was told."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(statement.encode(), values).fetchall()
    except psycopg.Error as error:
        return error.sqlstate or ("not sent" if isinstance(error, psycopg.DataError) else "lost"), str(error)
    return "answer", ""
