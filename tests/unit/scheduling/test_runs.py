"""When a scheduled run trains, when it deploys what it trained, and what it writes down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.evaluation import drift
from motadata_ml_server.evaluation.drift import FeatureDrift
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.models import deployment
from motadata_ml_server.models.store import store
from motadata_ml_server.postgres.database import DatabaseError, Row
from motadata_ml_server.scheduling import runs, schedules
from motadata_ml_server.scheduling.holdout import Holdout
from tests.unit.fakes import artifact, extension, grant, new_version, pg_cron, seen, session, train

LOOK = "from ml.schedule s join ml.model m"
TRAIN = "select model_version from ml.train("
COMPARE = "select ml.evaluate("
PROFILE = json.dumps(Profile([]).to_json()).encode()


class World:
    """A database with a scheduled model, and what the server would answer in a run.

    Attributes
    ----------
    old : bool
        Whether the model's latest version is older than ``max_age``.
    scores : tuple of float or None
        What the metric of the old and of the new version is on the rows held out.
    """

    def __init__(self) -> None:
        self.db = extension()
        self.old = False
        self.scores: tuple[float | None, float | None] = (0.8, 0.9)
        pg_cron(self.db)
        grant(self.db, "ann", "north")
        grant(self.db, "bob", "north")
        train(self.db, artifacts=[artifact("linear", b"w"), artifact("profile", PROFILE)])
        self.db.answer(LOOK, self._look)
        self.db.answer(TRAIN, self._train)
        self.db.answer(COMPARE, self._compare)

    def schedule(self, metric: str | None = None, **limits: Any) -> None:
        given = {"min_improvement": None, "max_age": None, "max_drift": None, **limits}
        visible = seen(self.db)
        with session(self.db, "ann"):
            schedules.schedule_training(self.db, visible, cron="0 3 * * *", metric=metric, **given)

    def run(self, role: str = "ann") -> str:
        with session(self.db, role):
            return runs.run_schedule(self.db, "north", "m")

    def history(self) -> dict[str, Any]:
        (row,) = self.db.execute("select * from ml.schedule_run")
        return dict(row)

    def ran(self, fragment: str) -> int:
        return sum(fragment in one.sql for one in self.db.statements)

    def _look(self, values: Sequence[Any]) -> Iterable[Row]:  # an interval's arithmetic is PostgreSQL's
        rows = self.db.execute(
            "select s.*, s.role as owner from ml.schedule s join ml.model m on m.id = s.model "
            "where m.tenant_id = ? and m.model_id = ?",
            *values,
        )
        told = {"old": self.old, "trained_at": "yesterday", "now": "2026-01-01 00:00:00+00", "role": self.db.role}
        return [{**row, **told} for row in rows]

    def _train(self, _: Sequence[Any]) -> Iterable[Row]:
        return [{"model_version": store(self.db, new_version(deploy=False, role=self.db.role))}]

    def _compare(self, values: Sequence[Any]) -> Iterable[Row]:
        metric = self.db.execute("select metric from ml.schedule")[0]["metric"]
        old, new = (json.dumps({} if score is None else {metric: score}) for score in self.scores)
        return [{"old": old, "new": new}]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(runs, "divide", lambda *_: Holdout("select 1", "select 2"))
    return World()


def drifting(monkeypatch: pytest.MonkeyPatch, *found: FeatureDrift) -> None:
    monkeypatch.setattr(drift, "drift", lambda *_: list(found))


def test_a_better_version_is_deployed(world: World) -> None:
    world.schedule()
    assert world.run() == "deployed"
    assert seen(world.db).version == "1.1.0"
    row = world.history()
    assert (row["outcome"], row["role"], row["old_version"], row["new_version"]) == (
        "deployed",
        "ann",
        "1.0.0",
        "1.1.0",
    )
    assert (row["metric"], row["old_value"], row["new_value"]) == ("f1_score", 0.8, 0.9)
    assert row["reason"].endswith("f1_score 0.8 -> 0.9 on the same rows: better")


@pytest.mark.parametrize(
    ("scores", "least", "outcome"),
    [
        ((0.8, 0.8), None, "kept"),
        ((0.8, 0.7), None, "kept"),
        ((0.8, 0.84), 0.05, "kept"),
        ((0.8, 0.86), 0.05, "deployed"),
        ((None, 0.9), None, "kept"),
        ((0.8, None), None, "kept"),
    ],
)
def test_a_version_that_is_not_better_by_enough_is_kept(
    world: World, scores: tuple[float | None, float | None], least: float | None, outcome: str
) -> None:
    world.scores = scores
    world.schedule(min_improvement=least)
    assert world.run() == outcome
    assert seen(world.db).version == ("1.1.0" if outcome == "deployed" else "1.0.0")
    assert world.history()["new_version"] == "1.1.0"


@pytest.mark.parametrize(("scores", "outcome"), [((2.0, 1.0), "deployed"), ((1.0, 2.0), "kept")])
def test_of_an_error_the_lower_one_is_better(world: World, scores: tuple[float, float], outcome: str) -> None:
    train(world.db, model_type="regression", label_type=None, classes=None)
    world.schedule(metric="rmse")
    world.scores = scores
    assert world.run() == outcome


def test_a_young_model_is_not_trained(world: World) -> None:
    world.schedule(max_age="7 days")
    assert world.run() == "skipped"
    assert world.ran(TRAIN) == 0
    assert world.history()["reason"] == "last trained at yesterday, not more than 7 days ago"


def test_an_old_model_is_trained_whatever_drift_says(world: World) -> None:
    world.schedule(max_age="7 days", max_drift=0.2)
    world.old = True
    assert world.run() == "deployed"
    assert world.history()["reason"].startswith("last trained at yesterday, more than 7 days ago")


@pytest.mark.parametrize(("value", "outcome"), [(0.2, "skipped"), (0.21, "deployed")])
def test_drift_above_the_limit_trains(
    world: World, monkeypatch: pytest.MonkeyPatch, value: float, outcome: str
) -> None:
    worst = FeatureDrift("b", "number", "psi", value, 0.2, value > 0.2, 0.0, 0.0, 100)
    drifting(monkeypatch, replace(worst, feature="a", value=0.01), worst)
    world.schedule(max_drift=0.2)
    assert world.run() == outcome
    row = world.history()
    assert row["drift"] == value
    assert f"largest drift {value:.4g} (feature b)" in row["reason"]


def test_time_goes_on_and_is_no_drift(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drifting(monkeypatch, FeatureDrift("at", "timestamp", "psi", 9.0, 0.2, True, 0.0, 0.0, 100))
    world.schedule(max_drift=0.2)
    assert world.run() == "skipped"


def test_a_version_without_a_profile_is_trained_again(world: World) -> None:
    train(world.db)
    world.schedule(max_drift=0.2)
    assert world.run() == "deployed"
    assert world.history()["reason"].startswith("version 1.1.0 has no profile to tell drift by")


def test_what_fails_is_written_down(world: World) -> None:
    world.schedule()
    world.db.fail(TRAIN, "42501", "permission denied for table t")
    assert world.run() == "failed"
    assert world.history()["reason"] == "42501: permission denied for table t"
    assert seen(world.db).version == "1.0.0"


def test_a_cancel_is_raised(world: World) -> None:
    world.schedule()
    world.db.fail(TRAIN, "57014", "canceling statement due to user request")
    with pytest.raises(DatabaseError) as caught:
        world.run()
    assert caught.value.sqlstate == "57014"
    assert world.db.execute("select * from ml.schedule_run") == []


@pytest.mark.parametrize("fails", [False, True])
def test_the_stored_search_path_holds_for_the_run_alone(world: World, fails: bool) -> None:
    db = world.db
    db.settings["search_path"] = "sales"
    world.schedule()
    db.settings["search_path"] = "other"
    during: list[str] = []

    def trained(values: Sequence[Any]) -> Iterable[Row]:
        during.append(db.settings["search_path"])
        if fails:
            raise DatabaseError("53100", "disk full", None, None)
        return world._train(values)

    db.answer(TRAIN, trained)
    world.run()
    assert during == ["sales"]
    assert db.settings["search_path"] == "other"


def test_only_the_role_that_scheduled_it_runs_it(world: World) -> None:
    world.schedule()
    with pytest.raises(InsufficientPrivilegeError, match="belongs to role 'ann'"):
        world.run("bob")
    assert world.ran(TRAIN) == 0


def test_what_is_not_scheduled_is_not_run(world: World) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing is scheduled for model 'm'"):
        world.run()


def test_the_job_of_a_model_that_is_gone_removes_itself(world: World) -> None:
    world.schedule()
    with session(world.db, "bob"):
        deployment.delete(world.db, "north", "m", None)
    assert world.run() == "removed"
    assert world.db.execute("select * from cron.job") == []


def test_a_run_is_logged(world: World) -> None:
    world.schedule()
    world.run()
    (said,) = [one for one in world.db.logged if "event=schedule_run" in one]
    assert 'outcome="deployed"' in said
    assert 'role="ann"' in said


def test_another_training_has_the_rows_and_arguments_that_were_stored(world: World) -> None:
    world.schedule()
    world.run()
    call = next(one for one in world.db.statements if TRAIN in one.sql)
    given = dict(zip([part.split(" =>")[0] for part in call.sql.split("(")[1].split(", ")], call.values, strict=True))
    assert (given["model_id"], given["training_data"], given["validation_data"]) == ("m", "select 1", "select 2")
    assert (given["deploy"], given["tenant_id"], given["target"]) == (False, "north", "y")
    assert json.loads(given["hyperparameters"]) == {"C": 1.0}
