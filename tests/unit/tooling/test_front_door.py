"""What stands at the project's door: the workflow, the hooks, the templates and the editor's rules say what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.matrix.servers import MAJORS
from tests.unit.tooling.pages import ROOT, called_targets, make_targets

GITHUB = ROOT / ".github"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
WORKFLOW = GITHUB / "workflows" / "ci.yml"
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> dict[str, dict[str, Any]]:
    """Return the workflow's jobs."""
    found: dict[str, dict[str, Any]] = read(WORKFLOW)["jobs"]
    return found


def commands(job: dict[str, Any]) -> list[str]:
    """Return the commands of a job, once for each value that its matrix puts into them."""
    found = [step["run"] for step in job["steps"] if "run" in step]
    for name, values in job.get("strategy", {}).get("matrix", {}).items():
        place = f"${{{{ matrix.{name} }}}}"
        found = [command.replace(place, str(value)) for command in found for value in values]
    return found


def targets(name: str) -> set[str]:
    """Return the targets of the Makefile that a job calls."""
    return {target for command in commands(jobs()[name]) for target in called_targets(command)}


def on_each_change() -> set[str]:
    """Return the jobs that run for each change: those without a condition."""
    return {name for name, job in jobs().items() if "if" not in job}


def test_workflow_runs_for_changes_and_every_night() -> None:
    events = read(WORKFLOW)[True]  # YAML 1.1 reads `on` as a truth value
    assert {"push", "pull_request", "schedule"} <= set(events)
    assert on_each_change() == {"test", "matrix"}
    conditions = {job["if"] for job in jobs().values() if "if" in job}
    assert conditions == {"github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"}


@pytest.mark.parametrize("name", jobs())
def test_every_job_calls_targets_of_make_that_are_there_and_ends(name: str) -> None:
    assert targets(name)
    assert targets(name) - make_targets() == set()
    assert [line for line in commands(jobs()[name]) if not line.startswith(("make ", "apt-get "))] == []
    assert jobs()[name]["timeout-minutes"] <= 360


def test_every_suite_of_the_makefile_runs_somewhere() -> None:
    suites = {target for target in make_targets() if target.startswith("test") or target.endswith("sanitize")}
    assert suites - set().union(*map(targets, jobs())) == set()
    assert "test" in set().union(*map(targets, on_each_change()))


def test_matrix_has_every_version_that_is_supported() -> None:
    assert tuple(jobs()["matrix"]["strategy"]["matrix"]["major"]) == MAJORS


def test_workflow_may_only_read_and_takes_actions_by_their_commit() -> None:
    assert read(WORKFLOW)["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs().items() if "permissions" in job] == []
    used = [step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []


def test_hooks_call_targets_of_make_that_are_there() -> None:
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert called_targets(hook["entry"]), hook["id"]
        assert called_targets(hook["entry"]) <= make_targets(), hook["id"]
        assert hook["pass_filenames"] is False, "make takes no names of files"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_form_for_an_issue_asks_for_something_under_names_of_its_own(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= set(form)
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    names = [field["id"] for field in asked]
    assert len(names) == len(set(names)) > 0
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_files_that_templates_link_to_are_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in GITHUB.rglob("*") if path.is_file()]
    linked = re.findall(rf"{re.escape(REPOSITORY)}/blob/main/([^\s)]+)", "\n".join(texts))
    assert linked
    assert [name for name in linked if not (ROOT / name).is_file()] == []
