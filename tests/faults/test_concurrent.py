"""Sixteen sessions retrain, deploy, roll back, delete and predict with one model for a minute."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter

import psycopg

from motadata_ml_server.errors import BY_SQLSTATE
from tests.faults.conftest import Estate, Session

SECONDS = 60
SERIALIZATION = {"40001"}
EXPECTED = {"ML001", "ML009", "ML014", "ML020"} | SERIALIZATION
"""A model or version that another has just deleted or deployed, and what a repeated transaction settles."""


def train(session: Session, number: int) -> None:
    """Train y = x + number; the version carries the number as its random_state."""
    session.execute(
        "select ml.train('raced', 'regression', %s, 'y', algorithm => 'linear', random_state => %s, deploy => %s)",
        [f"select x, x + {number} as y from generate_series(1, 20) as x", number, number % 2 == 0],
    )


def deploy(session: Session, number: int) -> None:
    versions = session.execute("select version from ml.model_versions where model_id = 'raced'").fetchall()
    time.sleep(0.02)
    session.execute("select ml.deploy('raced', %s)", versions[number % len(versions)] if versions else ["1.0.0"])


def roll_back(session: Session, number: int) -> None:
    session.execute("select ml.rollback('raced')")
    time.sleep(0.2)


def delete(session: Session, number: int) -> None:
    versions = session.execute(
        "select version from ml.model_versions where model_id = 'raced' and not deployed order by trained_at limit 1"
    ).fetchall()
    for (version,) in versions:
        session.execute("select ml.delete_model('raced', %s)", [version])
    time.sleep(0.1)
    if time.monotonic() % 10 < 0.1:
        session.execute("select ml.delete_model('raced')")


def predict(session: Session, number: int) -> None:
    """Predict with whatever is deployed at the snapshot, by every function, and compare with what is."""
    with session.transaction():
        session.execute("set transaction isolation level repeatable read")
        deployed = session.execute(
            "select random_state, version from ml.model_versions where model_id = 'raced' and deployed"
        ).fetchone()
        try:
            row = session.execute(
                "select ml.predict_value('raced', array[0.0]), ml.predict('raced', array[0.0]) ->> 'model_version', "
                "(select value from ml.predict_batch('raced', 'select 0.0::float8 as x'))"
            ).fetchone()
        except psycopg.Error as error:
            if deployed is not None:
                raise AssertionError(f"{deployed} was deployed, and yet: {error}") from error
            raise
        assert row is not None
        assert deployed is not None, "there was an answer without a deployed version"
        assert (round(row[0]), row[1], round(row[2])) == (deployed[0], deployed[1], deployed[0])


WORK = {train: 3, deploy: 3, roll_back: 1, delete: 1, predict: 8}


def test_every_prediction_is_of_a_version_deployed_at_its_snapshot(estate: Estate) -> None:
    numbers = itertools.count(1)
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    wrong: list[BaseException] = []
    until = time.monotonic() + SECONDS

    def work(name: str) -> None:
        task = next(task for task in WORK if task.__name__ == name)
        with estate.connect() as session:
            while time.monotonic() < until and not wrong:
                try:
                    task(session, next(numbers))
                    done[name] += 1
                except psycopg.Error as error:
                    refused[f"{name} {error.sqlstate}"] += 1
                    if error.sqlstate not in EXPECTED:
                        wrong.append(error)
                    time.sleep(0.05)
                except AssertionError as error:
                    wrong.append(error)

    with estate.connect() as session:
        train(session, 2)
    threads = [threading.Thread(target=work, args=(task.__name__,)) for task, many in WORK.items() for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 60)
        assert not thread.is_alive()
    print(dict(done), dict(refused))
    if wrong:
        raise wrong[0]
    assert len(threads) == 16
    assert set(EXPECTED) - SERIALIZATION <= set(BY_SQLSTATE)
    assert done["train"] >= 3 * WORK[train]
    assert done["deploy"] > 20
    assert done["predict"] > 500
    with estate.connect() as session:
        try:
            session.execute("select ml.delete_model('raced')")
        except psycopg.Error as error:
            assert error.sqlstate == "ML001"  # noqa: PT017 - either is right
        left = session.execute("select count(*) from ml.artifact a where not exists "
                               "(select from ml.model_version v where v.id = a.version_id)").fetchone()  # fmt: skip
        assert left == (0,)
    estate.check()
