"""`ml.to_sql` and `ml.create_sql_function`: the same answers as the model, in plain SQL, here and in DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import psycopg
import pytest

Session = psycopg.Connection[Any]
Connect = Callable[..., Session]
RoleFactory = Callable[..., str]

SETUP = """
create table rows as
select i as id,
    case when i % 7 <> 0 then sin(i) * 10 end as load,
    case when i % 5 <> 0 then i % 11 end as visits,
    (array['red', 'green', 'it''s', null])[1 + i % 4] as "Colour",
    case when i % 9 <> 0 then i % 2 = 0 end as member,
    case when i % 8 <> 0 then date '2019-12-25' + i % 900 end as seen,
    case when sin(i) + (i % 4) / 4.0 > 0.3 then 'high' else 'low' end as grade,
    sin(i) > 0 as flag,
    i % 3 as third,
    20 + 3 * sin(i) + (i % 4) + cos(i) as price
from generate_series(1, 400) as i
"""
FEATURES = ["load", "visits", "Colour", "member", "seen"]
MODELS = {
    "ridge": ("regression", "price", "{}"),
    "poisson": ("regression", "price", "{}"),
    "logistic_regression": ("classification", "grade", "{}"),
    "linear_svc": ("classification", "third", "{}"),
    "decision_tree": ("classification", "grade", '{"max_depth": 5}'),
    "gbm": ("classification", "flag", '{"n_estimators": 5, "max_depth": 2}'),
    "random_forest": ("regression", "price", '{"n_estimators": 5, "max_depth": 4}'),
    "hgb": ("regression", "price", '{"max_iter": 5}'),
    "kmeans": ("clustering", None, '{"n_clusters": 3}'),
}
UNSEEN = (
    "insert into rows select -i, 1e6 * i, null, 'violet', null, date '1931-02-27' + i * 1000 "
    "from generate_series(1, 30) as i"
)


@pytest.fixture(scope="module")
def session(module_db: Session) -> Session:
    module_db.execute(SETUP)
    module_db.execute("set client_min_messages = error")
    for algorithm, (kind, target, hyperparameters) in MODELS.items():
        data = f'select load, visits, "Colour", member, seen{", " + target if target else ""} from rows'
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s, hyperparameters => %s)",
            [algorithm, kind, data, target, algorithm, hyperparameters],
        )
    module_db.execute(UNSEEN)
    return module_db


def text(session: Session, query: str, *values: Any) -> str:
    row = session.execute(query.encode(), values).fetchone()
    assert row
    return str(row[0])


def outputs(model: str) -> list[str]:
    kind, target, _ = MODELS[model]
    if kind == "classification":
        return ["label"] if target == "grade" else ["label", "value"]
    return ["value"] if kind == "regression" else ["label", "value"]


CASES = [(model, output) for model in MODELS for output in outputs(model)]


@pytest.mark.parametrize(("model", "output"), CASES)
def test_the_expression_answers_like_the_model_on_every_row(session: Session, model: str, output: str) -> None:
    expression = text(session, "select ml.to_sql(%s, %s)", model, output)
    found = session.execute(
        f"select {expression}, ml.predict_{output}('{model}', to_jsonb(rows)) from rows order by id".encode()
    ).fetchall()
    assert len(found) == 430
    if output == "label":
        assert [str(ours) for ours, _ in found] == [theirs for _, theirs in found]
    else:
        assert [float(ours) for ours, _ in found] == pytest.approx([theirs for _, theirs in found], rel=1e-9)


@pytest.mark.parametrize(("model", "output"), CASES)
def test_duckdb_runs_the_expression_to_the_same_answers(session: Session, model: str, output: str) -> None:
    expression = text(session, "select ml.to_sql(%s, %s, dialect => 'duckdb')", model, output)
    rows = session.execute('select id, load, visits, "Colour", member, seen from rows order by id').fetchall()
    own = [
        a for (a,) in session.execute(f"select ml.predict_{output}('{model}', to_jsonb(rows)) from rows order by id")
    ]
    with duckdb.connect() as duck:
        duck.execute('create table rows (id int, load double, visits int, "Colour" varchar, member boolean, seen date)')
        duck.executemany("insert into rows values (?, ?, ?, ?, ?, ?)", rows)
        found = [answer for (answer,) in duck.execute(f"select {expression} from rows order by id").fetchall()]
    if output == "label":
        assert [str(answer) for answer in found] == own
    else:
        assert [float(answer) for answer in found] == pytest.approx(own, rel=1e-9)


@pytest.mark.parametrize("model", ["ridge", "logistic_regression", "decision_tree"])
def test_the_function_is_inlined_immutable_and_parallel_safe(session: Session, model: str) -> None:
    signature = text(session, "select ml.create_sql_function(%s, %s)", model, f"public.{model}_sql")
    output = "label" if model != "ridge" else "value"
    row = session.execute(
        "select provolatile, proparallel, prosecdef, l.lanname, pg_get_userbyid(proowner) "
        "from pg_proc p join pg_language l on l.oid = p.prolang where p.oid = %s::regprocedure",
        [signature],
    ).fetchone()
    assert row == ("i", "s", False, "sql", session.info.user)
    call = f'{model}_sql(load, visits, "Colour", member, seen)'
    found = session.execute(
        f"select {call}, ml.predict_{output}('{model}', to_jsonb(rows)) from rows order by id".encode()
    ).fetchall()
    if output == "label":
        assert all(ours == theirs for ours, theirs in found)
    else:
        assert [ours for ours, _ in found] == pytest.approx([theirs for _, theirs in found], rel=1e-9)
    plan = "\n".join(line for (line,) in session.execute(f"explain verbose select {call} from rows".encode()))
    assert f"{model}_sql" not in plan, "the planner has put the expression in the call's place"


def test_the_function_runs_in_parallel_workers(session: Session) -> None:
    text(session, "select ml.create_sql_function('ridge', 'public.ridge_parallel')")
    with session.transaction(force_rollback=True):
        for setting in (
            "parallel_setup_cost = 0",
            "parallel_tuple_cost = 0",
            "min_parallel_table_scan_size = 0",
            "max_parallel_workers_per_gather = 2",
        ):
            session.execute(f"set local {setting}".encode())
        query = 'select sum(ridge_parallel(load, visits, "Colour", member, seen)) from rows'
        plan = "\n".join(line for (line,) in session.execute(f"explain {query}".encode()))
        assert "Gather" in plan
        parallel = session.execute(query.encode()).fetchone()
    assert parallel
    assert parallel[0] == pytest.approx(session.execute(query.encode()).fetchone()[0])  # type: ignore[index]


def test_the_caller_owns_the_function_and_needs_the_right_to_make_it(
    db: Session, connect: Connect, role_factory: RoleFactory
) -> None:
    role = role_factory("maker")
    db.execute("select ml.grant_usage(%s, 'default')", [role])
    db.execute(f'create schema own authorization "{role}"'.encode())
    db.execute("select ml.train('m', 'regression', 'select i as x, 2 * i as y from generate_series(1, 50) i', 'y')")
    db.execute(
        "select ml.train('m', 'regression', 'select i as x, 2 * i as y from generate_series(1, 50) i', 'y', "
        "algorithm => 'linear')"
    )
    session = connect(role, db.info.dbname)
    signature = text(session, "select ml.create_sql_function('m', 'own.\"Double\"')")
    assert signature == '"own"."Double"(double precision)'
    assert text(session, 'select own."Double"(21)') == "42.0"
    assert (
        text(session, "select pg_get_userbyid(proowner) from pg_proc where oid = %s::regprocedure", signature) == role
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("select ml.create_sql_function('m', 'public.doubled')")


@pytest.mark.parametrize(
    ("call", "sqlstate", "message"),
    [
        ("ml.to_sql('nothing')", "ML001", "nothing"),
        ("ml.to_sql('ridge', 'proba')", "ML009", "output"),
        ("ml.to_sql('ridge', dialect => 'klingon')", "ML009", "klingon"),
        ("ml.create_sql_function('ridge', 'a b; drop table rows')", "ML009", "function_name"),
        ("ml.create_sql_function('ridge', 'missing.f')", "3F000", "missing"),
        ("ml.create_sql_function('ridge', null)", "ML009", "function_name"),
    ],
)
def test_what_cannot_be_written(session: Session, call: str, sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(f"select {call}".encode())
    assert (caught.value.sqlstate, message in str(caught.value.diag.message_primary)) == (sqlstate, True)
    assert text(session, "select count(*) from rows") == "430"


def test_predict_into_makes_a_table_and_adds_to_it(session: Session) -> None:
    written = text(session, "select ml.predict_into('ridge', 'rows', 'public.\"Answers\"', 'id')")
    assert written == "430"
    assert text(session, "select ml.predict_into('ridge', 'select * from rows limit 5', 'public.\"Answers\"')") == "5"
    found = session.execute(
        "select a.value, ml.predict_value('ridge', to_jsonb(r)) from \"Answers\" a join rows r on r.id = a.id::int "
        "where a.id::int < 0 or a.id::int > 5"
    ).fetchall()
    assert len(found) == 425
    assert [ours for ours, _ in found] == pytest.approx([theirs for _, theirs in found])
    with pytest.raises(psycopg.Error) as caught:
        session.execute("select ml.predict_into('ridge', 'rows', 'x; drop table rows')")
    assert caught.value.sqlstate == "ML009"
    session.execute("create table narrow (id text)")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        session.execute("select ml.predict_into('ridge', 'rows', 'narrow')")
