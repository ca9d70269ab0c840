"""The plan of a small package that is made up on disk."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.plan.__main__ import main, plan_at
from tools.plan.graph import floors, groups, upward
from tools.plan.imports import read_sources
from tools.plan.report import report
from tools.plan.rooms import Plan, plan_of

FILES = {
    "__init__.py": '__version__ = "1"\n',
    "errors.py": '"""Errors."""\n',
    "kitchen/__init__.py": "",
    "kitchen/oven.py": "from house import errors\nfrom house.kitchen.fire import light\n",
    "kitchen/fire.py": "import os\n\n\ndef light():\n    from house.cellar.coal import lump\n    return lump, os\n",
    "cellar/__init__.py": "",
    "cellar/coal.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.kitchen import oven\n",
    "cellar/deep/__init__.py": "from ...errors import E\nfrom .. import coal\n",
    "roof.py": "import importlib\nimportlib.import_module('house.kitchen.oven')\nasync def f():\n  import house.roof\n",
}


def build(root: Path, **changed: str) -> Path:
    """Write the made-up package, with some files changed, and return its folder."""
    folder = root / "house"
    for name, text in {**FILES, **{name.replace("__", "/") + ".py": text for name, text in changed.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(build(tmp_path))


def test_imports_are_resolved_to_modules_with_the_moment_they_run(tmp_path: Path) -> None:
    sources = read_sources([build(tmp_path)])
    found = {(one.source, one.target, one.line, one.when) for one in sources.own(typing=True)}
    assert found == {
        ("house.kitchen.oven", "house.errors", 1, "module"),
        ("house.kitchen.oven", "house.kitchen.fire", 2, "module"),
        ("house.kitchen.fire", "house.cellar.coal", 5, "call"),
        ("house.cellar.coal", "house.kitchen.oven", 3, "typing"),
        ("house.cellar.deep", "house.errors", 1, "module"),
        ("house.cellar.deep", "house.cellar.coal", 2, "module"),
        ("house.roof", "house.kitchen.oven", 2, "module"),
        ("house.roof", "house.roof", 4, "call"),
    }
    assert {one.when for one in sources.own()} == {"module", "call"}
    assert {one.target for one in sources.imports if one.target not in sources.modules} == {"os", "typing", "importlib"}


def test_only_the_branch_of_type_checkers_is_apart(tmp_path: Path) -> None:
    text = "import typing as t\nif t.TYPE_CHECKING:\n    from house import errors\nelse:\n    from house import roof\n"
    sources = read_sources([build(tmp_path, cellar__coal=text)])
    found = {(one.target, one.when) for one in sources.own(typing=True) if one.source == "house.cellar.coal"}
    assert found == {("house.errors", "typing"), ("house.roof", "module")}


def test_a_room_is_a_folder_or_a_module_beside_the_folders(plan: Plan) -> None:
    assert {name: len(modules) for name, modules in plan.rooms.items()} == {
        "cellar": 2,
        "cellar/deep": 1,
        "errors": 1,
        "kitchen": 3,
        "roof": 1,
    }


def test_arrows_and_floors_of_imports_that_run_down(plan: Plan) -> None:
    assert list(plan.arrows) == [
        ("cellar/deep", "cellar"),
        ("cellar/deep", "errors"),
        ("kitchen", "cellar"),
        ("kitchen", "errors"),
        ("roof", "kitchen"),
    ]
    assert plan.floors == {"errors": 1, "cellar": 1, "cellar/deep": 2, "kitchen": 2, "roof": 3}
    assert plan.upward == []
    assert plan.circles_of_rooms == []
    assert plan.circles_of_files == []


def test_an_entrance_that_imports_is_a_room(tmp_path: Path) -> None:
    folder = build(tmp_path)
    (folder / "__init__.py").write_text("from house.errors import E\n")
    assert plan_of(folder).floors["__init__"] == 2


def test_a_circle_of_rooms_has_an_arrow_up(tmp_path: Path) -> None:
    plan = plan_of(build(tmp_path, cellar__coal="def f():\n    from house.kitchen import oven\n    return oven\n"))
    assert plan.circles_of_rooms == [["cellar", "kitchen"]]
    assert len(plan.upward) == 1
    assert plan.circles_of_files == [["house.cellar.coal", "house.kitchen.fire", "house.kitchen.oven"]]


def test_a_circle_of_rooms_needs_no_circle_of_files(tmp_path: Path) -> None:
    plan = plan_of(build(tmp_path, cellar__door="from house.kitchen.oven import bake\n"))
    assert plan.circles_of_rooms == [["cellar", "kitchen"]]
    assert plan.circles_of_files == []
    assert plan.floors["kitchen"] != plan.floors["cellar"]


def test_the_fewest_arrows_run_up() -> None:
    graph = {"a": {"b", "c", "d"}, "b": {"c", "d"}, "c": {"d"}, "d": {"a"}}
    assert groups(graph) == [["a", "b", "c", "d"]]
    assert upward(graph) == [("d", "a")]
    assert floors(graph) == {"d": 1, "c": 2, "b": 3, "a": 4}


def test_groups_stand_lower_ones_first() -> None:
    assert groups({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"], ["a"], ["d"]]


def test_the_report_names_the_imports_that_run_up(tmp_path: Path) -> None:
    text = report(plan_of(build(tmp_path, errors="from house.kitchen.oven import bake\n")))
    assert re.search(r"^arrows that run up +1$", text, re.M)
    assert "errors -> kitchen: errors:1 imports house.kitchen.oven\n" in text or (
        "kitchen -> errors: kitchen.oven:1 imports house.errors\n" in text
    )
    assert "circles of files:\n  house.errors, house.kitchen.oven\n" in text


def test_two_plans_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = build(tmp_path / "before", errors="from house.kitchen.oven import bake\n")
    after = build(tmp_path / "after", attic__box="")
    assert main([str(after), "--against", str(before)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^rooms +5 +6$", text, re.M)
    assert re.search(r"^arrows that run up +1 +0$", text, re.M)
    assert "rooms that are new:\n  attic\n" in text
    assert "arrows that are gone:\n  errors -> kitchen\n" in text


def test_the_plan_at_a_revision_is_what_was_committed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build(tmp_path / "inner", attic__box="")
    git = [
        "git",
        "-C",
        str(tmp_path),
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@localhost",
        "-c",
        "commit.gpgsign=false",
    ]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    (folder / "attic" / "box.py").unlink()
    assert "attic" in plan_at(folder, "HEAD").rooms
    assert main([str(folder), "--revision", "HEAD", "--counts"]) == 0
    assert re.search(r"^rooms +6 +5$", capsys.readouterr().out, re.M)
    assert main([str(folder), "--revision", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_folder_without_modules_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "holds no Python file" in capsys.readouterr().err
