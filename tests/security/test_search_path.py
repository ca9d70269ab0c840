"""Objects of an attacker's own that stand in for what the extension's statements name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system
from motadata_ml._operations.batch import IdType
from motadata_ml.mlops import create_experiment_tracker
from tests.security.conftest import Actors, Session, refusal, state
from tests.sessions import messages_of

ROWS = "select i as x, i as y from generate_series(1, 40) as i"

YES = """
create function {schema}.yes({type}, {type}) returns boolean language sql immutable as 'select true';
create operator {schema}.= (function = {schema}.yes, leftarg = {type}, rightarg = {type});
create operator {schema}.<> (function = {schema}.yes, leftarg = {type}, rightarg = {type});
"""

OPERATORS = ("=", "<>", "<", ">", "<=", ">=", "+", "-", "*", "||", "&")
TYPES = ("text", "name", "oid", "bigint", "integer", "float8", "boolean", "timestamptz", '"char"')

TRAP = """
create function {schema}.trap({type}, {type}) returns {result} language plpgsql immutable as
    $$ begin raise exception 'a stand-in of {operator} ran' using errcode = 'UA001'; end $$;
create operator {schema}.{operator} (function = {schema}.trap, leftarg = {type}, rightarg = {type});
"""


def own_schema(actors: Actors, session: Session) -> Iterator[str]:
    """Make a schema of the attacker's, put it before pg_catalog, and drop it afterwards."""
    role = session.info.user
    actors.superuser.execute(f'create schema shadow authorization "{role}"'.encode())
    session.execute("set search_path = shadow, pg_catalog, blue_own")
    yield "shadow"
    actors.superuser.execute("drop schema shadow cascade")


@pytest.fixture
def schema(actors: Actors) -> Iterator[str]:
    """Return a schema of blue's that is searched before pg_catalog."""
    yield from own_schema(actors, actors.blue)


@pytest.fixture
def chiefs_schema(actors: Actors) -> Iterator[str]:
    """Return a schema of chief's that is searched before pg_catalog."""
    yield from own_schema(actors, actors.chief)


@pytest.mark.parametrize(
    "call",
    [
        "ml.current_tenant('rouge')",
        "ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')",
        "ml.predict_batch('only rouge', 'select 60 as x, 0 as w', tenant_id => 'rouge')",
        "ml.list_models('rouge')",
        "ml.get_model_info('only rouge', tenant_id => 'rouge')",
        "ml.delete_model('only rouge', tenant_id => 'rouge')",
        "ml.deploy('m', '1.0.0', 'rouge')",
        "ml.rollback('m', 'rouge')",
        f"ml.train('m', 'regression', '{ROWS}', 'y', algorithm => 'linear', tenant_id => 'rouge')",
    ],
)
def test_an_equals_operator_of_ones_own_opens_no_tenant(actors: Actors, schema: str, call: str) -> None:
    actors.blue.execute(YES.format(schema=schema, type="text").encode())
    before = state(actors.superuser)
    assert refusal(actors.blue, f"select {call}").sqlstate == "ML012"
    assert state(actors.superuser) == before


@pytest.mark.parametrize("call", ["ml.grant_usage('{nobody}', 'rouge')", "ml.revoke_usage('{red}', 'rouge')"])
def test_an_equals_operator_of_ones_own_makes_no_administrator(actors: Actors, chiefs_schema: str, call: str) -> None:
    actors.chief.execute(YES.format(schema=chiefs_schema, type="text").encode())
    before = state(actors.superuser)
    names = {"nobody": actors.nobody.info.user, "red": actors.red.info.user}
    assert refusal(actors.chief, f"select {call.format(**names)}").sqlstate == "42501"
    assert state(actors.superuser) == before


@pytest.mark.parametrize("call", ["ml.grant_usage(session_user, 'rouge')", "ml.current_tenant('rouge')"])
def test_an_equals_operator_of_ones_own_makes_no_superuser(actors: Actors, schema: str, call: str) -> None:
    owner = actors.superuser.info.user
    actors.blue.execute(
        f"""create function {schema}.root(a name, b name) returns boolean language sql immutable as
            $$ select a operator(pg_catalog.=) '{owner}' $$;
        create operator {schema}.= (function = {schema}.root, leftarg = name, rightarg = name)""".encode()
    )
    before = state(actors.superuser)
    assert refusal(actors.blue, f"select {call}").sqlstate in ("42501", "ML012")
    assert state(actors.superuser) == before


