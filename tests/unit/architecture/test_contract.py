"""Every import of the two packages keeps to the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.unit.architecture import contract as table
from tests.unit.architecture import rules
from tests.unit.architecture.contract import CONTRACTS, ROOT, SERVER, Contract
from tools.plan.imports import Sources, read_sources
from tools.plan.rooms import Plan, plan_from

each_package = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.folder.name)
SERVER_NAME = SERVER.folder.name


@cache
def sources() -> Sources:
    return read_sources([contract.folder for contract in CONTRACTS])


def plan(contract: Contract) -> Plan:
    return _plan(contract.folder.name)


@cache
def _plan(name: str) -> Plan:
    return plan_from(name, sources())


def server_modules() -> dict[str, Path]:
    return {
        rules.short(module, path): path
        for module, path in sources().modules.items()
        if module.split(".")[0] == SERVER_NAME
    }


def users(found: Callable[[Path], list[int]], known: Mapping[str, str]) -> list[str]:
    """Return the modules of the server package that do something without a reason, and reasons without a use."""
    lines = {module: found(path) for module, path in server_modules().items()}
    return [f"{server_modules()[module]}:{at[0]}" for module, at in lines.items() if at and module not in known] + [
        f"{module} has a reason and no use" for module in known if not lines.get(module)
    ]


@each_package
def test_every_import_is_allowed_and_everything_allowed_is_used(contract: Contract) -> None:
    assert rules.breaches(contract, plan(contract)) == []


@each_package
def test_no_allowed_pair_runs_up(contract: Contract) -> None:
    assert rules.upward(contract) == []


@each_package
def test_no_arrow_runs_up(contract: Contract) -> None:
    assert plan(contract).upward == []


@each_package
def test_there_is_no_circle(contract: Contract) -> None:
    assert plan(contract).circles_of_files == []
    assert plan(contract).circles_of_rooms == []


def test_neither_package_imports_the_other_without_a_reason() -> None:
    found = {
        (one.source, one.target)
        for one in sources().own(typing=True)
        if one.source.split(".")[0] != one.target.split(".")[0]
    }
    assert found == set(table.BETWEEN)


def test_only_the_worker_imports_from_the_worker() -> None:
    assert rules.outsiders(sources().own(typing=True), SERVER_NAME, table.WORKER) == []


def test_a_session_never_reaches_the_worker_and_its_libraries_are_not_imported_with_it() -> None:
    starts = [f"{SERVER_NAME}.{name}" for name in table.SESSION]
    assert all(any(module.startswith(start) for module in sources().modules) for start in starts)
    worker = [f"{SERVER_NAME}.{table.WORKER}"]
    assert rules.chains(sources(), starts, worker, lazy=True) == []
    assert rules.chains(sources(), starts, [*worker, *table.HEAVY], lazy=False) == []


def test_heavy_libraries_are_imported_only_where_there_is_a_reason() -> None:
    own = Sources(sources().modules, [one for one in sources().imports if one.source.split(".")[0] == SERVER_NAME])
    assert rules.heavy_imports(own, table.HEAVY, table.WORKER) == set(table.LAZY_HEAVY)


@pytest.mark.parametrize("what", table.INSIDE)
def test_what_reaches_behind_sql_is_used_only_where_there_is_a_reason(what: str) -> None:
    assert users(lambda path: rules.uses(path, what), table.INSIDE[what]) == []


def test_nothing_else_imports_what_is_not_written_there() -> None:
    assert users(rules.dynamic_imports, table.DYNAMIC) == []


def test_functions_and_modules_are_short() -> None:
    found = set()
    for folder in table.SIZED:
        for path in (ROOT / folder).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            for function in rules.too_long(path, table.LONGEST_FUNCTION, table.LONGEST_MODULE):
                found.add(f"{name}::{function}" if function else name)
    assert found == set(table.LONG)
