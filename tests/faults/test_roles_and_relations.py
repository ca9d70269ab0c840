"""Roles and tables that are dropped, renamed or handed over while models refer to them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.conftest import Estate, Session, remove_tenant

TRAIN = (
    "select ml.train('m', 'regression', 'select a, b, y from {source}', 'y', algorithm => 'ridge', "
    "tenant_id => 'theirs')"
)
PREDICT = "select count(*) from ml.predict_batch('m', '{source}', tenant_id => 'theirs')"


@pytest.fixture
def ann(estate: Estate) -> Iterator[tuple[Session, Session]]:
    """Make a role that has trained a model on a table of its own; yields the superuser's session and hers."""
    with estate.connect() as session:
        session.execute("create role ann login")
        session.execute("create schema hers authorization ann")
        session.execute("select ml.grant_usage('ann', 'theirs')")
        with estate.cluster.connect("shop", "ann") as hers:
            hers.execute("create table hers.points as select i as id, sin(i) as a, cos(i) as b, sin(i) * 2 as y "
                         "from generate_series(1, 100) as i")  # fmt: skip
            hers.execute(TRAIN.format(source="hers.points").encode())
            yield session, hers
        session.execute("drop schema if exists hers cascade; drop schema if exists renamed cascade")
        remove_tenant(session, "theirs", "m", "ann", "anna", "bob")
    estate.check()


def test_a_role_with_rights_is_not_dropped_by_mistake(ann: tuple[Session, Session]) -> None:
    session, _ = ann
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        session.execute("drop role ann")


def test_dropping_a_role_leaves_the_models_of_its_tenant(ann: tuple[Session, Session], estate: Estate) -> None:
    session, hers = ann
    session.execute("create role bob login")
    session.execute("select ml.grant_usage('bob', 'theirs')")
    session.execute("alter table hers.points owner to bob")
    session.execute("alter schema hers owner to bob")
    hers.close()
    session.execute("drop owned by ann")
    session.execute("drop role ann")
    with estate.cluster.connect("shop", "bob") as his:
        assert his.execute(PREDICT.format(source="hers.points").encode()).fetchone() == (100,)
        listed = his.execute("select trained_by from ml.model_versions where model_id = 'm'").fetchone()
        assert listed == ("ann",)
        his.execute(TRAIN.format(source="hers.points").encode())
    assert session.execute("select count(*) from ml.model_versions where model_id = 'm'").fetchone() == (2,)


def test_a_new_role_of_the_same_name_gets_nothing_of_the_old(ann: tuple[Session, Session], estate: Estate) -> None:
    session, hers = ann
    hers.close()
    session.execute("drop schema hers cascade")
    session.execute("drop owned by ann")
    session.execute("drop role ann")
    session.execute("create role ann login")
    with estate.cluster.connect("shop", "ann") as new, pytest.raises(psycopg.errors.InsufficientPrivilege):
        new.execute("select * from ml.models")


def test_drop_owned_takes_the_rights_and_leaves_the_models(ann: tuple[Session, Session]) -> None:
    session, hers = ann
    session.execute("drop owned by ann")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        hers.execute("select ml.predict_value('m', array[1.0, 2.0])")
    assert session.execute("select count(*) from ml.models where model_id = 'm'").fetchone() == (1,)
    session.execute("select ml.grant_usage('ann', 'theirs')")
    assert hers.execute("select ml.predict_value('m', array[1.0, 2.0]) is not null").fetchone() == (True,)


def test_a_renamed_role_keeps_its_rights(ann: tuple[Session, Session], estate: Estate) -> None:
    session, hers = ann
    session.execute("alter role ann rename to anna")
    assert hers.execute(PREDICT.format(source="hers.points").encode()).fetchone() == (100,)
    with estate.cluster.connect("shop", "anna") as renamed:
        assert renamed.execute("select tenant_id, model_id from ml.models").fetchall() == [("theirs", "m")]


def test_renamed_and_dropped_tables_leave_the_model(ann: tuple[Session, Session]) -> None:
    session, hers = ann
    hers.execute("alter table hers.points rename to dots")
    with pytest.raises(psycopg.Error) as caught:
        hers.execute(PREDICT.format(source="hers.points").encode())
    assert caught.value.sqlstate == "ML002"
    assert hers.execute(PREDICT.format(source="hers.dots").encode()).fetchone() == (100,)
    session.execute("alter schema hers rename to renamed")
    assert hers.execute(PREDICT.format(source="renamed.dots").encode()).fetchone() == (100,)
    hers.execute("alter table renamed.dots rename column a to alpha")
    with pytest.raises(psycopg.Error) as caught:
        hers.execute(PREDICT.format(source="renamed.dots").encode())
    assert caught.value.sqlstate == "ML011"
    assert "'a'" in (caught.value.diag.message_primary or "")
    hers.execute("drop table renamed.dots")
    assert hers.execute("select ml.predict_value('m', array[1.0, 2.0]) is not null").fetchone() == (True,)
    info = hers.execute("select ml.get_model_info('m') ->> 'version'").fetchone()
    assert info == ("1.0.0",)
