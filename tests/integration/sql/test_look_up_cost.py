"""A look-up by tenant and model costs the same however many there are: counted in pages, not in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from benchmarks.clones import copy_model
from motadata_ml_server.models import visibility
from motadata_ml_server.tenants import resolution

Session = psycopg.Connection[Any]

FEW, MANY = 1_000, 10_000
DEEPER = 4
"""Pages that a look-up may touch more: four indexes, each a level deeper at the most."""


def pages(session: Session, statement: str, *values: str | None) -> int:
    """Return the buffers a prepared look-up touches, its planning left out."""
    session.execute("set plan_cache_mode = force_generic_plan")
    types = f" ({', '.join('text' for _ in values)})" if values else ""
    session.execute(f"prepare look_up{types} as {statement}".encode())
    given = ", ".join("null" if value is None else f"'{value}'" for value in values)
    explained = f"explain (analyze, buffers, format json) execute look_up{f' ({given})' if values else ''}"
    session.execute(explained.encode())
    found = session.execute(explained.encode()).fetchone()
    session.execute("deallocate all")
    assert found is not None
    plan = found[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture
def sessions(db: Session, connect: Callable[..., Session], role_factory: Callable[..., str]) -> tuple[Session, Session]:
    """Sessions of a role with one tenant, and of one with every tenant there will be."""
    one, every = role_factory("one"), role_factory("every")
    db.execute(
        "select ml.train('m', 'regression', 'select i as x, i as y from generate_series(1, 20) as i', 'y', "
        "algorithm => 'linear_regression')"
    )
    copy_model(db, "m", 1, 1, tenant="tenant_#", model="m")
    for role in (one, every):
        db.execute("select ml.grant_usage(%s, 'tenant_1')", [role])
    return connect(role=one, dbname=db.info.dbname), connect(role=every, dbname=db.info.dbname)


def costs(one: Session, every: Session) -> dict[str, int]:
    """Count the pages of each look-up that a prediction makes, as either role."""
    own, look_up, permitted = resolution._OWN, visibility._LOOK_UP, resolution._PERMITTED
    return {
        "own tenant": pages(one, own),
        "own tenants": pages(every, own),
        "permitted": pages(one, permitted, "tenant_1"),
        "version": pages(one, look_up, "tenant_1", "m", None),
        "permitted of all": pages(every, permitted, "tenant_1"),
        "version of all": pages(every, look_up, "tenant_1", "m", None),
    }


def add_tenants(db: Session, every: Session, first: int, last: int) -> None:
    """Make tenants, each with a model, that one role may act for."""
    copy_model(db, "m", first, last, tenant="tenant_#", model="m")
    db.execute(
        "insert into ml.tenant_role (tenant_id, role) "
        "select 'tenant_' || n, %s::regrole from generate_series(%s::integer, %s::integer) as n",
        [every.info.user, first, last],
    )
    db.execute("vacuum analyze ml.tenant, ml.tenant_role, ml.model, ml.model_version")


def test_look_up_touches_as_many_pages_with_thousands_of_tenants(
    db: Session, sessions: tuple[Session, Session]
) -> None:
    add_tenants(db, sessions[1], 2, FEW)
    few = costs(*sessions)
    add_tenants(db, sessions[1], FEW + 1, MANY)
    many = costs(*sessions)
    assert {name: count - few[name] for name, count in many.items() if count > few[name] + DEEPER} == {}


def test_look_up_touches_as_many_pages_with_thousands_of_models(db: Session, sessions: tuple[Session, Session]) -> None:
    one, _ = sessions
    copy_model(db, "m", 1, FEW, tenant="tenant_1", model="other_#")
    db.execute("vacuum analyze ml.model, ml.model_version")
    few = pages(one, visibility._LOOK_UP, "tenant_1", "m", None)
    copy_model(db, "m", FEW + 1, MANY, tenant="tenant_1", model="other_#")
    db.execute("vacuum analyze ml.model, ml.model_version")
    assert pages(one, visibility._LOOK_UP, "tenant_1", "m", None) <= few + DEEPER
