"""`algorithm => 'best'`: a search that ends in time, with a leaderboard, on real rows."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest
from sklearn import datasets

from motadata_ml import create_ml_system
from motadata_ml.errors import InvalidArgumentError

Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    """Tables of scikit-learn's breast cancer and diabetes data."""
    for name, data in (("cancer", datasets.load_breast_cancer()), ("diabetes", datasets.load_diabetes())):
        columns = ", ".join(f"f{at} double precision" for at in range(data.data.shape[1]))
        module_db.execute(f"create table {name} (y double precision, g integer, {columns})".encode())
        with module_db.cursor().copy(f"copy {name} from stdin".encode()) as copy:
            for at, row in enumerate(data.data):
                copy.write_row((float(data.target[at]), at % 9, *map(float, row)))
    return module_db


def best(session: Session, table: str, execution: dict[str, Any], more: str = "") -> dict[str, Any]:
    model_type = "classification" if table == "cancer" else "regression"
    query = "select y::integer as y, g, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 from " + table
    session.execute(
        f"select ml.train('best', %s, %s, 'y', algorithm => 'best', execution => %s{more})".encode(),
        [model_type, query, json.dumps(execution)],
    )
    row = session.execute("select ml.get_model_info('best')").fetchone()
    assert row
    return dict(row[0])


def leaderboard(session: Session, info: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.execute(
        "select algorithm, hyperparameters, score, seconds, folds from ml.trials where model_id = 'best' "
        "and version = %s order by number",
        [info["version"]],
    ).fetchall()


@pytest.mark.parametrize("table", ["cancer", "diabetes"])
def test_trials_are_a_leaderboard_whose_first_is_the_model(rows: Session, table: str) -> None:
    info = best(rows, table, {"trials": 9})
    found = leaderboard(rows, info)
    assert len(found) == 9
    given = info["hyperparameters"]
    models = given.get("estimators") or [{"algorithm": info["algorithm"], "hyperparameters": given}]
    of_first = [one["hyperparameters"] for one in models if one["algorithm"] == found[0][0]]
    assert any({name: own[name] for name in found[0][1]} == found[0][1] for own in of_first)
    whole = [row for row in found if row[4] == found[0][4]]
    assert found[0][2] == max(row[2] for row in whole)
    assert len({row[0] for row in found}) > 1
    assert all(row[3] > 0 and 1 <= row[4] <= 5 for row in found)
    assert "of 9 candidates" in info["runtime"]["chosen_because"]
    assert info["runtime"]["name"] != "sklearn"


def test_so_many_trials_give_the_same_model_again(rows: Session) -> None:
    one, other = (best(rows, "diabetes", {"trials": 8}) for _ in range(2))
    assert (one["algorithm"], one["hyperparameters"]) == (other["algorithm"], other["hyperparameters"])
    assert one["metrics"] == other["metrics"]


def test_seconds_bound_the_search(rows: Session) -> None:
    began = time.monotonic()
    info = best(rows, "cancer", {"seconds": 15})
    took = time.monotonic() - began
    assert len(leaderboard(rows, info)) >= 2
    assert took < 15 + 15  # a busy machine takes long to store what was found


@pytest.mark.parametrize("split", ["group:g", "time:g", "none"])
def test_the_split_decides_on_the_folds(rows: Session, split: str) -> None:
    info = best(rows, "cancer", {"trials": 3}, f", split => '{split}'")
    assert leaderboard(rows, info)[0][4] == 5
    assert ("g" in {one["name"] for one in info["features"]}) == (split == "none" or split.startswith("time"))


def test_a_timeout_ends_it(rows: Session) -> None:
    rows.execute("set statement_timeout = '6s'")
    began = time.monotonic()
    try:
        with pytest.raises(psycopg.errors.QueryCanceled):
            best(rows, "cancer", {"seconds": 600})
    finally:
        rows.execute("reset statement_timeout")
    assert time.monotonic() - began < 12


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "says"),
    [
        ("execution => '{\"seconds\": 5}'", "ML009", "seconds"),
        ("algorithm => 'best', execution => '{\"seconds\": 0}'", "ML009", "from 1 to"),
        ("algorithm => 'best', execution => '{\"trials\": 1.5}'", "ML009", "whole number"),
        ("algorithm => 'best', execution => '{\"seconds\": \"long\"}'", "ML009", "a number from 1"),
        ("algorithm => 'best', hyperparameters => '{\"C\": 1}'", "ML009", "hyperparameters"),
        ("algorithm => 'best', search => '{\"params\": {\"C\": [1]}}'", "ML009", "search"),
        ("algorithm => 'best', group_by => 'g'", "ML009", "group_by"),
        ("algorithm => 'best', execution => '{\"mode\": \"stream\"}'", "ML009", "stream"),
    ],
)
def test_what_does_not_go_with_it_is_refused(rows: Session, arguments: str, sqlstate: str, says: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        rows.execute(
            f"select ml.train('r', 'classification', 'select y::int, g, f0 from cancer', 'y', {arguments})".encode()
        )
    assert caught.value.sqlstate == sqlstate
    assert says in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint


def test_without_a_target_nothing_says_what_is_better(rows: Session) -> None:
    with pytest.raises(psycopg.Error) as caught:
        rows.execute("select ml.train('r', 'clustering', 'cancer', algorithm => 'best')")
    assert caught.value.sqlstate == "ML020"
    assert caught.value.diag.message_hint


def test_seconds_under_one_fit_are_refused_with_what_it_took(rows: Session) -> None:
    waves = ", ".join(f"sin(i * {at}) as w{at}" for at in range(1, 301))
    query = f"select {waves}, i % 30 as y from generate_series(1, 26000) i"
    with pytest.raises(psycopg.Error) as caught:
        rows.execute(
            "select ml.train('r', 'classification', %s, 'y', algorithm => 'best', execution => '{\"seconds\": 1}')",
            [query],
        )
    assert caught.value.sqlstate == "ML009"
    assert "less than one fit" in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint


def test_where_every_candidate_fails_the_reasons_are_told(rows: Session) -> None:
    query = "select i as a, 1e200 * i as y from generate_series(1, 60) i"
    with pytest.raises(psycopg.Error) as caught:
        rows.execute(
            "select ml.train('r', 'regression', %s, 'y', algorithm => 'best', execution => '{\"trials\": 5}')", [query]
        )
    assert caught.value.sqlstate == "ML015"
    said = str(caught.value.diag.message_primary)
    assert "every candidate of 5 failed" in said
    assert "Ridge" in said
    assert "HistGradientBoostingRegressor" in said


def test_the_client_asks_for_it(rows: Session) -> None:
    trainer = create_ml_system(rows, max_memory_mb=1024).trainer
    data = "select y, f0, f1 from diabetes"
    result = trainer.train_model("mine", "regression", data, target="y", algorithm="best", execution={"trials": 2})
    assert result["model_version"] == "1.0.0"
    with pytest.raises(InvalidArgumentError):
        trainer.train_model("mine", "regression", data, target="y", execution={"trials": 2})
