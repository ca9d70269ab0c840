"""Random roles, tenants, memberships and operations: what the server does is what a plain model of the rules says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.conftest import RoleFactory, Session, refusal

ROLES = ("ann", "bob", "cat", "dan", "pool")
"""Each may become a member of those before it; pool inherits nothing."""
TENANTS = ("north", "south", "east")
MODELS = ("m", "n")

roles, tenants, models = st.sampled_from(ROLES), st.sampled_from(TENANTS), st.sampled_from(MODELS)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.one_of(st.none(), roles), roles, tenants, st.booleans()),
        st.tuples(st.just("revoke"), st.one_of(st.none(), roles), roles, tenants),
        st.tuples(st.just("join"), roles, roles),
        st.tuples(st.just("leave"), roles, roles),
        st.tuples(st.just("add"), tenants, models),
        st.tuples(st.just("delete"), roles, tenants, models),
    ),
    min_size=3,
    max_size=14,
)


@dataclass
class Rules:
    """The rules, in memory."""

    granted: dict[tuple[str, str], bool] = field(default_factory=dict)
    member: set[tuple[str, str]] = field(default_factory=set)
    stored: set[tuple[str, str]] = field(default_factory=set)

    def acts_as(self, role: str) -> set[str]:
        """Return the roles whose rights a role has: itself and, if it inherits, those it is a member of."""
        found, pending = {role}, [role]
        while pending:
            here = pending.pop()
            if here == "pool":
                continue
            for group in (group for member, group in self.member if member == here):
                if group not in found:
                    found.add(group)
                    pending.append(group)
        return found

    def tenants(self, role: str) -> set[str]:
        return {tenant for (grantee, tenant) in self.granted if grantee in self.acts_as(role)}

    def administers(self, role: str | None, tenant: str) -> bool:
        return role is None or any(self.granted.get((of, tenant)) for of in self.acts_as(role))

    def expected(self, role: str, tenant: str | None, model: str) -> str:
        """Return how a role's call about a model ends."""
        own = self.tenants(role)
        if not own:
            return "42501"
        if tenant is None:
            if len(own) > 1:
                return "ML013"
            (tenant,) = own
        if tenant not in own:
            return "ML012"
        return "done" if (tenant, model) in self.stored else "ML001"


@dataclass
class Server:
    """The same on the server."""

    admin: Session
    sessions: dict[str, Session]
    names: dict[str, str]

    def run(self, actor: str | None, statement: str, *values: Any) -> str:
        session = self.admin if actor is None else self.sessions[actor]
        try:
            session.execute(statement.encode(), values)
        except psycopg.Error as error:
            return str(error.sqlstate)
        return "done"

    def reset(self) -> None:
        """Take back all grants, memberships and models but the template's."""
        self.admin.execute("delete from ml.model where tenant_id <> 'template'")
        for role, tenant in self.admin.execute(
            "select r.rolname, t.tenant_id from ml.tenant_role t join pg_roles r on r.oid = t.role"
        ).fetchall():
            self.admin.execute("select ml.revoke_usage(%s, %s)", [role, tenant])
        for member in ROLES:
            for group in ROLES[: ROLES.index(member)]:
                self.admin.execute(f'revoke "{self.names[group]}" from "{self.names[member]}"'.encode())

    def add(self, tenant: str, model: str) -> None:
        """Give a tenant a copy of the template model, as a training would store it."""
        self.admin.execute("insert into ml.tenant (tenant_id) values (%s) on conflict do nothing", [tenant])
        self.admin.execute(
            """with m as (
                insert into ml.model (tenant_id, model_id, model_type, created_by) values (%(tenant)s, %(model)s,
                'classification', 'x') returning id
            ), v as (
                insert into ml.model_version select (jsonb_populate_record(v, jsonb_build_object('id',
                nextval('ml.model_version_seq'), 'model', m.id, 'tenant_id', %(tenant)s::text))).*
                from m, ml.model_version v where v.tenant_id = 'template' returning id
            )
            insert into ml.artifact select (jsonb_populate_record(a, jsonb_build_object('version_id', v.id))).*
            from v, ml.artifact a join ml.model_version w on w.id = a.version_id and w.tenant_id = 'template'""",
            {"tenant": tenant, "model": model},
        )
        self.admin.execute(
            "update ml.model m set deployed_version_id = v.id from ml.model_version v where v.model = m.id "
            "and m.tenant_id = %s and m.model_id = %s",
            [tenant, model],
        )


