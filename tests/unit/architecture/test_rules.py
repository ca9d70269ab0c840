"""The rules find what breaks the contract, in a package made up for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.architecture import rules
from tests.unit.architecture.contract import Contract
from tools.plan.imports import Sources, read_sources
from tools.plan.rooms import plan_of

FILES = {
    "__init__.py": "",
    "top/__init__.py": "",
    "top/ask.py": "from house.middle import carry\n",
    "middle/__init__.py": "import house.middle.carry\n",
    "middle/carry.py": "def lift():\n    import sklearn.tree\n    from house.worker.fit import fit\n    return fit\n",
    "worker/__init__.py": "",
    "worker/fit.py": "import sklearn\n",
}


def build(root: Path, **changed: str) -> Path:
    folder = root / "house"
    for name, text in {**FILES, **{name.replace("__", "/") + ".py": text for name, text in changed.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture
def sources(folder: Path) -> Sources:
    return read_sources([folder])


def contract(folder: Path, **rooms: str) -> Contract:
    return Contract("house", folder, rooms)


def test_a_plan_that_keeps_to_the_contract_has_no_breach(folder: Path) -> None:
    assert rules.breaches(contract(folder, top="middle", middle="worker", worker=""), plan_of(folder)) == []


def test_a_breach_names_file_line_import_and_rule(folder: Path) -> None:
    found = rules.breaches(contract(folder, top="middle", middle="", worker=""), plan_of(folder))
    place = f"{folder}/middle/carry.py:3"
    assert found == [f"{place} imports house.worker.fit: 'middle' may not import from 'worker'"]


def test_a_pair_that_nothing_uses_is_a_breach(folder: Path) -> None:
    found = rules.breaches(contract(folder, top="middle worker", middle="worker", worker=""), plan_of(folder))
    assert found == ["the contract allows 'top' to import from 'worker', and nothing does"]


def test_rooms_of_the_contract_and_of_the_package_are_the_same(folder: Path) -> None:
    found = rules.breaches(contract(folder, top="middle", middle="worker", attic=""), plan_of(folder))
    assert found == ["room 'worker' is not in the contract", "room 'attic' of the contract is not there"]


def test_an_allowed_pair_that_runs_up_is_found(folder: Path) -> None:
    assert rules.upward(contract(folder, top="middle", middle="")) == []
    assert rules.upward(contract(folder, middle="top", top="middle")) == [
        "'top' stands below 'middle' and may not import from it"
    ]


def test_imports_of_an_inner_room_from_outside_are_found(sources: Sources) -> None:
    found = rules.outsiders(sources.own(typing=True), "house", "worker")
    assert [line.partition("house/")[2] for line in found] == [
        "middle/carry.py:3 imports house.worker.fit: only 'worker' itself imports from there"
    ]


def test_a_chain_through_functions_is_found_with_its_way(sources: Sources) -> None:
    found = rules.chains(sources, ["house.top"], ["house.worker"], lazy=True)
    assert len(found) == 1
    assert found[0].endswith(
        "carry.py:3 imports house.worker.fit: a session reaches it through house.middle.carry <- house.top.ask"
    )


def test_what_functions_import_does_not_come_with_a_module(tmp_path: Path, sources: Sources) -> None:
    targets = ["house.worker", "sklearn"]
    assert rules.chains(sources, ["house.top"], targets, lazy=False) == []
    changed = read_sources([build(tmp_path / "changed", middle__carry="import sklearn\n")])
    assert len(rules.chains(changed, ["house.top"], targets, lazy=False)) == 1


def test_the_packages_above_a_module_come_with_it(tmp_path: Path) -> None:
    folder = build(tmp_path, top__ask="import house.middle.inner\n", middle__inner="")
    (folder / "middle" / "__init__.py").write_text("import sklearn\n")
    assert len(rules.chains(read_sources([folder]), ["house.top"], ["sklearn"], lazy=False)) == 1


def test_heavy_imports_in_functions_are_found_outside_the_worker(sources: Sources) -> None:
    assert rules.heavy_imports(sources, ["sklearn"], "worker") == {("middle.carry", "sklearn")}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import ctypes.util", "ctypes"),
        ("from ctypes import util", "ctypes"),
        ("from os import fork", "fork"),
        ("os.memfd_create('x')", "memfd_create"),
        ("open('/proc/self/status')", "/proc"),
        ("open(f'/proc/{pid}/status')", "/proc"),
    ],
)
def test_a_use_is_found(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(f'"""Of ctypes, fork, memfd_create and /proc."""\n{line}  # ctypes fork memfd_create /proc\n')
    assert rules.uses(path, what) == [2]


def test_a_longer_word_is_no_use(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("language = 'plpython3u'\n")
    assert rules.uses(path, "plpy") == []


def test_an_import_that_is_not_written_there_is_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import_module('a')\nimportlib.import_module(name)\n__import__(name)\n")
    assert rules.dynamic_imports(path) == [2, 3]


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "def short():\n    pass\n\n\nclass C:\n    async def long(self):\n        a = 1\n        return a\n"
    )
    assert rules.too_long(path, 2, 8) == {"long": 3}
    assert rules.too_long(path, 3, 7) == {"": 8}
