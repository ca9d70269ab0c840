"""Statements of many rows, each in the snapshot of its own, while others change what is deployed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg

from tests.faults.conftest import Session, train

SECONDS = 10
QUERIES = {
    "row by row": "select array_agg(distinct ml.predict('m', array[x]) ->> 'model_version') "
    "from generate_series(1, 2000) as x",
    "values": "select array_agg(distinct round(ml.predict_value('m', array[x]) - x)) "
    "from generate_series(1, 5000) as x",
    "batch": "select array_agg(distinct round(value - id::float8)) "
    "from ml.predict_batch('m', 'select x::float8 as x from generate_series(1, 20000) as x', 'x')",
}
DEPLOYED = "(select version from ml.model_versions where model_id = 'm' and deployed)"
EXPECTED: dict[str, dict[str, object]] = {
    "row by row": {"1.0.0": "1.0.0", "1.1.0": "1.1.0"},
    "values": {"1.0.0": 1, "1.1.0": 2},
}
EXPECTED["batch"] = EXPECTED["values"]


def test_a_statement_answers_by_the_one_version_of_its_snapshot(model: Callable[[], Session]) -> None:
    until = time.monotonic() + SECONDS
    wrong: list[object] = []
    seen: Counter[tuple[str, str]] = Counter()
    deployed: Counter[str] = Counter()

    def redeploy() -> None:
        with model() as session:
            while time.monotonic() < until and not wrong:
                for version in ("1.1.0", "1.0.0"):
                    session.execute("select ml.deploy('m', %s)", [version])
                    deployed[version] += 1

    def predict(name: str) -> None:
        with model() as session:
            while time.monotonic() < until and not wrong:
                row = session.execute(f"select ({QUERIES[name]}), {DEPLOYED}".encode()).fetchone()
                assert row is not None
                answers, version = row
                if answers != [EXPECTED[name][version]]:
                    wrong.append((name, row))
                seen[name, version] += 1

    def guarded(work: Callable[..., None], *arguments: str) -> None:
        try:
            work(*arguments)
        except (AssertionError, psycopg.Error) as error:
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(predict, name)) for name in (*QUERIES, *QUERIES)]
    threads += [threading.Thread(target=guarded, args=(redeploy,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 60)
        assert not thread.is_alive()
    print(dict(seen), dict(deployed))
    assert wrong == []
    assert min(deployed.values()) > 50
    assert {name for name, _ in seen} == set(QUERIES)
    assert {version for _, version in seen} == {"1.0.0", "1.1.0"}


def test_trainings_of_one_model_at_once_lose_no_version(model: Callable[[], Session]) -> None:
    """Each in a transaction that stays open for a while: the next waits for its number."""
    many = 6
    constants = range(10, 10 + many)
    trained: dict[int, str] = {}

    def retrain(constant: int) -> None:
        with model() as session, session.transaction():
            row = session.execute(train(constant).encode()).fetchone()
            assert row is not None
            time.sleep(0.1)
            trained[constant] = row[0]

    threads = [threading.Thread(target=retrain, args=(constant,)) for constant in constants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()
    assert sorted(trained.values()) == [f"1.{number}.0" for number in range(2, 2 + many)]
    with model() as session:
        for constant, version in trained.items():
            row = session.execute("select round(ml.predict_value('m', array[0.0], %s))", [version]).fetchone()
            assert row == (constant,)