@pytest.fixture(scope="module")
def running(module_db: Session, module_role_factory: RoleFactory) -> Iterator[Server]:
    names = {role: module_role_factory(role, inherit=role != "pool") for role in ROLES}
    module_db.execute(
        "select ml.train('t', 'classification', $$select i as x, case when i > 20 then 'a' else 'b' end as y "
        "from generate_series(1, 40) as i$$, 'y', algorithm => 'decision_tree', tenant_id => 'template')"
    )
    dsn = module_db.info.dsn
    sessions = {role: psycopg.connect(dsn, user=name, autocommit=True) for role, name in names.items()}
    yield Server(module_db, sessions, names)
    for session in sessions.values():
        session.close()


def apply(server: Server, rules: Rules, operation: tuple[Any, ...]) -> None:
    """Do an operation on the server and by the rules, and compare how it ends."""
    kind, *rest = operation
    if kind in ("join", "leave"):
        member, group = rest
        if ROLES.index(group) >= ROLES.index(member):
            return
        word = "grant {} to {}" if kind == "join" else "revoke {} from {}"
        names = (f'"{server.names[group]}"', f'"{server.names[member]}"')
        server.admin.execute(word.format(*names).encode())
        (rules.member.add if kind == "join" else rules.member.discard)((member, group))
    elif kind == "add":
        if tuple(rest) not in rules.stored:
            server.add(*rest)
            rules.stored.add(tuple(rest))
    elif kind == "grant":
        actor, role, tenant, admin = rest
        expected = "done" if rules.administers(actor, tenant) else "42501"
        call = "select ml.grant_usage(%s, %s, %s)"
        assert server.run(actor, call, server.names[role], tenant, admin) == expected
        if expected == "done":
            rules.granted[role, tenant] = admin
    elif kind == "revoke":
        actor, role, tenant = rest
        expected = "42501"
        if rules.administers(actor, tenant):
            expected = "done" if (role, tenant) in rules.granted else "ML009"
        assert server.run(actor, "select ml.revoke_usage(%s, %s)", server.names[role], tenant) == expected
        if expected == "done":
            del rules.granted[role, tenant]
    else:
        role, tenant, model = rest
        expected = rules.expected(role, tenant, model)
        assert server.run(role, "select ml.delete_model(%s, tenant_id => %s)", model, tenant) == expected
        if expected == "done":
            rules.stored.discard((tenant, model))


def compare(server: Server, rules: Rules) -> None:
    """Compare what every role sees and may use with what the rules say."""
    for role in ROLES:
        session = server.sessions[role]
        own = rules.tenants(role)
        for view in ("models", "model_versions"):
            query = f"select tenant_id, model_id from ml.{view}"
            if own:
                seen = set(session.execute(query.encode()).fetchall())
                assert seen == {pair for pair in rules.stored if pair[0] in own}, role
            else:
                assert refusal(session, query).sqlstate == "42501"
        for tenant in (None, *TENANTS):
            for model in MODELS:
                call = "select ml.predict(%s, array[30], tenant_id => %s)"
                assert server.run(role, call, model, tenant) == rules.expected(role, tenant, model), (role, tenant)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_what_a_role_may_do_is_what_the_rules_say(running: Server, steps: list[tuple[Any, ...]]) -> None:
    running.reset()
    rules = Rules()
    for step in steps:
        apply(running, rules, step)
    compare(running, rules)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations, st.lists(roles, min_size=2, max_size=6))
def test_a_pooled_session_may_do_what_its_present_role_may(
    running: Server, steps: list[tuple[Any, ...]], turns: list[str]
) -> None:
    running.reset()
    rules = Rules()
    for step in steps:
        apply(running, rules, step)
    with psycopg.connect(running.admin.info.dsn, autocommit=True) as session:
        for role in turns:
            session.execute(f'set role "{running.names[role]}"'.encode())
            for tenant in TENANTS:
                for model in MODELS:
                    try:
                        session.execute("select ml.predict(%s, array[30], tenant_id => %s)", [model, tenant])
                        end = "done"
                    except psycopg.Error as error:
                        end = str(error.sqlstate)
                    assert end == rules.expected(role, tenant, model), (role, tenant, model)
