"""The experiment tracker against the real server."""

from __future__ import annotations

from typing import Any

import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, errors
from motadata_ml.mlops import create_experiment_tracker
from motadata_ml.mlops._mlflow import MlflowError


def test_run_keeps_params_and_the_latest_metrics(system: MLSystem) -> None:
    tracker = create_experiment_tracker(db=system, experiment="steps")
    with tracker.start_run("first", tags={"team": "a"}) as run:
        tracker.log_params({"depth": 3, "grid": [1, 2], "name": "x"})
        tracker.log_params({"depth": 4})
        for step in range(3):
            tracker.log_metrics({"loss": 1 / (step + 1)}, step=step)
        run.log_metrics({"bad": float("nan")})
    (row,) = tracker.runs(trainings=False).to_dict("records")
    assert (row["name"], row["status"], row["kind"]) == ("first", "finished", "run")
    assert (row["params.depth"], row["params.grid"], row["tags.team"]) == (4, [1, 2], "a")
    assert row["metrics.loss"] == pytest.approx(1 / 3)
    assert run.history()["value"].tolist()[1:] == pytest.approx([1, 1 / 2, 1 / 3])
    assert row["ended_at"] >= row["started_at"]


def test_run_that_raises_is_failed(system: MLSystem) -> None:
    tracker = create_experiment_tracker(db=system, experiment="failing")
    with pytest.raises(ZeroDivisionError), tracker.start_run():
        raise ZeroDivisionError
    assert tracker.runs(trainings=False)["status"].tolist() == ["failed"]


def test_logging_without_a_run_starts_one(system: MLSystem) -> None:
    tracker = create_experiment_tracker(db=system, experiment="implicit")
    tracker.log_metrics({"a": 1})
    tracker.log_metrics({"b": 2})
    tracker.end_run()
    tracker.end_run()
    assert tracker.runs(trainings=False)[["metrics.a", "metrics.b"]].to_numpy().tolist() == [[1, 2]]


def test_trainings_track_themselves(trained: MLSystem) -> None:
    runs = create_experiment_tracker(db=trained, experiment="empty").runs()
    row = runs[runs["run_id"] == "tickets/1.0.0"].iloc[0]
    assert row["kind"] == "training"
    assert row["metrics.accuracy"] > 0.9
    assert row["params.algorithm"] == "LogisticRegression"


def test_last_connection_is_used_without_a_database(config: DatabaseConfig) -> None:
    with DatabaseConnection(config) as db:
        assert create_experiment_tracker("default").db is db


def test_experiment_without_runs_is_an_empty_frame(system: MLSystem) -> None:
    runs = create_experiment_tracker(db=system, experiment="none").runs(trainings=False)
    assert runs.empty
    assert "run_id" in runs.columns


def test_tenants_do_not_see_each_others_runs(make_role: Any) -> None:
    one, two = make_role("runs one"), make_role("runs two")
    with DatabaseConnection(one) as mine, DatabaseConnection(two) as theirs:
        tracker = create_experiment_tracker(db=mine)
        run = tracker.start_run("secret")
        other = create_experiment_tracker(db=theirs)
        assert other.runs().empty
        with pytest.raises(errors.TenantNotPermittedError):
            create_experiment_tracker("runs one", theirs).runs()
        for call in (
            "_log_metrics(%s, '{\"x\": 1}')",
            "_log_params(%s, '{\"x\": 1}')",
            "_end_run(%s)",
            "_delete_run(%s)",
        ):
            with pytest.raises(errors.InvalidArgumentError, match="there is no run"):
                theirs.execute(f"select ml.{call}", (run.run_id,))
        for statement in (
            "insert into ml.experiment_metric (run_id, tenant_id, name, value) values (%s, 'runs two', 'x', 1)",
            "update ml.experiment_run set name = 'taken' where id = %s",
        ):
            with pytest.raises(errors.InsufficientPrivilegeError):
                theirs.execute(statement, (run.run_id,))
        assert tracker.runs()["name"].tolist() == ["secret"]


def test_metric_that_is_no_number_is_refused(system: MLSystem) -> None:
    tracker = create_experiment_tracker(db=system)
    with pytest.raises(errors.InvalidArgumentError, match="must be a number"):
        tracker.log_metrics({"a": "good"})
    with pytest.raises(errors.InvalidArgumentError, match="experiment must have a name"):
        create_experiment_tracker(db=system, experiment="")


def test_export_without_a_server_is_a_typed_error(system: MLSystem) -> None:
    tracker = create_experiment_tracker(db=system)
    with pytest.raises(MlflowError, match="no MLflow server"):
        tracker.to_mlflow("http://127.0.0.1:1")
    with pytest.raises(errors.InvalidArgumentError, match="http://"):
        tracker.to_mlflow("file:///etc/passwd")
