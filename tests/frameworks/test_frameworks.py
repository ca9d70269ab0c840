"""The programs of docs/frameworks.md, each with the framework it is for, print what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from tests.environments import environment as make_environment
from tests.environments import url_of
from tests.unit.tooling.pages import ROOT

PAGE = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
PRINTED = dict(re.findall(r"^```text (\S+)\n(.*?)^```$", PAGE, re.M | re.S))
PROGRAMS = {name: text for kind, name, text in re.findall(r"^```(?!text)(\w+) (\S+)\n(.*?)^```$", PAGE, re.M | re.S)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the environment of the frameworks; returns the folder of its programs."""
    wanted = ROOT / "tests" / "frameworks" / "requirements.txt"
    return make_environment(tmp_path_factory.mktemp("frameworks") / "environment", wanted)


@pytest.fixture(scope="module")
def address(module_dsn: str) -> dict[str, str]:
    """Make the page's table and model; returns how programs are told where the database is."""
    with psycopg.connect(module_dsn, autocommit=True) as session:
        session.execute(PROGRAMS["model"].encode())
        info = session.info
        return {
            **os.environ,
            "DATABASE_URL": url_of(module_dsn),
            "JDBC_URL": f"jdbc:postgresql://{info.host}:{info.port}/{info.dbname}?user={info.user}",
            "PGHOST": info.host,
            "PGPORT": str(info.port),
            "PGUSER": info.user,
            "PGDATABASE": info.dbname,
        }


def run(command: Sequence[str | Path], address: dict[str, str], folder: Path) -> str:
    """Run a program; returns what it printed."""
    done = subprocess.run(command, cwd=folder, env=address, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_every_program_of_the_page_has_its_test() -> None:
    assert set(PRINTED) == {"sqlalchemy", "django", "fastapi", "node", "jdbc"}
    assert set(PROGRAMS) - set(PRINTED) == {
        "model",
        "dbt_project.yml",
        "profiles.yml",
        "models/known_flats.sql",
        "models/trained.sql",
        "models/expected_prices.sql",
        "ci",
    }


@pytest.mark.parametrize("name", ["sqlalchemy", "django", "fastapi"])
def test_python_programs(name: str, environment: Path, address: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / f"with_{name}.py"
    program.write_text(PROGRAMS[name], encoding="utf-8")
    assert run([environment / "python", program], address, tmp_path) == PRINTED[name]


def test_node_program(address: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "flats.js"
    program.write_text(PROGRAMS["node"], encoding="utf-8")
    subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "pg@8"], cwd=tmp_path, check=True)
    assert run(["node", program], address, tmp_path) == PRINTED["node"]


def test_java_program(address: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "Flats.java"
    program.write_text(PROGRAMS["jdbc"], encoding="utf-8")
    command: list[str | Path] = ["java", "-cp", "/usr/share/java/postgresql.jar", program]
    assert run(command, address, tmp_path) == PRINTED["jdbc"]


def test_dbt_project_trains_and_predicts(
    environment: Path, address: dict[str, str], module_dsn: str, tmp_path: Path
) -> None:
    for name, text in PROGRAMS.items():
        if name.endswith(".yml") or name.startswith("models/"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    quiet = address | {"DBT_PROFILES_DIR": str(tmp_path), "DO_NOT_TRACK": "1", "HOME": str(tmp_path)}
    for number in (1, 2):  # a second run trains a second version
        run([environment / "dbt", "build"], quiet, tmp_path)
        with psycopg.connect(module_dsn) as session:
            trained = session.execute("select status, model_version, r2 > 0.99 from trained").fetchall()
            expected = session.execute("select id, round(price) from expected_prices order by id").fetchall()
        assert trained == [("completed", f"1.{number - 1}.0", True)]
        assert expected == [(601, 100000), (602, 50000)]
