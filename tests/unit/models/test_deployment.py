"""Which version of a model predicts: deploy, roll back, delete."""

from __future__ import annotations

import pytest

from motadata_ml_server.errors import InvalidArgumentError, ModelNotFoundError, VersionNotFoundError
from motadata_ml_server.models import deployment
from motadata_ml_server.postgres.fake_database import FakeDatabase
from tests.unit.fakes import extension, grant, seen, session, train


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    grant(db, "ann", "north")
    train(db)
    train(db)
    return db


def deploy(db: FakeDatabase, version: str) -> str:
    visible = seen(db, version=version)
    with session(db, "ann"):
        return deployment.deploy(db, visible, "ann")


def rollback(db: FakeDatabase) -> str:
    with session(db, "ann"):
        return deployment.rollback(db, "north", "m")


def delete(db: FakeDatabase, version: str | None = None) -> bool:
    visible = None if version is None else seen(db, version=version)
    with session(db, "ann"):
        return deployment.delete(db, "north", "m", visible)


def deployments(db: FakeDatabase) -> list[bool]:
    """Return whether each deployment stands, oldest first."""
    return [row["rolled_back_at"] is None for row in db.execute("select rolled_back_at from ml.deployment order by id")]


def test_deploying_a_version_makes_it_the_one_that_predicts(db: FakeDatabase) -> None:
    assert seen(db).version == "1.1.0"
    assert deploy(db, "1.0.0") == "1.0.0"
    assert seen(db).version == "1.0.0"
    assert deployments(db) == [True, True, True]


def test_deploying_what_is_deployed_writes_nothing(db: FakeDatabase) -> None:
    deploy(db, "1.1.0")
    assert len(deployments(db)) == 2


def test_a_version_that_was_deleted_meanwhile_is_not_deployed(db: FakeDatabase) -> None:
    visible = seen(db, version="1.0.0")
    delete(db, "1.0.0")
    with pytest.raises(VersionNotFoundError, match="deleted meanwhile"), session(db, "ann"):
        deployment.deploy(db, visible, "ann")


def test_rolling_back_goes_one_deployment_back_each_time(db: FakeDatabase) -> None:
    deploy(db, "1.0.0")
    assert [rollback(db), rollback(db)] == ["1.1.0", "1.0.0"]
    assert deployments(db) == [True, False, False]
    with pytest.raises(VersionNotFoundError, match="no earlier deployment"):
        rollback(db)
    assert seen(db).version == "1.0.0"


def test_a_new_deployment_after_a_rollback_goes_back_to_where_it_began(db: FakeDatabase) -> None:
    rollback(db)
    train(db)
    assert seen(db).version == "1.2.0"
    assert rollback(db) == "1.0.0"


def test_the_deployments_of_a_deleted_version_are_passed_over(db: FakeDatabase) -> None:
    train(db)
    delete(db, "1.1.0")
    assert rollback(db) == "1.0.0"


def test_the_deployed_version_is_not_deleted(db: FakeDatabase) -> None:
    with pytest.raises(InvalidArgumentError, match="is deployed and cannot be deleted"):
        delete(db, "1.1.0")
    assert seen(db).version == "1.1.0"


def test_a_version_takes_its_artifacts_along(db: FakeDatabase) -> None:
    assert delete(db, "1.0.0")
    assert [row["version"] for row in db.execute("select version from ml.model_version")] == ["1.1.0"]
    assert len(db.execute("select distinct version_id from ml.artifact")) == 1


def test_a_model_takes_everything_along(db: FakeDatabase) -> None:
    assert delete(db)
    for table in ("model", "model_version", "artifact", "deployment"):
        assert db.execute(f"select * from ml.{table}") == []
    assert train(db) == "1.0.0"


def test_what_is_not_there_is_not_found(db: FakeDatabase) -> None:
    with pytest.raises(ModelNotFoundError), session(db, "ann"):
        deployment.rollback(db, "north", "other")
    with pytest.raises(ModelNotFoundError), session(db, "ann"):
        deployment.delete(db, "south", "m", None)