def test_an_equals_operator_of_ones_own_shows_no_counters_of_others(actors: Actors, schema: str) -> None:
    actors.blue.execute("select ml.predict('m', array[60, 0])")
    call = "select sum(calls) from ml.stat_models"
    honest = actors.blue.execute(call.encode()).fetchone()
    for _ in range(3):
        actors.red.execute("select ml.predict('only rouge', array[60, 0])")
    actors.blue.execute(YES.format(schema=schema, type="bigint").encode())
    assert actors.blue.execute(call.encode()).fetchone() == honest


CALLS = (
    "ml.current_tenant()",
    f"ml.train('shadowed', 'regression', '{ROWS}', 'y', algorithm => 'linear')",
    "ml.predict('m', array[60, 0])",
    "ml.predict_value('shadowed', array[60])",
    "ml.predict_label('m', array[60, 0])",
    "ml.predict_proba('m', array[60, 0])",
    f"ml.train('sure', 'regression', '{ROWS}', 'y', algorithm => 'linear', test_size => 0.5, intervals => '{{}}')",
    "ml.predict_interval('sure', array[60])",
    "* from ml.predict_batch('sure', 'select 60 as x', level => 0.8)",
    f"ml.evaluate('sure', '{ROWS}')",
    "ml._predict_chunks('m', 'select 60 as x, 0 as w', null, null, null)",
    "* from ml.predict_batch('m', 'select 60 as x, 0 as w')",
    "ml.evaluate('m', $$select 60 as x, 0 as w, 'open' as y$$)",
    "ml.confusion_matrix('m', $$select 60 as x, 0 as w, 'open' as y$$)",
    "ml.roc_curve('m', $$select 60 as x, 0 as w, unnest('{open, other}'::pg_catalog.text[]) as y$$, 'open')",
    "ml.precision_recall_curve('m', $$select 60 as x, 0 as w, 'open' as y$$, 'open')",
    "ml.calibration_curve('m', $$select 60 as x, 0 as w, 'open' as y$$, 'open')",
    "ml.lift_curve('m', $$select 60 as x, 0 as w, 'open' as y$$, 'open')",
    "ml.thresholds('m', $$select 60 as x, 0 as w, 'open' as y$$)",
    f"ml.train('shadowed', 'regression', '{ROWS}', 'y', algorithm => 'linear', deploy => false)",
    f"ml.compare('shadowed', array['1.0.0', '1.1.0'], '{ROWS}')",
    "ml.drift('m', 'select i as x, 0 as w from generate_series(1, 9) as i')",
    "ml.coefficients('shadowed')",
    "ml.explain('m', '{\"x\": 60, \"w\": 0}')",
    "* from ml.explain_batch('m', 'select 60 as x, 0 as w')",
    "* from ml.forecast('select date ''2024-01-01'' + i as d, i as v, i % 2 as s from generate_series(1, 60) as i', "
    "'d', 'v', array['s'])",
    "* from ml.backtest('select date ''2024-01-01'' + i as d, i as v from generate_series(1, 60) as i', 'd', 'v')",
    "* from ml.decompose('select date ''2024-01-01'' + i as d, i as v from generate_series(1, 60) as i', 'd', 'v')",
    "* from ml.series_anomalies('select now() + i * interval ''1 day'' as d, i as v from generate_series(1, 60) as i', "
    "'d', 'v')",
    "ml.to_sql('m')",
    "ml.export_onnx('m')",
    "ml.list_models()",
    "ml.get_model_info('m')",
    "ml.deploy('shadowed', '1.0.0')",
    "ml.doctor()",
    "ml.cache_clear()",
    "ml._cache_status()",
    "ml._stat_models()",
    "ml._tenant_sizes()",
    "ml._training_progress()",
    "ml._options()",
    "ml.run_schedule('m')",
    "ml.unschedule_training('m')",
    "ml.schedule_training('m', '* * * * *')",
    "ml.delete_model('shadowed')",
)
"""Every public function but those whose whole work is a statement with the caller's own path."""

REFUSED = {"ml.run_schedule('m')": "ML009", "ml.schedule_training('m', '* * * * *')": "ML020"}


def run_all(session: Session) -> None:
    """Run every function; those that cannot do their work here give the error they always give."""
    for call in CALLS:
        if call in REFUSED:
            assert refusal(session, f"select {call}").sqlstate == REFUSED[call], call
        else:
            session.execute(f"select {call}".encode())


