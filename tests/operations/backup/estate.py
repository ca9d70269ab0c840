"""A database that has something of everything a backup has to bring back, and what makes two such databases equal."""

from __future__ import annotations

from typing import Any

import psycopg

Session = psycopg.Connection[Any]

ROWS = """
create table rows as
select i as id, (i * 37 % 101) / 7.0::float8 as load, case when i % 11 > 0 then i % 13 end as visits,
    (array['red', 'green', 'blue'])[1 + i % 3] as colour, i % 2 = 0 as member,
    timestamp '2024-01-01' + i * interval '7 hours' as seen,
    'ticket about ' || (array['paper', 'toner', 'a noisy fan'])[1 + i % 3] as note,
    (array['low', 'high'])[1 + (i * 37 % 101 > 50)::int] as grade, i * 37 % 101 * 3 + i % 13 as price
from generate_series(1, 240) i
"""

COLUMNS = "select load, visits, colour, member, seen"

STEPS = (
    "create role alice login",
    'create role "Bob B" login',
    "create role carol login",
    ROWS,
    'grant select on rows to alice, "Bob B"',
    "select ml.grant_usage('alice', 'acme', admin => true)",
    "select ml.grant_usage('Bob B', 'O''Neill & Sons')",
    "select ml.grant_usage('carol', 'acme')",
    "select ml.grant_usage('Bob B', 'acme', access => 'predict')",
    "select ml.set_option('threads', '1')",
    "select ml.set_quota('acme', max_models => 7)",
    f"select ml.train('linear', 'regression', '{COLUMNS}, note, price from rows', 'price', algorithm => 'ridge')",
    f"select ml.train('boosting', 'regression', '{COLUMNS}, price from rows', 'price', "
    "algorithm => 'hist_gradient_boosting', hyperparameters => '{\"max_iter\": 20}')",
    f"select ml.train('kernel', 'classification', '{COLUMNS}, grade from rows', 'grade', algorithm => 'svm')",
    f"select ml.train('by colour', 'regression', '{COLUMNS}, price from rows', 'price', algorithm => 'ridge', "
    "group_by => 'colour')",
    "select ml.train('scrap', 'clustering', 'select load, price from rows', algorithm => 'kmeans', "
    "hyperparameters => '{\"n_clusters\": 3}')",
    "select ml.delete_model('scrap')",
    "set role alice",
    f"select ml.train('forest', 'classification', '{COLUMNS}, grade from rows', 'grade', algorithm => 'random_forest', "
    """hyperparameters => '{"n_estimators": 20}')""",
    f"select ml.train('forest', 'classification', '{COLUMNS}, grade from rows', 'grade', algorithm => 'random_forest', "
    """search => '{"method": "grid", "params": {"n_estimators": [5, 10]}, "cv": 2}')""",
    "select ml.rollback('forest')",
    "select ml._log_params(ml._start_run('tuning', 'first'), '{\"depth\": 3}')",
    "reset role",
    "select ml.grant_model('linear', 'alice', tenant_id => 'default')",
    "select ml.create_api_key('shop', 'read', tenant_id => 'acme')",
    "drop owned by carol",
    "drop role carol",
)
"""Every way a model is stored and asked, gaps in the sequences, and a role that is gone."""

MODELS = {"linear": None, "boosting": None, "kernel": None, "by colour": None, "forest": "acme"}

ROLES = ("alice", "Bob B")

TABLES = (
    "tenant",
    "model",
    "model_version",
    "artifact",
    "deployment",
    "trial",
    "option",
    "quota",
    "experiment_run",
    "experiment_param",
    "experiment_metric",
    "api_key",
)


def build(session: Session) -> None:
    """Fill a database that has the extension."""
    for step in STEPS:
        session.execute(step.encode())


def contents(session: Session) -> dict[str, Any]:
    """Return every row that the extension keeps, its sequences, and what each role may do."""
    found: dict[str, Any] = {}
    for table in TABLES:
        query = f"select t::text from ml.{table} t order by 1"
        if table == "tenant":  # every installation makes its own `default`
            query = "select case when tenant_id = 'default' then tenant_id else t::text end from ml.tenant t order by 1"
        found[table] = session.execute(query.encode()).fetchall()
    found["tenant_role"] = session.execute(
        "select tenant_id, r.rolname, admin, predict_only from ml.tenant_role t join pg_roles r on r.oid = t.role "
        "order by 1, 2"
    ).fetchall()
    found["model_grant"] = session.execute(
        "select m.tenant_id, m.model_id, r.rolname, g.granted_by, g.granted_at::text from ml.model_grant g "
        "join ml.model m on m.id = g.model join pg_roles r on r.oid = g.role order by 1, 2, 3"
    ).fetchall()
    names = session.execute(
        "select oid::regclass::text from pg_class where relnamespace = 'ml'::regnamespace and relkind = 'S' order by 1"
    ).fetchall()
    for (name,) in names:
        found[name] = session.execute(f"select last_value, is_called from {name}".encode()).fetchone()
    for role in ROLES:
        found[f"rights of {role}"] = rights(session, role)
    return found


def rights(session: Session, role: str) -> list[Any]:
    """Return what a role may do with each function, table and sequence of the extension."""
    return session.execute(
        """select oid::regprocedure::text, array[has_function_privilege(%(role)s, oid, 'execute')]
        from pg_proc where pronamespace = 'ml'::regnamespace
        union all select oid::regclass::text, array(select has_table_privilege(%(role)s, oid, p)
            from unnest(array['select', 'insert', 'update', 'delete']) p)
        from pg_class where relnamespace = 'ml'::regnamespace and relkind in ('r', 'v')
        union all select oid::regclass::text, array[has_sequence_privilege(%(role)s, oid, 'usage')]
        from pg_class where relnamespace = 'ml'::regnamespace and relkind = 'S'
        union all select 'ml', array[has_schema_privilege(%(role)s, 'ml', 'usage')]
        order by 1""",
        {"role": role},
    ).fetchall()


def predictions(session: Session) -> dict[str, list[Any]]:
    """Return the answers of every model for every row, numbers as the bytes they are made of."""
    found = {}
    for model, tenant in MODELS.items():
        found[model] = session.execute(
            """select ml.predict(%(model)s, to_jsonb(r), tenant_id => %(tenant)s)::text, case %(model)s
                when 'forest' then array_send(ml.predict_proba(%(model)s, to_jsonb(r), tenant_id => %(tenant)s))
                when 'kernel' then convert_to(ml.predict_label(%(model)s, to_jsonb(r)), 'utf8')
                else float8send(ml.predict_value(%(model)s, to_jsonb(r), tenant_id => %(tenant)s)) end
            from rows r order by id""",
            {"model": model, "tenant": tenant},
        ).fetchall()
        assert len(found[model]) == 240
    return found


def versions_after(session: Session) -> list[str]:
    """Train two models once more, one of them as a role of a tenant, and return the versions that came of it."""
    row = session.execute(
        f"select model_version from ml.train('linear', 'regression', '{COLUMNS}, note, price from rows', 'price', "
        "algorithm => 'ridge')".encode()
    ).fetchone()
    session.execute("set role alice")
    other = session.execute(
        f"select model_version from ml.train('forest', 'classification', '{COLUMNS}, grade from rows', 'grade', "
        "algorithm => 'random_forest')".encode()
    ).fetchone()
    session.execute("reset role")
    assert row
    assert other
    return [row[0], other[0]]
