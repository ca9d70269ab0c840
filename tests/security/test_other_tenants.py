"""Another tenant's models: used, listed, changed, exported; by name, by setting, by role, by number."""

from __future__ import annotations

import pytest

from tests.security.conftest import Actors, refusal, state

CALLS = {
    "predict jsonb": "ml.predict('only rouge', '{{\"x\": 60, \"w\": 0}}'::jsonb{0})",
    "predict array": "ml.predict('only rouge', array[60, 0]{0})",
    "predict text": "ml.predict('only rouge', '{{60,0}}'{0})",
    "predict version": "ml.predict('only rouge', array[60, 0], version => '1.0.0'{0})",
    "predict_value": "ml.predict_value('only rouge', array[60, 0]{0})",
    "predict_label": "ml.predict_label('only rouge', array[60, 0]{0})",
    "predict_proba": "ml.predict_proba('only rouge', array[60, 0]{0})",
    "predict_interval jsonb": "ml.predict_interval('only rouge', '{{\"x\": 60, \"w\": 0}}'::jsonb, 0.9{0})",
    "predict_interval array": "ml.predict_interval('only rouge', array[60, 0]{0})",
    "predict_interval text": "ml.predict_interval('only rouge', '{{60,0}}'{0})",
    "predict_set": "ml.predict_set('only rouge', array[60, 0]{0})",
    "predict_batch at a level": "ml.predict_batch('only rouge', 'select 60 as x, 0 as w', level => 0.9{0})",
    "predict_level_chunks": (
        "ml._predict_level_chunks('only rouge', 'select 60 as x, 0 as w', null, null, {1}, null, 0.9)"
    ),
    "predict_batch": "ml.predict_batch('only rouge', 'select 60 as x, 0 as w'{0})",
    "predict_chunks": "ml._predict_chunks('only rouge', 'select 60 as x, 0 as w', null, null, {1})",
    "predict_into": "ml.predict_into('only rouge', 'select 60 as x, 0 as w', 'blue_own.taken'{0})",
    "evaluate": "ml.evaluate('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "confusion_matrix": "ml.confusion_matrix('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "roc_curve": "ml.roc_curve('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "precision_recall_curve": "ml.precision_recall_curve('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "calibration_curve": "ml.calibration_curve('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "lift_curve": "ml.lift_curve('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "thresholds": "ml.thresholds('only rouge', 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "compare": "ml.compare('only rouge', array['1.0.0', '1.1.0'], 'select 60 as x, 0 as w, ''open'' as y'{0})",
    "drift": "ml.drift('only rouge', 'select 60 as x, 0 as w'{0})",
    "coefficients": "ml.coefficients('only rouge'{0})",
    "importance": "ml.importance('only rouge'{0})",
    "partial_dependence": "ml.partial_dependence('only rouge', 'x', 'select 60 as x, 0 as w'{0})",
    "cluster_profile": "ml.cluster_profile('only rouge', 'select 60 as x, 0 as w'{0})",
    "counterfactual": "ml.counterfactual('only rouge', '{{\"x\": 60, \"w\": 0}}', 'open'{0})",
    "explain_row": "ml._explain_row('only rouge', '{{\"x\": 60, \"w\": 0}}', null, null, null, false, {1})",
    "explain": "ml.explain('only rouge', '{{\"x\": 60, \"w\": 0}}'{0})",
    "explain_batch": "ml.explain_batch('only rouge', 'select 60 as x, 0 as w'{0})",
    "explain_chunks": "ml._explain_chunks('only rouge', 'select 60 as x, 0 as w', null, 1, null, null, true, 9, {1})",
    "get_model_info": "ml.get_model_info('only rouge'{0})",
    "deploy": "ml.deploy('only rouge', '1.0.0'{0})",
    "rollback": "ml.rollback('only rouge'{0})",
    "delete_model": "ml.delete_model('only rouge'{0})",
    "delete version": "ml.delete_model('only rouge', '1.0.0'{0})",
    "to_sql": "ml.to_sql('only rouge'{0})",
    "create_sql_function": "ml.create_sql_function('only rouge', 'blue_own.taken'{0})",
    "export_onnx": "ml.export_onnx('only rouge'{0})",
}


@pytest.mark.parametrize("call", CALLS)
def test_named_by_argument(actors: Actors, call: str) -> None:
    before = state(actors.superuser)
    statement = "select " + CALLS[call].format(", tenant_id => 'rouge'", "'rouge'")
    assert refusal(actors.blue, statement).sqlstate == "ML012"
    assert state(actors.superuser) == before


@pytest.mark.parametrize("call", CALLS)
def test_chosen_by_setting(actors: Actors, call: str) -> None:
    actors.blue.execute("set ml.tenant_id = 'rouge'")
    assert refusal(actors.blue, "select " + CALLS[call].format("", "null")).sqlstate == "ML012"


@pytest.mark.parametrize("call", CALLS)
def test_known_by_name(actors: Actors, call: str) -> None:
    assert refusal(actors.blue, "select " + CALLS[call].format("", "null")).sqlstate == "ML001"


@pytest.mark.parametrize("call", CALLS)
def test_a_role_with_nothing_gets_nothing(actors: Actors, call: str) -> None:
    assert refusal(actors.nobody, "select " + CALLS[call].format("", "null")).sqlstate == "42501"


def test_training_into_another_tenant(actors: Actors) -> None:
    before = state(actors.superuser)
    train = "select ml.train('only rouge', 'regression', 'select 1 as x, 2 as y union all select 2, 3', 'y'{})"
    assert refusal(actors.blue, train.format(", tenant_id => 'rouge'")).sqlstate == "ML012"
    actors.blue.execute("set ml.tenant_id = 'rouge'")
    assert refusal(actors.blue, train.format("")).sqlstate == "ML012"
    assert state(actors.superuser) == before


def test_importing_into_another_tenant(actors: Actors) -> None:
    before = state(actors.superuser)
    take = "select ml.import_model('only rouge', ''::bytea, 'onnx', 'regression'{})"
    assert refusal(actors.blue, take.format(", tenant_id => 'rouge'")).sqlstate == "ML012"
    actors.blue.execute("set ml.tenant_id = 'rouge'")
    assert refusal(actors.blue, take.format("")).sqlstate == "ML012"
    assert state(actors.superuser) == before


def test_listing_another_tenant(actors: Actors) -> None:
    assert refusal(actors.blue, "select ml.list_models('rouge')").sqlstate == "ML012"
    for view in ("models", "model_versions", "trials"):
        rows = actors.blue.execute(f"select * from ml.{view}".encode()).fetchall()
        assert "rouge" not in str(rows), view
    assert actors.blue.execute("select distinct tenant_id from ml.models").fetchall() == [("blue",)]


@pytest.mark.parametrize(
    "table",
    [
        "tenant",
        "tenant_role",
        "model",
        "model_version",
        "deployment",
        "trial",
        "api_key",
        "experiment_run",
        "model_grant",
    ],
)
def test_no_table_is_read_by_a_tenant(actors: Actors, table: str) -> None:
    for session in (actors.blue, actors.chief):
        assert refusal(session, f"select t::text from ml.{table} as t").sqlstate == "42501"


@pytest.mark.parametrize(
    "change",
    [
        "insert into ml.tenant_role (tenant_id, role) values ('rouge', current_user::regrole)",
        "update ml.tenant_role set tenant_id = 'rouge'",
        "update ml.tenant_role set admin = true",
        "update ml.model set tenant_id = 'blue'",
        "update ml.model set deployed_version_id = 1",
        "update ml.model_version set tenant_id = 'blue', model = 1",
        "insert into ml.deployment (model, tenant_id, version_id, deployed_by) values (1, 'blue', 1, 'x')",
        "delete from ml.model",
        "truncate ml.model cascade",
        "alter table ml.model disable row level security",
        "alter table ml.model no force row level security",
        "create policy everything on ml.model using (true)",
        "alter table ml.model owner to current_user",
        "grant select on ml.artifact to public",
        "create or replace view ml.models as select * from ml.model",
        "create trigger t before insert on ml.model execute function suppress_redundant_updates_trigger()",
        "alter function ml._run_write() security invoker",
        "drop extension motadata_ml",
        "comment on schema ml is 'mine'",
        "create table ml.mine ()",
        "create function ml.mine() returns int language sql as 'select 1'",
    ],
)
def test_the_catalogue_and_the_tables_take_no_change(actors: Actors, change: str) -> None:
    before = state(actors.superuser)
    assert refusal(actors.blue, change).sqlstate == "42501"
    assert refusal(actors.chief, change).sqlstate == "42501"
    assert state(actors.superuser) == before


@pytest.mark.parametrize(
    "change",
    [
        "insert into ml.api_key (tenant_id, name, digest) values ('rouge', 'mine', sha256('a'))",
        "update ml.api_key set tenant_id = 'rouge'",
        "insert into ml.experiment_run (tenant_id, experiment) values ('rouge', 'mine')",
        "update ml.experiment_run set tenant_id = 'rouge'",
    ],
)
def test_what_clients_write_stays_in_their_tenant(own_actors: Actors, change: str) -> None:
    own_actors.blue.execute("select ml._start_run('own')")
    assert refusal(own_actors.chief, change).sqlstate == "42501"
    assert refusal(own_actors.blue, change).sqlstate == "42501"


def test_set_role_to_another_tenant(actors: Actors) -> None:
    assert refusal(actors.blue, f'set role "{actors.red.info.user}"').sqlstate == "42501"
    assert refusal(actors.blue, f'set session authorization "{actors.red.info.user}"').sqlstate == "42501"


def test_a_pooled_session_follows_its_role_and_not_its_cache(actors: Actors) -> None:
    pool, call = actors.pool, "select ml.predict_label('only rouge', array[60, 0])"
    assert refusal(pool, call).sqlstate == "42501"
    pool.execute(f'set role "{actors.red.info.user}"'.encode())
    assert pool.execute(call.encode()).fetchone() == ("secret of rouge",)
    pool.execute(f'set role "{actors.blue.info.user}"'.encode())
    assert refusal(pool, call).sqlstate == "ML001"
    assert pool.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",)
    assert pool.execute("select model_id from ml.cache_status").fetchall() == [("m",)]
    pool.execute("reset role")
    assert refusal(pool, call).sqlstate == "42501"


def test_a_role_change_within_a_statement(actors: Actors) -> None:
    red, blue = actors.red.info.user, actors.blue.info.user
    actors.pool.execute(f'set role "{red}"'.encode())
    found = actors.pool.execute(
        "select set_config('role', %s, false), ml.predict_label('m', array[60, 0]) from generate_series(1, 2)", [blue]
    ).fetchall()
    assert {label for _, label in found} <= {"secret of blue"}


@pytest.mark.parametrize(
    "revoke", ["select ml.revoke_usage('{0}', 'rouge')", "delete from ml.tenant_role where role = '\"{0}\"'::regrole"]
)
def test_a_revoked_role_stops_at_the_next_statement(own_actors: Actors, revoke: str) -> None:
    call = "select ml.predict_label('m', array[60, 0])"
    assert own_actors.red.execute(call.encode()).fetchone() == ("secret of rouge",)
    own_actors.superuser.execute(revoke.format(own_actors.red.info.user).encode())
    assert refusal(own_actors.red, call).sqlstate in ("42501", "ML012")


def test_a_forged_input_chooses_no_tenant_and_no_model(actors: Actors) -> None:
    forged = '{"x": 60, "w": 0, "tenant_id": "rouge", "model_id": "only rouge", "__class__": "x", "version_id": 1}'
    answer = actors.blue.execute("select ml.predict('m', %s::jsonb)", [forged]).fetchone()
    assert answer
    assert (answer[0]["prediction"], answer[0]["model_id"]) == ("secret of blue", "m")


def test_what_exists_elsewhere_looks_like_what_exists_nowhere(actors: Actors) -> None:
    there = refusal(actors.blue, "select ml.predict('only rouge', array[1, 2])").diag
    nowhere = refusal(actors.blue, "select ml.predict('only rex', array[1, 2])").diag
    assert str(there.message_primary).replace("only rouge", "only rex") == nowhere.message_primary
    assert there.message_hint == nowhere.message_hint
    tenant = refusal(actors.blue, "select ml.predict('m', array[1, 2], tenant_id => 'rouge')").diag
    no_tenant = refusal(actors.blue, "select ml.predict('m', array[1, 2], tenant_id => 'rex')").diag
    assert str(tenant.message_primary).replace("'rouge'", "'rex'") == no_tenant.message_primary


def test_a_tenant_administrator_stays_in_the_tenant(own_actors: Actors) -> None:
    nobody = own_actors.nobody.info.user
    for call in (f"ml.grant_usage('{nobody}', 'rouge')", f"ml.revoke_usage('{own_actors.red.info.user}', 'rouge')"):
        assert refusal(own_actors.chief, f"select {call}").sqlstate == "42501"
    assert refusal(own_actors.blue, f"select ml.grant_usage('{nobody}', 'blue')").sqlstate == "42501"
    assert (
        refusal(own_actors.chief, "select ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')").sqlstate
        == "ML012"
    )
    own_actors.chief.execute("select ml.grant_usage(%s, 'blue')", [nobody])
    assert own_actors.nobody.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",)


def test_counters_and_sizes_show_nothing_of_another_tenant(actors: Actors) -> None:
    actors.red.execute("select ml.predict('only rouge', array[60, 0])")
    for view in ("stat_models", "tenant_sizes", "training_progress", "cache_status"):
        assert "rouge" not in str(actors.blue.execute(f"select t::text from ml.{view} as t".encode()).fetchall()), view
    assert "only rouge" in str(actors.red.execute("select t::text from ml.stat_models as t").fetchall())
