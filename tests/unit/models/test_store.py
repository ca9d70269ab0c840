"""A trained model becomes the next version of its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.models import artifacts, visibility
from motadata_ml_server.models.artifacts import load_artifacts, load_present
from motadata_ml_server.models.describe import list_models, model_info
from motadata_ml_server.models.store import Trial
from motadata_ml_server.postgres.database import DatabaseError
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.tenants import grants
from tests.unit.fakes import artifact, extension, grant, seen, session, train


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    grant(db, "ann", "north")
    grant(db, "bob", "south")
    return db


def test_the_first_version_makes_model_and_deployment(db: FakeDatabase) -> None:
    assert train(db) == "1.0.0"
    (model,) = db.execute("select * from ml.model")
    (version,) = db.execute("select * from ml.model_version")
    (deployment,) = db.execute("select * from ml.deployment")
    assert (model["tenant_id"], model["model_id"], model["created_by"]) == ("north", "m", "ann")
    assert model["deployed_version_id"] == version["id"] == deployment["version_id"]
    assert version["classes"] == ["no", "yes"]
    assert json.loads(version["metrics"]) == {"accuracy": 0.9}
    assert version["trained_by"] == deployment["deployed_by"] == "ann"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "1.1.0"),
        ({"algorithm": "random_forest"}, "1.1.0"),
        ({"features": [{"name": "b", "kind": "category"}, {"name": "a", "kind": "number"}]}, "1.1.0"),
        ({"features": [{"name": "a", "kind": "number"}]}, "2.0.0"),
        ({"features": [{"name": "a", "kind": "category"}, {"name": "b", "kind": "category"}]}, "2.0.0"),
        ({"label_type": "integer"}, "2.0.0"),
        ({"model_type": "regression"}, "2.0.0"),
    ],
)
def test_what_callers_see_decides_the_next_number(db: FakeDatabase, changed: dict[str, Any], expected: str) -> None:
    train(db)
    assert train(db, **changed) == expected


def test_numbers_go_on_from_the_latest_version(db: FakeDatabase) -> None:
    numbers = [train(db), train(db, label_type="integer"), train(db, label_type="integer"), train(db)]
    assert numbers == ["1.0.0", "2.0.0", "2.1.0", "3.0.0"]


def test_a_version_that_is_not_deployed_leaves_the_present_one(db: FakeDatabase) -> None:
    train(db)
    train(db, deploy=False)
    assert seen(db).version == "1.0.0"
    assert seen(db, version="1.1.0").version == "1.1.0"


def test_one_name_of_two_tenants_is_two_models(db: FakeDatabase) -> None:
    train(db)
    assert train(db, role="bob", tenant_id="south") == "1.0.0"
    assert len(db.execute("select * from ml.model")) == 2


def test_a_training_that_fails_late_leaves_nothing(db: FakeDatabase) -> None:
    db.fail("insert into ml.deployment", "57014")
    with pytest.raises(DatabaseError):
        train(db)
    for table in ("model", "model_version", "artifact"):
        assert db.execute(f"select * from ml.{table}") == []


def test_numbers_that_json_has_no_word_for_become_null(db: FakeDatabase) -> None:
    trials = [Trial(1, {"C": float("inf")}, None, {"scores": [float("nan"), 1.0]})]
    train(db, metrics={"r2": float("nan")}, trials=trials)
    assert json.loads(db.execute("select metrics from ml.model_version")[0]["metrics"]) == {"r2": None}
    (trial,) = db.execute("select * from ml.trial")
    assert (json.loads(trial["hyperparameters"]), trial["score"]) == ({"C": None}, None)
    assert json.loads(trial["details"]) == {"scores": [None, 1.0]}


def test_artifacts_are_cut_into_chunks_and_come_back_whole(db: FakeDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motadata_ml_server.models.store.CHUNK_BYTES", 4)
    train(db, artifacts=[artifact("plan", b"{}"), artifact("linear", b"0123456789"), artifact("profile", b"")])
    chunks = db.execute("select chunk, data from ml.artifact where kind = 'linear' order by chunk")
    assert [row["data"] for row in chunks] == [b"0123", b"4567", b"89"]
    visible = seen(db)
    with session(db, "ann"):
        assert load_artifacts(db, visible, ["linear", "plan", "profile"]) == [b"0123456789", b"{}", b""]


def test_an_artifact_that_was_not_stored_is_damage_or_left_out(db: FakeDatabase) -> None:
    train(db)
    visible = seen(db)
    with session(db, "ann"):
        assert load_present(db, visible, ["plan", "profile"]) == {"plan": b"{}"}
    with pytest.raises(ArtifactError, match="do not match"), session(db, "ann"):
        load_artifacts(db, visible, ["profile"])


@pytest.mark.parametrize(
    "damage",
    [
        "update ml.artifact set data = cast('other' as blob) where kind = 'linear'",
        "update ml.artifact set digest = 'other' where kind = 'plan'",
        "delete from ml.artifact where kind = 'plan'",
        "insert into ml.artifact (version_id, kind, chunk, digest, data) "
        "select id, 'more', 0, 'd', cast('x' as blob) from ml.model_version",
    ],
)
def test_what_was_changed_since_is_refused(db: FakeDatabase, damage: str) -> None:
    train(db)
    visible = seen(db)
    db.execute(damage)
    with pytest.raises(ArtifactError) as caught, session(db, "ann"):
        load_artifacts(db, visible, ["plan", "linear"])
    assert caught.value.sqlstate == "ML018"


def test_artifacts_are_read_by_the_owner_alone(db: FakeDatabase) -> None:
    train(db)
    visible = seen(db)
    db.statements.clear()
    with session(db, "ann"):
        load_artifacts(db, visible, ["plan"])
        assert db.query("select * from ml.artifact") == []
    assert {one.role for one in db.statements if one.sql in (artifacts._CHUNKS, artifacts._DIGESTS)} == {"postgres"}


def test_a_tenants_models_are_listed(db: FakeDatabase) -> None:
    rows = [{"tenant_id": "north", "model_id": "b"}, {"tenant_id": "south", "model_id": "c"}]
    db.answer("left join ml.model_version v on v.id operator(pg_catalog.=) m.deployed_version_id", rows)
    with session(db, "ann"):
        assert [row["model_id"] for row in list_models(db, "north")] == ["b"]


def test_who_may_only_predict_is_told_no_query_table_or_role(db: FakeDatabase) -> None:
    train(db)
    db.create_role("eve")
    with session(db, "postgres"):
        grants.grant_usage(db, "eve", "north", access="predict")
    with session(db, "eve"):
        found = json.loads(model_info(db, visibility.look_up(db, "m", None, "north", "predict")))
    assert found["classes"] == ["no", "yes"]
    for name in ("training_query", "source_tables", "trained_by", "warnings", "data_fingerprint"):
        assert found[name] is None, name


def test_the_description_of_a_version(db: FakeDatabase) -> None:
    train(db)
    train(db)
    first, second = seen(db, version="1.0.0"), seen(db, version="1.1.0")
    with session(db, "ann"):
        found = json.loads(model_info(db, first))
        assert json.loads(model_info(db, second))["deployed"] == 1
    assert (found["tenant_id"], found["model_id"], found["version"], found["deployed"]) == ("north", "m", "1.0.0", 0)
    assert found["hyperparameters"] == {"C": 1.0}
    assert found["classes"] == ["no", "yes"]
    assert "arguments" not in found
