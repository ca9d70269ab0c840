"""Who may only predict does nothing else; a model that is shared is shared alone, for predictions, until it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.conftest import conninfo
from tests.security.conftest import Actors, Session, refusal

MORE_THAN_PREDICT = [
    "ml.train('m', 'regression', 'select i as x, i as y from generate_series(1, 9) i', 'y'{})",
    "ml.deploy('m', '1.0.0'{})",
    "ml.rollback('m'{})",
    "ml.delete_model('m'{})",
    "ml.delete_model('m', '1.0.0'{})",
    "ml.evaluate('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.confusion_matrix('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.roc_curve('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.precision_recall_curve('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.calibration_curve('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.lift_curve('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.thresholds('m', 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.compare('m', array['1.0.0', '1.1.0'], 'select 1 as x, 2 as w, 3 as y'{})",
    "ml.drift('m', 'select 1 as x, 2 as w'{})",
    "ml.coefficients('m'{})",
    "ml.importance('m'{})",
    "ml.partial_dependence('m', 'x', 'select 1 as x, 2 as w'{})",
    "ml.cluster_profile('m', 'select 1 as x, 2 as w'{})",
    "ml.counterfactual('m', jsonb_build_object('x', 1, 'w', 2), 'open'{})",
    "ml.explain('m', jsonb_build_object('x', 1, 'w', 2){})",
    "ml.explain_batch('m', 'select 1 as x, 2 as w'{})",
    "ml.to_sql('m'{})",
    "ml.export_onnx('m'{})",
    "ml.import_model('m', ''::bytea, 'onnx', 'regression'{})",
    "ml.create_sql_function('m', 'public.f'{})",
    "ml.schedule_training('m', '0 3 * * *'{})",
    "ml.unschedule_training('m'{})",
    "ml.run_schedule('m'{})",
    "ml._start_run('x'{})",
    "ml.grant_model('m', current_user{})",
    "ml.revoke_model('m', current_user{})",
]

PREDICTIONS = {
    "ml.predict('m', array[60, 0]{}) ->> 'prediction'": "secret of rouge",
    "ml.predict_label('m', array[60, 0]{})": "secret of rouge",
    "cardinality(ml.predict_proba('m', array[60, 0]{}))": 2,
    "(select prediction from ml.predict_batch('m', 'select 60 as x, 0 as w'{}))": "secret of rouge",
    "ml.predict_into('m', 'select 60 as x, 0 as w', 'pg_temp.predicted'{})": 1,
    "ml.get_model_info('m'{}) ->> 'training_query'": None,
    "ml.get_model_info('m'{}) ->> 'trained_by'": None,
    "ml.get_model_info('m'{}) ->> 'source_tables'": None,
    "ml.get_model_info('m'{}) -> 'classes'": ["open", "secret of rouge"],
}


@pytest.fixture(scope="module")
def app(
    server: PostgreSQLExecutor, _shared_actors: Actors, module_role_factory: Callable[..., str]
) -> Iterator[Session]:
    """Connect as an application that may predict for rouge."""
    role = module_role_factory("app")
    _shared_actors.superuser.execute("select ml.grant_usage(%s, 'rouge', access => 'predict')", [role])
    with psycopg.connect(conninfo(server, _shared_actors.dbname, role), autocommit=True) as session:
        yield session


@pytest.mark.no_attack
@pytest.mark.parametrize("call", PREDICTIONS)
def test_an_application_predicts(app: Session, call: str) -> None:
    assert app.execute(f"select {call}".format("").encode()).fetchone() == (PREDICTIONS[call],)
    app.execute("drop table if exists pg_temp.predicted")


@pytest.mark.parametrize("call", MORE_THAN_PREDICT)
def test_an_application_does_nothing_else(app: Session, call: str) -> None:
    error = refusal(app, f"select {call}".format(""))
    assert error.sqlstate == "42501"
    # internal functions are a user's to call, and ask themselves
    assert "permission denied for function" in str(error) or call.startswith("ml._")


@pytest.mark.parametrize("call", MORE_THAN_PREDICT)
def test_access_to_one_tenant_is_none_to_another(actors: Actors, call: str) -> None:
    """Who may train for blue can call the functions; for rouge it may only predict, and each asks."""
    role = actors.blue.info.user
    actors.superuser.execute("select ml.grant_usage(%s, 'rouge', access => 'predict')", [role])
    try:
        own = ", tenant_id => 'rouge'"
        assert refusal(actors.blue, f"select {call}".format(own)).sqlstate == "42501"
        (label,) = actors.blue.execute(f"select ml.predict_label('m', array[60, 0]{own})".encode()).fetchone()  # type: ignore[misc]
        assert label == "secret of rouge"
    finally:
        actors.superuser.execute("select ml.revoke_usage(%s, 'rouge')", [role])


def test_an_application_sees_the_models_and_no_more(app: Session, actors: Actors) -> None:
    rows = app.execute("select tenant_id, model_id, deployed_version, trained_by, access, granted_to from ml.models")
    assert rows.fetchall() == [
        ("rouge", "m", "1.1.0", None, "predict", None),
        ("rouge", "only rouge", "1.0.0", None, "predict", None),
    ]
    assert app.execute("select count(*) from ml.list_models()").fetchone() == (2,)
    for view in ("model_versions", "trials", "deployments", "experiment_runs", "tenant_roles", "stat_models"):
        assert refusal(app, f"select * from ml.{view}").sqlstate == "42501", view
    listed = actors.superuser.execute(
        "select access from ml.tenant_roles where role = %s::regrole", [app.info.user]
    ).fetchall()
    assert listed == [("predict",)]


def test_access_is_raised_and_lowered_by_the_next_call(
    own_actors: Actors, role_factory: Callable[..., str], connect: Callable[..., Session]
) -> None:
    role = role_factory("climber")
    session = connect(role=role, dbname=own_actors.dbname)
    drift = "select count(*) from ml.drift('m', 'select 1 as x, 2 as w', tenant_id => 'blue')"
    chief = own_actors.chief
    for access, allowed in (("predict", False), ("train", True), ("predict", False), ("admin", True), (None, True)):
        chief.execute("select ml.grant_usage(%s, 'blue', access => %s)", [role, access])
        if allowed:
            session.execute(drift.encode())
        else:
            assert refusal(session, drift).sqlstate == "42501"
        call = f"select ml.grant_usage('{role}', 'blue', admin => true)"
        if access == "admin":
            session.execute(call.encode())
        else:
            assert refusal(session, call).sqlstate == "42501"
    assert refusal(chief, f"select ml.grant_usage('{role}', 'blue', access => 'all')").sqlstate == "ML009"
    assert refusal(chief, f"select ml.grant_usage('{role}', 'blue', true, 'predict')").sqlstate == "ML009"
    assert refusal(chief, f"select ml.grant_usage('{role}', 'rouge', access => 'predict')").sqlstate == "42501"


def test_a_shared_model_is_shared_alone_until_it_is_taken_back(own_actors: Actors) -> None:
    blue, red, superuser = own_actors.blue, own_actors.red, own_actors.superuser
    role = blue.info.user
    superuser.execute("select ml.grant_usage(%s, 'rouge', admin => true)", [red.info.user])
    call = "select ml.predict_label('m', array[60, 0], tenant_id => 'rouge')"
    assert refusal(blue, call).sqlstate == "ML012"
    assert refusal(own_actors.chief, f"select ml.grant_model('m', '{role}', tenant_id => 'rouge')").sqlstate == "ML012"
    assert refusal(red, f"select ml.grant_model('m', '{role}', 'train')").sqlstate == "ML009"
    assert refusal(red, f"select ml.grant_model('nothing', '{role}')").sqlstate == "ML001"
    red.execute("select ml.grant_model('m', %s, 'predict')", [role])
    red.execute("select ml.grant_model('m', %s)", [role])  # once more changes nothing
    for prediction, expected in PREDICTIONS.items():
        found = blue.execute(f"select {prediction}".format(", tenant_id => 'rouge'").encode()).fetchone()
        assert found == (expected,), prediction
    assert blue.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",)
    for statement in MORE_THAN_PREDICT:
        error = refusal(blue, f"select {statement}".format(", tenant_id => 'rouge'"))
        assert error.sqlstate in ("ML012", "42501"), statement
    other = "select ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')"
    nowhere = "select ml.predict('only rex', array[60, 0], tenant_id => 'rouge')"
    told = [refusal(blue, one).diag for one in (other, nowhere)]
    assert told[0].sqlstate == told[1].sqlstate == "ML001"
    assert str(told[0].message_primary).replace("rouge'", "rex'", 1) == told[1].message_primary
    shown = "select tenant_id, model_id, access, trained_by, granted_to from ml.models where tenant_id = 'rouge'"
    assert blue.execute(shown.encode()).fetchall() == [("rouge", "m", "predict", None, None)]
    assert blue.execute("select count(*) from ml.list_models('rouge')").fetchone() == (1,)
    assert blue.execute("select count(*) from ml.model_versions where tenant_id = 'rouge'").fetchone() == (0,)
    assert red.execute("select granted_to from ml.models order by model_id").fetchall() == [([role],), (None,)]
    assert refusal(own_actors.chief, call).sqlstate == "ML012"  # of the same tenant, and not granted
    red.execute("select ml.revoke_model('m', %s)", [role])
    assert refusal(blue, call).sqlstate == "ML012"
    assert blue.execute(shown.encode()).fetchall() == []
    assert refusal(red, f"select ml.revoke_model('m', '{role}')").sqlstate == "ML009"


def test_a_role_without_a_tenant_uses_what_it_was_granted(own_actors: Actors) -> None:
    nobody, superuser = own_actors.nobody, own_actors.superuser
    call = "select ml.predict_label('m', array[60, 0], tenant_id => 'rouge')"
    superuser.execute("select ml.grant_model('m', %s, tenant_id => 'rouge')", [nobody.info.user])
    assert nobody.execute(call.encode()).fetchone() == ("secret of rouge",)
    nobody.execute("set ml.tenant_id = 'rouge'")
    assert nobody.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of rouge",)
    nobody.execute("reset ml.tenant_id")
    assert refusal(nobody, "select ml.predict_label('m', array[60, 0])").sqlstate == "ML012"
    assert refusal(nobody, "select ml.train('m', 'regression', 't', 'y')").sqlstate == "42501"
    assert superuser.execute("select ok from ml.doctor() where check_name = 'rights'").fetchone() == (True,)
    superuser.execute("select ml.revoke_model('m', %s, 'rouge')", [nobody.info.user])
    assert refusal(nobody, call).sqlstate == "42501"
    assert superuser.execute("select has_schema_privilege(%s, 'ml', 'usage')", [nobody.info.user]).fetchone() == (
        False,
    )


def test_a_model_that_is_deleted_is_shared_no_more(own_actors: Actors) -> None:
    superuser = own_actors.superuser
    superuser.execute("select ml.grant_model('m', %s, tenant_id => 'rouge')", [own_actors.blue.info.user])
    superuser.execute("select ml.delete_model('m', tenant_id => 'rouge')")
    assert superuser.execute("select count(*) from ml.model_grant").fetchone() == (0,)
    assert refusal(own_actors.blue, "select ml.predict('m', array[1, 2], tenant_id => 'rouge')").sqlstate == "ML012"


def test_access_and_shared_models_outlive_a_change_of_the_group(own_actors: Actors) -> None:
    """What a group was granted, its members have, and lose with the membership."""
    superuser, nobody, blue = own_actors.superuser, own_actors.nobody.info.user, own_actors.blue
    superuser.execute("select ml.grant_model('only rouge', %s, tenant_id => 'rouge')", [nobody])
    call = "select ml.predict_label('only rouge', array[60, 0], tenant_id => 'rouge')"
    assert refusal(blue, call).sqlstate == "ML012"
    superuser.execute(f'grant "{nobody}" to "{blue.info.user}"'.encode())
    assert blue.execute(call.encode()).fetchone() == ("secret of rouge",)
    superuser.execute(f'revoke "{nobody}" from "{blue.info.user}"'.encode())
    assert refusal(blue, call).sqlstate == "ML012"


@pytest.mark.parametrize("name", ["forecast", "backtest", "decompose", "series_anomalies"])
def test_who_may_only_predict_forecasts_nothing(app: Session, name: str) -> None:
    call = f"select ml.{name}('select now() as d, 1 as v', 'd', 'v')"
    assert "permission denied for function" in str(refusal(app, call))