def test_no_statement_of_the_extension_meets_an_operator_of_the_callers(actors: Actors, schema: str) -> None:
    for kind in TYPES:
        for operator in OPERATORS:
            result = kind if operator in "+-*||&" else "boolean"
            actors.blue.execute(
                TRAP.format(schema=schema, type=kind, operator=operator, result=result)
                .replace("function shadow.trap", f'function shadow."trap {operator}"')
                .replace("= shadow.trap", f'= shadow."trap {operator}"')
                .encode()
            )
    assert refusal(actors.blue, "select 'a'::text = 'a'::text").sqlstate == "UA001"
    run_all(actors.blue)


FUNCTIONS = {
    "unnest(integer[])": "setof integer",
    "unnest(float8[])": "setof float8",
    "unnest(text[])": "setof text",
    "generate_series(integer, integer)": "setof integer",
    "octet_length(bytea)": "integer",
    "length(bytea)": "integer",
    "set_byte(bytea, integer, integer)": "bytea",
}


@pytest.mark.parametrize("call", ["('m', 'select 60 as x, 0 as w')", "('m', 'select 60 as x, 0 as w', 'x')"])
def test_a_batch_of_predictions_meets_no_function_of_the_callers(actors: Actors, schema: str, call: str) -> None:
    for function, result in FUNCTIONS.items():
        actors.blue.execute(
            f"""create function {schema}.{function} returns {result} language plpgsql as
            $$ begin raise exception 'a stand-in of {function} ran' using errcode = 'UA001'; end $$""".encode()
        )
    assert refusal(actors.blue, "select unnest(array[1])").sqlstate == "UA001"
    rows = actors.blue.execute(f"select prediction from ml.predict_batch{call}".encode()).fetchall()
    assert rows == [("secret of blue",)]


def test_no_statement_of_the_extension_meets_a_temporary_type_of_the_callers(actors: Actors) -> None:
    """A type of pg_temp is found before PostgreSQL's own; a check of it would run wherever a value is made."""
    blue = actors.superuser.__class__.connect(actors.blue.info.dsn, autocommit=True)
    with blue:
        notices = messages_of(blue)
        for kind in ("text", "name", "int8", "float8", "jsonb", "bytea", "bool", "oid"):
            blue.execute(
                f"""create function pg_temp.spy(pg_catalog.{kind}) returns pg_catalog.bool language plpgsql immutable
                    as $$ begin raise notice 'spied as %', current_user; return true; end $$;
                create domain pg_temp.{kind} as pg_catalog.{kind} check (pg_temp.spy(value))""".encode()
            )
        blue.execute("select 'a'::text")
        assert notices == [f"spied as {actors.blue.info.user}"]
        notices.clear()
        run_all(blue)
        assert [notice for notice in notices if notice.startswith("spied")] == []


def test_functions_of_the_owner_pin_their_path(actors: Actors) -> None:
    loose = actors.superuser.execute(
        """select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'ml'::regnamespace and p.prosecdef
        and p.proconfig is distinct from array['search_path=pg_catalog, pg_temp']"""
    ).fetchall()
    assert loose == []


def test_nothing_of_the_callers_stands_in_for_the_schema(actors: Actors) -> None:
    """Neither a table of pg_temp nor a path decides what ml.model is."""
    actors.blue.execute("create temporary table model as select 1 as id, 'rouge' as tenant_id")
    actors.blue.execute("create temporary table tenant_role as select 'rouge' as tenant_id, true as admin")
    assert refusal(actors.blue, "select ml.current_tenant('rouge')").sqlstate == "ML012"
    assert refusal(actors.blue, "create schema ml").sqlstate in ("42501", "42P06")
    assert refusal(actors.blue, "alter schema ml rename to mine").sqlstate == "42501"


STANDING_IN = {
    "unnest(integer[])": "setof integer",
    "unnest(float8[])": "setof float8",
    "unnest(text[])": "setof text",
    "row_number()": "bigint",
    "int4send(integer)": "bytea",
    "float8send(float8)": "bytea",
    "array_send(float8[])": "bytea",
    "array_position(text[], text)": "integer",
    "array_fill(float8, integer[])": "float8[]",
    "jsonb_array_elements(jsonb)": "setof jsonb",
    "jsonb_build_object(text, text)": "jsonb",
    "has_schema_privilege(oid, text)": "boolean",
    "make_interval(integer, integer, integer, integer, integer, integer, float8)": "interval",
    "now()": "timestamptz",
    "sum(bigint)": "bigint",
    "current_database()": "name",
    "current_setting(text)": "text",
    "set_config(text, text, boolean)": "text",
}
"""Functions whose names the client's statements, or what they once were, have in them."""


