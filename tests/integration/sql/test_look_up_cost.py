"""A look-up by tenant and model costs the same however many there are: counted in pages, not in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from benchmarks.clones import copy_model
from motadata_ml_server.models import visibility
from motadata_ml_server.tenants import membership

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
    session.execute("deallocate look_up")
    assert found is not None
    plan = found[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture
def roles(db: Session, role_factory: Callable[..., str]) -> tuple[str, str]:
    """Make a role with one tenant, and one with every tenant there will be."""
    one, every = role_factory("one"), role_factory("every")
    db.execute(
        "select ml.train('m', 'regression', 'select i as x, i as y from generate_series(1, 20) as i', 'y', "
        "algorithm => 'linear_regression')"
    )
    copy_model(db, "m", 1, 1, tenant="tenant_#", model="m")
    for role in (one, every):
        db.execute("select ml.grant_usage(%s, 'tenant_1')", [role])
    return one, every


def costs(db: Session, one: str, every: str) -> dict[str, int]:
    """Count the pages of each look-up that a prediction makes as the owner, for either role."""
    at_once = visibility._GRANTED_ITSELF.replace("$4::", "$4::pg_catalog.int8::")
    oids = dict(db.execute("select rolname, oid::text from pg_roles").fetchall())
    own, look_up, permitted = membership._OWN_TENANTS, visibility._LOOK_UP, membership._PERMITTED
    return {
        "own tenant": pages(db, own, one),
        "own tenants": pages(db, own, every),
        "permitted": pages(db, permitted, one, "tenant_1"),
        "permitted of all": pages(db, permitted, every, "tenant_1"),
        "version": pages(db, look_up, "tenant_1", "m", None),
        **{
            f"at once, {name}": pages(db, at_once, tenant, "m", None, oids[role])
            for name, tenant, role in (("one", "tenant_1", one), ("one of all", "tenant_1", every), ("only", None, one))
        },
    }


def add_tenants(db: Session, every: str, first: int, last: int) -> None:
    """Make tenants, each with a model, that one role may act for."""
    copy_model(db, "m", first, last, tenant="tenant_#", model="m")
    db.execute(
        "insert into ml.tenant_role (tenant_id, role) "
        "select 'tenant_' || n, %s::regrole from generate_series(%s::integer, %s::integer) as n",
        [every, first, last],
    )
    db.execute("vacuum analyze ml.tenant, ml.tenant_role, ml.model, ml.model_version")


def test_look_up_touches_as_many_pages_with_thousands_of_tenants(db: Session, roles: tuple[str, str]) -> None:
    add_tenants(db, roles[1], 2, FEW)
    few = costs(db, *roles)
    add_tenants(db, roles[1], FEW + 1, MANY)
    many = costs(db, *roles)
    assert {name: count - few[name] for name, count in many.items() if count > few[name] + DEEPER} == {}


def test_look_up_touches_as_many_pages_with_thousands_of_models(db: Session, roles: tuple[str, str]) -> None:
    copy_model(db, "m", 1, FEW, tenant="tenant_1", model="other_#")
    db.execute("vacuum analyze ml.model, ml.model_version")
    few = pages(db, visibility._LOOK_UP, "tenant_1", "m", None)
    copy_model(db, "m", FEW + 1, MANY, tenant="tenant_1", model="other_#")
    db.execute("vacuum analyze ml.model, ml.model_version")
    assert pages(db, visibility._LOOK_UP, "tenant_1", "m", None) <= few + DEEPER
