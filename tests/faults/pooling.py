"""PgBouncer in transaction mode before the server, for roles that each have a tenant and a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psycopg

from benchmarks.services import pgbouncer
from tests.faults.conftest import Estate, Session, remove_tenant


@contextlib.contextmanager
def pooled_tenants(estate: Estate, model: str, answers: Mapping[str, int]) -> Iterator[str]:
    """Make roles, each with a tenant of its name and a model by which zero gives its number; yields the pool's DSN."""
    with estate.connect() as session:
        for role, constant in answers.items():
            session.execute(f"create role {role}".encode())
            session.execute("select ml.grant_usage(%s, %s)", [role, role])
            session.execute(
                "select ml.train(%s, 'regression', %s, 'y', algorithm => 'linear', tenant_id => %s)",
                [model, f"select x, x + {constant} as y from generate_series(1, 20) as x", role],
            )
    with pgbouncer(estate.cluster.dsn("shop"), "shop") as dsn:
        yield dsn
    with estate.connect() as session:
        for role in answers:
            remove_tenant(session, role, model, role)
    estate.check()


def connect(dsn: str) -> Session:
    """Connect as a client of a transaction pool must: nothing is prepared behind its back."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