def test_the_clients_own_statements_meet_nothing_of_a_strangers(actors: Actors, schema: str) -> None:
    """The client searches a hostile schema before pg_catalog: functions, operators, aggregates and types."""
    role = actors.blue.info.user
    for function, result in STANDING_IN.items():
        actors.blue.execute(
            f"""create function {schema}.{function} returns {result} language plpgsql as
            $$ begin raise exception 'a stand-in of {function} ran' using errcode = 'UA001'; end $$""".encode()
        )
    actors.blue.execute(
        f"create aggregate {schema}.count(*) "
        "(sfunc = pg_catalog.int8inc, stype = pg_catalog.int8, initcond = '-9')".encode()
    )
    for kind in (*TYPES, "jsonb", "bytea", "interval"):
        for operator in OPERATORS:
            result = kind if operator in "+-*||&" else "boolean"
            actors.blue.execute(
                TRAP.format(schema=schema, type=kind, operator=operator, result=result)
                .replace(f"function {schema}.trap", f'function {schema}."trap {operator}"')
                .replace(f"= {schema}.trap", f'= {schema}."trap {operator}"')
                .encode()
            )
    for kind in ("jsonb", "name", "uuid", "date", "timestamptz", "text"):
        actors.blue.execute(f"create domain {schema}.{kind} as pg_catalog.{kind} check (false)".encode())
    assert refusal(actors.blue, "select 'a'::pg_catalog.text = 'a'::pg_catalog.text").sqlstate == "UA001"
    assert refusal(actors.blue, "select 'a'::text").sqlstate == "23514"
    info = actors.blue.info
    path = {"options": f"-c search_path={schema},pg_catalog,blue_own"}
    with DatabaseConnection(DatabaseConfig(info.host, info.port, info.dbname, role, options=path)) as db:
        assert [row["search_path"] for row in db.execute("show search_path")] == [f"{schema},pg_catalog,blue_own"]
        run_all_of_the_client(create_ml_system(db))


def run_all_of_the_client(system: MLSystem) -> None:
    """Train, predict, score, list, track and manage as an application does."""
    times = pd.date_range("2026-01-01", periods=60, freq="h", tz="UTC")
    frame = pd.DataFrame({"x": np.arange(60.0), "w": ["a", "b", "c"] * 20, "t": times, "id": range(60)})
    outcome = pd.Series(["low", "high"] * 30, name="y")
    result = system.train_model("of the client", "classification", (frame, outcome), algorithm="decision_tree")
    assert result["status"] == "completed"
    row = {"x": 1.0, "w": "a", "t": times[0], "id": 1}
    assert system.predict("of the client", row)["prediction"] in ("low", "high")
    assert system.predict_label("of the client", row) in ("low", "high")
    assert len(system.predict_proba("of the client", row) or ()) == 2
    assert len(system.predict_batch("of the client", frame)) == 60
    assert system.data_processor.to_table(frame, "client_rows", schema="blue_own") == 60
    kinds: tuple[IdType, ...] = ("text", "bigint", "timestamptz")
    for kind in kinds:
        column = "t" if kind == "timestamptz" else "id"
        ids = system.batch("of the client", "blue_own.client_rows", id_column=column, id_type=kind).ids
        assert ids is not None
        assert len(ids) == 60
    assert system.predict_into("of the client", frame, "blue_own.from_the_client", id_column="id", mode="replace") == 60
    assert system.evaluate("of the client", (frame, outcome))["accuracy"] >= 0
    assert system.drift("of the client", frame)
    assert system.to_sql("of the client")
    assert len(system.versions("of the client")) == 1
    assert system.get_model_info("of the client")["model_id"] == "of the client"
    assert system.deployments("of the client")
    assert system.trials("of the client") is not None
    assert any(model["model_id"] == "of the client" for model in system.list_models())
    assert system.tenant_sizes()
    assert system.options()
    assert system.stat_models() is not None
    assert system.schedules() is not None
    tracker = create_experiment_tracker(db=system, experiment="of the client")
    with tracker.start_run("first", tags={"a": 1}) as run:
        run.log_params({"depth": 3})
        run.log_metrics({"loss": 0.5}, step=1)
        assert len(run.history()) == 1
    assert "run" in set(tracker.runs()["kind"])
    assert system.delete_model("of the client")
