"""train_model against the real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, TrainingProgress, create_ml_system, errors

FAST: dict[str, Any] = {"algorithm": "LogisticRegression", "progress": False}


def _leftovers(module_db: psycopg.Connection[Any]) -> list[Any]:
    return module_db.execute("select relname from pg_class where relname like 'motadata\\_ml\\_%'").fetchall()


def test_result_is_exactly_the_documented_dict(system: MLSystem, tickets: pd.DataFrame) -> None:
    X, y = tickets.drop(columns="category"), tickets["category"]
    result = system.train_model(
        model_id="documented",
        model_type="classification",
        training_data=(X, y),
        hyperparameters={"n_estimators": 10, "max_depth": 3, "learning_rate": 0.1},
    )
    assert list(result) == ["model_id", "status", "metrics", "training_time", "model_version"]
    assert (result["model_id"], result["status"], result["model_version"]) == ("documented", "completed", "1.0.0")
    assert {"accuracy", "f1_score", "precision", "recall", "n_train", "n_test"} <= set(result["metrics"])
    assert result["metrics"]["accuracy"] > 0.9
    assert result["training_time"] > 0
    json.dumps(result)
    assert "documented" in result._repr_html_()


def test_data_of_every_kind_trains(system: MLSystem, tickets: pd.DataFrame) -> None:
    numbers, label = tickets[["priority", "hours"]].fillna(0), tickets["vip"].to_numpy()
    for data in (
        (numbers.to_numpy(), label),
        (numbers.to_dict("records"), label.tolist()),
        (pa.Table.from_pandas(numbers), pd.Series(label)),
    ):
        assert system.train_model("kinds", "classification", data, **FAST)["status"] == "completed"
    whole = numbers.assign(vip=label)
    assert system.train_model("kinds", "classification", whole, target="vip", **FAST)["status"] == "completed"


def test_table_and_select_train_without_an_upload(
    system: MLSystem, tickets: pd.DataFrame, module_db: psycopg.Connection[Any]
) -> None:
    assert system.data_processor.to_table(tickets, "Ticket Table") == len(tickets)
    result = system.train_model("from_table", "classification", '"Ticket Table"', target="category", **FAST)
    assert result["metrics"]["n_train"] + result["metrics"]["n_test"] == len(tickets)
    chosen = system.train_model(
        "from_select",
        "classification",
        'select priority, "Subject", category from "Ticket Table"',
        validation_data='"Ticket Table"',
        target="category",
        **FAST,
    )
    assert chosen["metrics"]["n_test"] == len(tickets)


def test_validation_rows_are_scored_on(system: MLSystem, tickets: pd.DataFrame) -> None:
    X, y = tickets.drop(columns="category"), tickets["category"]
    result = system.train_model(
        "validated", "classification", (X[:200], y[:200]), validation_data=(X[200:], y[200:]), **FAST
    )
    assert result["metrics"]["n_test"] == len(tickets) - 200


def test_nothing_is_left_behind_by_trainings(
    system: MLSystem, tickets: pd.DataFrame, module_db: psycopg.Connection[Any]
) -> None:
    X, y = tickets.drop(columns="category"), tickets["category"]
    system.train_model("clean", "classification", (X, y), **FAST)
    assert _leftovers(module_db) == []
    cases: list[tuple[dict[str, Any], type[errors.MLError]]] = [
        ({"hyperparameters": {"depth": 3}}, errors.InvalidHyperparameterError),
        ({"algorithm": "random_florest"}, errors.AlgorithmNotFoundError),
        ({"split": "time:nope"}, errors.ColumnNotFoundError),
        ({"test_size": 2}, errors.InvalidArgumentError),
    ]
    for more, kind in cases:
        with pytest.raises(kind) as caught:
            system.train_model("clean", "classification", (X, y), **{**FAST, **more})
        assert caught.value.hint
        assert isinstance(caught.value.__cause__, psycopg.Error)
    assert _leftovers(module_db) == []


def test_documented_training_error_has_message_and_type(system: MLSystem, tickets: pd.DataFrame) -> None:
    with pytest.raises(errors.MLTrainingError) as caught:
        system.train_model("one_class", "classification", (tickets[["priority"]], ["same"] * len(tickets)))
    assert caught.value.error_type == "insufficient_data"
    assert not caught.value.message.startswith("plpy")


def test_text_target_for_regression_is_refused(system: MLSystem, tickets: pd.DataFrame) -> None:
    with pytest.raises(errors.InvalidTargetError):
        system.train_model("r", "regression", (tickets[["priority"]], tickets["category"]))


def test_names_that_trip_others_train_and_predict(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((60, 4)), columns=['a "quoted" name', "select", "%s", "{x}; drop table"])
    y = pd.Series(X["select"] > 0.5, name="order")
    system.train_model("names", "classification", (X, y), **FAST)
    assert len(system.predict_batch("names", X)) == 60
    assert system.predict("names", X.iloc[0])["prediction"] in {True, False}


def test_array_wider_than_a_table_trains_as_a_vector(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 2000)), np.arange(60) % 2
    X[:, 0] += y
    system.train_model("wide", "classification", (X, y), **FAST)
    assert system.model_manager.get_model_info("wide")["features"][0]["kind"] == "vector"
    many = system.predict_batch("wide", X)
    assert system.predict("wide", X[0])["prediction"] == many[0]["prediction"]


def test_frame_wider_than_a_table_is_a_typed_error(system: MLSystem) -> None:
    for columns in (1200, 2000):
        wide = pd.DataFrame(np.ones((10, columns)), columns=[f"c{n}" for n in range(columns)])
        with pytest.raises(errors.DatabaseError) as caught:
            system.train_model("wide", "clustering", wide)
        assert "fewer columns" in (caught.value.hint or "")


def test_progress_reaches_a_callable(system: MLSystem, tickets: pd.DataFrame) -> None:
    seen: list[TrainingProgress] = []
    X, y = tickets.drop(columns="category"), tickets["category"]
    system.train_model("progress", "classification", (X, y), progress=seen.append)
    assert seen
    assert all(0 <= p.fraction <= 1 and p.step for p in seen)


def test_memory_cap_reaches_the_worker(config: DatabaseConfig, system: MLSystem) -> None:
    with DatabaseConnection(config) as db:
        capped = create_ml_system(db, max_memory_mb=10**6)
        with pytest.raises(errors.InvalidArgumentError, match="max_memory_mb"):
            capped.train_model("capped", "clustering", pd.DataFrame({"a": range(10)}))


def test_connection_dropped_in_the_middle_of_a_training_is_typed_and_leaves_nothing(
    config: DatabaseConfig, module_db: psycopg.Connection[Any]
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((20_000, 10)), rng.random(20_000) > 0.5
    raised: list[BaseException] = []
    with DatabaseConnection(config) as db:
        system = create_ml_system(db)

        def train() -> None:
            try:
                system.train_model(
                    "dropped", "classification", (X, y), hyperparameters={"n_estimators": 1000}, progress=False
                )
            except errors.MLError as error:
                raised.append(error)

        thread = threading.Thread(target=train)
        thread.start()
        _kill_training(module_db)
        thread.join(60)
        assert isinstance(raised[0], errors.ConnectionLostError)
        assert raised[0].hint
        with pytest.raises(errors.ModelNotFoundError):
            system.model_manager.get_model_info("dropped")
    assert _leftovers(module_db) == []


def test_statement_timeout_is_a_typed_error(system: MLSystem, config: DatabaseConfig) -> None:
    rng = np.random.default_rng(0)
    with psycopg.connect(config.conninfo(), options="-c statement_timeout=1500") as own:
        limited = create_ml_system(own)
        with pytest.raises(errors.QueryCanceledError) as caught:
            limited.train_model(
                "slow",
                "classification",
                (rng.random((20_000, 10)), rng.random(20_000) > 0.5),
                hyperparameters={"n_estimators": 1000},
            )
        assert caught.value.sqlstate == "57014"
        assert limited.model_manager.list_models() is not None


def test_interrupt_from_the_keyboard_cancels_the_training(
    config: DatabaseConfig, module_db: psycopg.Connection[Any]
) -> None:
    program = """
import numpy as np, sys
from motadata_ml import create_ml_system
rng = np.random.default_rng(0)
with create_ml_system(sys.argv[1]) as system:
    data = rng.random((20_000, 10)), rng.random(20_000) > 0.5
    system.train_model("interrupted", "classification", data, hyperparameters={"n_estimators": 1000})
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program, config.conninfo()], env=environment, stderr=subprocess.PIPE, text=True
    )
    _wait_for_training(module_db)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert module_db.execute(f"select count(*) {_TRAINING}").fetchall() == [(0,)]
    assert module_db.execute("select * from ml.models where model_id = 'interrupted'").fetchall() == []


_TRAINING = (
    "from pg_stat_activity where datname = current_database() and state = 'active' "
    "and query like '%\"train\"%' and pid <> pg_backend_pid()"
)


def _wait_for_training(module_db: psycopg.Connection[Any]) -> None:
    deadline = time.monotonic() + 30
    while not module_db.execute(f"select pid {_TRAINING}").fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1.5)


def _kill_training(module_db: psycopg.Connection[Any]) -> None:
    _wait_for_training(module_db)
    module_db.execute(f"select pg_terminate_backend(pid) {_TRAINING}")
