"""What a training says: what a colleague would warn of, once, shortly, and never a wild guess."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.sessions import messages_of

Session = psycopg.Connection[Any]

SETUP = """
create table told as
select i as id, 1200 - i as "down", i as serial, sin(i) as a, cos(i * 2) as b, 7 as same, null::float8 as nothing,
    case when sin(i) > 0 then 'yes' else 'no' end as label, 'n' || i as unique_label, i * 10 as big,
    sin(i) + i % 3 as y, (i * 7919) % 1201 as mixed, 90000 - 7 * i as countdown,
    case when i % 50 = 0 then 'yes' else 'no' end as rare
from generate_series(1, 1200) as i
"""


@pytest.fixture
def rows(db: Session) -> Session:
    db.execute(SETUP)
    return db


QUICK = {"classification": "decision_tree", "regression": "ridge"}
"""What is said of the rows is the same for every algorithm."""


def train(session: Session, query: str, kind: str, target: str | None, **more: Any) -> list[str]:
    said = messages_of(session)
    more.setdefault("algorithm", QUICK.get(kind))
    named = "".join(f", {name} => %({name})s" for name in more)
    session.execute(
        f"select ml.train(%(model)s, %(kind)s, %(query)s, %(target)s{named})".encode(),
        {"model": more.pop("model", "w"), "kind": kind, "query": query, "target": target, **more},
    )
    return said


@pytest.mark.parametrize("column", ["id", '"down"', "mixed", "countdown"])
def test_a_column_that_numbers_the_rows_is_told(rows: Session, column: str) -> None:
    said = train(rows, f"select {column}, a, label from told", "classification", "label")
    assert any(column.strip('"') in text and "numbers the rows" in text for text in said), said


def test_copies_among_the_rows_held_out_are_told(rows: Session) -> None:
    query = "select a, b, label from told where id <= 300"
    twice = train(rows, f"{query} union all {query}", "classification", "label")
    assert any("rows held out equal rows that were learned from" in text for text in twice), twice
    few_values = "select i % 5 as n, (array['a', 'b', 'c'])[1 + i % 3] as c, (i % 2)::text as label"
    for other in (query, f"{few_values} from generate_series(1, 600) as i"):
        said = train(rows, other, "classification", "label")
        assert not any("held out equal" in text for text in said), said


def test_a_class_that_is_never_found_is_told(rows: Session) -> None:
    said = train(rows, "select a, b, rare from told", "classification", "rare", algorithm="logistic_regression")
    assert any("no class but 'no' is ever predicted right" in text for text in said), said
    said = train(rows, "select a, b, label from told", "classification", "label", algorithm="logistic_regression")
    assert not any("ever predicted right" in text for text in said), said


@pytest.mark.parametrize("column", ["i % 50 as few", "sin(i) as real", "(sin(i) * 1e6)::int as wide"])
def test_other_columns_are_not(rows: Session, column: str) -> None:
    said = train(
        rows, f"select {column}, sin(i) > 0.3 as label from generate_series(1, 900) as i", "classification", "label"
    )
    assert not any("numbers the rows" in text for text in said), said


def test_many_constants_and_empty_columns_take_one_line_each(rows: Session) -> None:
    columns = ", ".join([f"7 as c{n}, null::float8 as n{n}" for n in range(115)])
    said = train(rows, f"select a, label, {columns} from told", "classification", "label")
    assert len([text for text in said if "one value only" in text]) == 1
    assert len([text for text in said if "NULL in every training row" in text]) == 1
    assert max(map(len, said)) < 300


def test_a_target_that_never_repeats_is_told(rows: Session) -> None:
    said = train(rows, "select a, b, unique_label from told where id <= 200", "classification", "unique_label")
    assert any("'unique_label' has 200 classes in 200 rows" in text for text in said), said


def test_probabilities_of_xgboost_warn_of_nothing(rows: Session) -> None:
    said = train(rows, "select a, b, mixed % 3 as k from told", "classification", "k", algorithm="xgboost", cv=3)
    assert not [text for text in said if "sum" in text], said


def deployed(session: Session) -> Any:
    row = session.execute(
        "select model_type, deployed_version, versions from ml.models where model_id = 'w'"
    ).fetchone()
    assert row
    return row


def test_another_model_type_is_deployed_only_when_asked(rows: Session) -> None:
    train(rows, "select a, b, label from told", "classification", "label")
    said = train(rows, "select a, b, y from told", "regression", "y")
    assert deployed(rows) == ("classification", "1.0.0", 2)
    assert any("2.0.0 is stored but not deployed" in text for text in said), said
    assert rows.execute("select ml.predict_label('w', '{\"a\": 1, \"b\": 0}')").fetchone() == ("yes",)
    rows.execute("select ml.deploy('w', '2.0.0')")
    assert deployed(rows) == ("regression", "2.0.0", 2)
    rows.execute("select ml.rollback('w')")
    assert deployed(rows) == ("classification", "1.0.0", 2)
    train(rows, "select a, b, y from told", "regression", "y", deploy=True)
    assert deployed(rows)[0] == "regression"
    train(rows, "select a, b, label from told", "classification", "label", deploy=False)
    assert deployed(rows)[0] == "regression"
    train(rows, "select a, b, y from told", "regression", "y")
    assert deployed(rows)[0] == "regression"
    assert not [text for text in said if "not deployed" in text][1:]


def test_a_role_of_a_tenant_trains_evaluates_and_retrains(
    rows: Session, connect: Callable[..., Session], role_factory: Callable[..., str]
) -> None:
    trainer = role_factory("trainer")
    rows.execute("select ml.grant_usage(%s, 'shop')", [trainer])
    rows.execute(f"grant select on told to {trainer}".encode())
    session = connect(trainer)
    train(session, "select a, b, label from told", "classification", "label")
    assert session.execute("select ml.evaluate('w', 'told') -> 'positive_class'").fetchone() == ("yes",)
    said = train(session, "select a, b, y from told", "regression", "y")
    assert any("not deployed" in text for text in said), said


LONG = {
    "random_forest": {"n_estimators": 300},
    "gradient_boosting": {"n_estimators": 500},
}


@pytest.mark.parametrize("algorithm", LONG)
def test_the_estimate_of_the_seconds_left_is_not_wild(
    db: Session, connect: Callable[..., Session], algorithm: str
) -> None:
    db.execute(
        "create table long as select sin(i) as a, cos(i * 3) as b, i % 17 as c, sin(i * 5) * i as d, "
        "sin(i) + cos(i * i) as y from generate_series(1, 6000) as i"
    )
    seen: list[tuple[float, float | None]] = []
    over = threading.Event()
    other = connect()

    def look() -> None:
        while not over.wait(0.1):
            row = other.execute("select seconds, seconds_left from ml.training_progress").fetchone()
            if row is not None:
                seen.append(row)

    watcher = threading.Thread(target=look)
    watcher.start()
    started = time.monotonic()
    db.execute(
        "select ml.train('long', 'regression', 'long', 'y', algorithm => %s, hyperparameters => %s)",
        [algorithm, json.dumps(LONG[algorithm])],
    )
    total = time.monotonic() - started
    over.set()
    watcher.join()
    moved = [seconds for seconds, _ in seen]
    assert moved == sorted(moved)
    assert len(set(moved)) > len(moved) / 2, "seconds moves while a fit says nothing"
    assert total > 3, "the fit has to be long enough to be estimated"
    late = [(at, left) for at, left in seen if at >= total / 3 and left is not None and total - at > 1]
    assert late
    for at, left in late[: len(late) // 2]:
        assert 0.5 <= (at + left) / total <= 2.0, (at, left, total)


@pytest.mark.slow
def test_a_long_training_says_little(db: Session) -> None:
    db.execute(
        "create table long as select sin(i) as a, cos(i * 3) as b, sin(i) + cos(i * i) as y "
        "from generate_series(1, 3000) as i"
    )
    said = messages_of(db)
    db.execute(
        "select ml.train('long', 'regression', 'long', 'y', algorithm => 'gradient_boosting', "
        "hyperparameters => '{\"n_estimators\": 1500}')"
    )
    assert len(said) < 30, said
    assert max(map(len, said)) < 200
