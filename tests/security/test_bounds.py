"""What one call makes a session hold is bounded by the size of its input, and a cancel ends it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.security.conftest import Actors, Session

MB = 1024 * 1024
CLASSES = 3_000


@pytest.fixture
def session(_shared_actors: Actors) -> Iterator[Session]:
    """Yield a session of blue's that nothing has grown yet, but for the packages that a prediction imports."""
    with psycopg.connect(_shared_actors.blue.info.dsn, autocommit=True) as session:
        session.execute("set client_min_messages = error")
        session.execute("select ml.predict_label('m', array[60, 0])")
        yield session


def peak(session: Session) -> int:
    """Return the most memory that a session's backend has had, in MB."""
    status = Path(f"/proc/{session.info.backend_pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) // 1024


def ended(session: Session, statement: str, *values: Any) -> tuple[str | None, int]:
    """Run a statement; return how it ended and by how many MB the backend has grown."""
    before = peak(session)
    state = None
    try:
        session.execute(statement.encode(), values)
    except psycopg.Error as error:
        state = error.sqlstate
    assert session.execute("select 1").fetchone() == (1,)
    return state, peak(session) - before


NAMES = {
    "quotes": '"' * (10 * MB),
    "a quoted name without its end": '"' + '""' * (5 * MB),
    "a name": "n" * (10 * MB),
    "spaces": " " * (5 * MB) + "n" + " " * (5 * MB),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "call",
    [
        "select * from ml.predict_batch('m', %s)",
        "select ml.train('x', 'regression', %s, 'y')",
        "select ml.predict_into('m', 'select 60 as x, 0 as w', %s)",
        "select ml.create_sql_function('m', %s)",
    ],
)
def test_a_name_of_ten_megabytes(session: Session, call: str, name: str) -> None:
    session.execute("set statement_timeout = '5s'")
    state, grown = ended(session, call, NAMES[name])
    assert state is not None
    assert state != "57014"
    assert grown < 200


ROWS = {
    "an array": "{" + "1," * (25 * MB) + "1}",
    "an array in JSON": "[" + "1," * (25 * MB) + "1]",
    "empty arrays": "[" + "[]," * (16 * MB) + "1]",
    "a wide object": "{" + ",".join(f'"{n}":[{{}}]' for n in range(3 * MB)) + "}",
    "a deep array": "[" * (20 * MB),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_fifty_megabytes(session: Session, row: str) -> None:
    state, grown = ended(session, "select ml.predict('m', %s::text)", ROWS[row])
    assert state == "ML011"
    assert grown < 10 * len(ROWS[row]) // MB, "PostgreSQL itself holds a statement's text some seven times"


@pytest.mark.parametrize("argument", ["hyperparameters", "search", "preprocess", "execution"])
def test_a_json_argument_of_megabytes(session: Session, argument: str) -> None:
    state, grown = ended(
        session,
        "select ml.train('x', 'regression', 'select i as x, i as y from generate_series(1, 40) as i', 'y', "
        f"algorithm => 'linear', {argument} => (select jsonb_object_agg(i, '[[],[]]'::jsonb) "
        "from generate_series(1, 100000) as i))",
    )
    assert state == "ML009"
    assert grown < 400


@pytest.fixture(scope="module")
def wide(_shared_actors: Actors) -> str:
    """Return a model of 3,000 classes and leave rows for it."""
    blue = _shared_actors.blue
    blue.execute("set client_min_messages = error")
    blue.execute(
        f"""create table blue_own.wide as
        select (i %% {CLASSES})::float8 as x, 'class ' || i %% {CLASSES} as y
        from generate_series(1, {4 * CLASSES}) as i""".replace("%%", "%").encode()
    )
    blue.execute(
        "select ml.train('wide', 'classification', 'blue_own.wide', 'y', array['x'], 'GaussianNB', "
        "execution => '{\"max_memory_mb\": 4000}')"
    )
    return "wide"


def test_predictions_of_three_thousand_classes(session: Session, wide: str) -> None:
    session.execute("select ml.predict_label('wide', array[1])")
    state, grown = ended(session, "select count(probabilities[1]) from ml.predict_batch('wide', 'blue_own.wide')")
    assert state is None
    assert grown < 500


def test_predictions_of_three_thousand_classes_end_with_the_statement(session: Session, wide: str) -> None:
    session.execute("select ml.predict_label('wide', array[1])")
    session.execute("set statement_timeout = 500")
    started = time.monotonic()
    state, _ = ended(session, "select count(probabilities[1]) from ml.predict_batch('wide', 'blue_own.wide')")
    assert state in ("57014", None)
    assert time.monotonic() - started < 0.5 + 0.2 + 0.3, "0.3 s are for a busy machine"


@pytest.mark.parametrize("algorithm", ["decision_tree", "random_forest", "logistic_regression"])
def test_a_model_of_many_categories_as_sql(session: Session, algorithm: str) -> None:
    session.execute(
        """create table if not exists blue_own.many as select 'category ' || i % 1500 as c, (i * 7919) % 101 as n,
        'label ' || (i * 31) % 7 as y from generate_series(1, 9000) as i"""
    )
    session.execute("select ml.train(%s, 'classification', 'blue_own.many', 'y', algorithm => %s)", [algorithm] * 2)
    session.execute('select ml.predict(%s, \'{"c": null, "n": 1}\'::jsonb)', [algorithm])
    started = time.monotonic()
    state, grown = ended(session, "select ml.to_sql(%s, 'label')", algorithm)
    assert state in ("ML020", None)
    assert grown < 300
    assert time.monotonic() - started < 5
