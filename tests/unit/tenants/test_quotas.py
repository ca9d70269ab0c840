"""What a tenant may hold and train at the most."""

from __future__ import annotations

from pathlib import Path

import pytest

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError, QuotaExceededError
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.tenants import quotas, training_budget
from motadata_ml_server.tenants.quotas import Limits
from motadata_ml_server.tenants.training_budget import TrainingClock
from tests.unit.fakes import artifact, extension, grant, session, share_counters, train


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDatabase:
    share_counters(monkeypatch, tmp_path)
    db = extension()
    grant(db, "ann", "north")
    return db


def set_quota(
    db: FakeDatabase,
    models: int | None = None,
    size: int | None = None,
    seconds: float | None = None,
    *,
    tenant: str = "north",
    role: str = "postgres",
) -> None:
    with session(db, role):
        quotas.set_quota(db, tenant, models, size, seconds)


def limits(db: FakeDatabase) -> Limits | None:
    return quotas.limits_of(db, "north")


def stored(db: FakeDatabase) -> int:
    with session(db, "ann"):
        return int(next(quotas.tenant_sizes(db))["bytes"])


def check(db: FakeDatabase, model_id: str) -> Limits | None:
    with session(db, "ann"):
        return quotas.check_before_training(db, "north", model_id)


def test_a_tenant_has_no_limits_at_first(db: FakeDatabase) -> None:
    assert limits(db) is None
    assert check(db, "m") is None


def test_limits_are_kept_with_who_set_them_and_replaced(db: FakeDatabase) -> None:
    set_quota(db, 1, 2, 3.5)
    assert limits(db) == Limits(1, 2, 3.5)
    set_quota(db, models=4)
    assert limits(db) == Limits(4, None, None)
    assert db.execute("select set_by from ml.quota") == [{"set_by": "postgres"}]


def test_no_limit_at_all_removes_the_quota(db: FakeDatabase) -> None:
    set_quota(db, 1)
    set_quota(db)
    assert limits(db) is None


def test_a_quota_makes_its_tenant(db: FakeDatabase) -> None:
    set_quota(db, 1, tenant="new")
    assert {"tenant_id": "new"} in db.execute("select tenant_id from ml.tenant")


def test_only_the_owner_sets_quotas(db: FakeDatabase) -> None:
    grant(db, "boss", "north", admin=True)
    with pytest.raises(InsufficientPrivilegeError):
        set_quota(db, 1, role="boss")
    assert limits(db) is None


@pytest.mark.parametrize(("name", "values"), [("max_models", (-1, None, None)), ("max_bytes", (None, -1, None))])
def test_a_negative_limit_is_refused(db: FakeDatabase, name: str, values: tuple[int | None, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} must not be negative, got -1"):
        set_quota(db, *values)


def test_seconds_that_are_no_number_are_refused(db: FakeDatabase) -> None:
    with pytest.raises(InvalidArgumentError, match="max_training_seconds_per_day"):
        set_quota(db, seconds=float("nan"))


def test_as_many_models_as_allowed_and_their_versions_are_stored(db: FakeDatabase) -> None:
    set_quota(db, models=1)
    assert [train(db), train(db)] == ["1.0.0", "1.1.0"]
    assert check(db, "m") == Limits(1, None, None)
    with pytest.raises(QuotaExceededError, match="has 1 models and may have max_models = 1"):
        check(db, "other")


def test_a_model_too_many_is_not_stored(db: FakeDatabase) -> None:
    set_quota(db, models=1)
    train(db)
    with pytest.raises(QuotaExceededError) as caught:
        train(db, "other")
    assert caught.value.sqlstate == "ML021"
    assert len(db.execute("select * from ml.model")) == 1


def test_another_tenants_models_do_not_count(db: FakeDatabase) -> None:
    grant(db, "bob", "south")
    train(db, role="bob", tenant_id="south")
    set_quota(db, models=1)
    assert train(db) == "1.0.0"


def test_a_model_of_too_many_bytes_leaves_nothing(db: FakeDatabase) -> None:
    train(db, artifacts=[artifact("linear", bytes(60))])
    size = stored(db)
    train(db, artifacts=[artifact("linear", bytes(60))])
    set_quota(db, size=3 * size)
    assert stored(db) == 2 * size
    with pytest.raises(QuotaExceededError, match=f"more than max_bytes = {3 * size}"):
        train(db, artifacts=[artifact("linear", bytes(61))])
    assert len(db.execute("select * from ml.model_version")) == 2
    assert train(db, artifacts=[artifact("linear", bytes(60))]) == "1.2.0"


@pytest.mark.parametrize("name", ["training_query", "arguments", "hyperparameters", "features", "metrics", "warnings"])
def test_what_describes_a_version_counts(db: FakeDatabase, name: str) -> None:
    train(db)
    before = stored(db)
    db.execute(f"update ml.model_version set {name} = coalesce({name}, '') || ?", " " * 1000)
    assert stored(db) == before + 1000


def test_a_tenant_whose_bytes_are_used_up_trains_nothing(db: FakeDatabase) -> None:
    train(db, artifacts=[artifact("linear", bytes(60))])
    set_quota(db, size=60)
    with pytest.raises(QuotaExceededError, match="max_bytes"):
        check(db, "m")


def test_sizes_are_of_the_callers_tenants(db: FakeDatabase) -> None:
    grant(db, "bob", "south")
    train(db, artifacts=[artifact("linear", bytes(60))], training_time=2.0)
    train(db, "other", training_time=3.0)
    set_quota(db, models=7)
    with session(db, "ann"):
        (found,) = list(quotas.tenant_sizes(db))
    texts = quotas._TEXTS["version"]
    described = " + ".join(f"coalesce(length({name}), 0)" for name in texts)
    rows = db.execute(f"select {quotas.ROW_BYTES} + {described} as bytes from ml.model_version v")
    rows += db.execute(f"select {quotas.ROW_BYTES} as bytes from ml.deployment where tenant_id = 'north'")
    assert found == {
        "tenant_id": "north",
        "models": 2,
        "versions": 2,
        "bytes": 60 + len(b"{}") + len(b"weights") + sum(row["bytes"] for row in rows),
        "training_seconds": 5.0,
        "max_models": 7,
        "max_bytes": None,
        "max_training_seconds_per_day": None,
        "training_seconds_today": 5.0,
    }
    with session(db, "bob"):
        assert [row["tenant_id"] for row in quotas.tenant_sizes(db)] == ["south"]


def test_seconds_of_the_day_count_while_they_pass(db: FakeDatabase) -> None:
    with TrainingClock(db, "north", None) as clock:
        clock.tick()
        during = training_budget.seconds_today(db, "north")
    assert 0.0 < during <= training_budget.seconds_today(db, "north")
    assert training_budget.seconds_today(db, "south") == 0.0


def test_a_training_beyond_its_seconds_is_ended(db: FakeDatabase) -> None:
    train(db, training_time=10.0)
    with pytest.raises(QuotaExceededError, match="max_training_seconds_per_day = 10"), TrainingClock(db, "north", 10.0):
        pass
    with TrainingClock(db, "north", 11.0) as clock:
        clock.tick()


def test_seconds_of_another_day_do_not_count(db: FakeDatabase) -> None:
    train(db, training_time=10.0)
    db.execute("update ml.model_version set trained_at = '2020-01-01 00:00:00.000'")
    with TrainingClock(db, "north", 10.0) as clock:
        clock.tick()
