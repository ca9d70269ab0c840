"""Wheels and source distributions: what is in them, and that it is all that is needed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from motadata_ml.install import native
from tests.unit.tooling.pages import ROOT
from tools.dist import packages

OURS = ("motadata_ml", "motadata_ml_server")


def wheel(built: Path, name: str) -> zipfile.ZipFile:
    """Open a wheel."""
    (path,) = built.glob(f"{name}-{packages.VERSION}-*.whl")
    return zipfile.ZipFile(path)


def test_every_file_is_built_under_the_name_that_the_page_has(built: Path) -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in built.glob("*[lz]"))
    assert len(names) == 4
    assert [name for name in names if f"`{name}`" not in page] == []


def test_wheel_holds_every_module_and_every_file_of_the_extension(built: Path) -> None:
    with wheel(built, "motadata_ml") as packed:
        names = set(packed.namelist())
    for base, package in (("pyclient", "motadata_ml"), ("plpython", "motadata_ml_server")):
        wanted = {str(path.relative_to(ROOT / base)) for path in (ROOT / base / package).rglob("*.py")}
        assert wanted - names == set()
    for folder in ("sql", "migrations"):
        scripts = {f"motadata_ml/extension/{folder}/{path.name}" for path in (ROOT / folder).glob("*.sql")}
        assert scripts
        assert scripts - names == set()
    assert "motadata_ml/extension/sql/motadata_ml.control" in names
    assert {name.split("/")[0] for name in names} == {*OURS, f"motadata_ml-{packages.VERSION}.dist-info"}
    assert [name for name in names if name.endswith((".pyc", ".so"))] == []


def test_source_distribution_has_no_tests_and_no_tools(built: Path) -> None:
    with tarfile.open(built / f"motadata_ml-{packages.VERSION}.tar.gz") as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    tops = {name.split("/")[0] for name in names}
    assert {
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "pyproject.toml",
        "sql",
        "migrations",
        "plpython",
        "pyclient",
    } <= tops
    assert tops & {"tests", "tools", "docs", "benchmarks", "docker", ".github", ".ci"} == set()


def test_compiled_wheel_suits_every_python(built: Path) -> None:
    if native.missing_packages():
        pytest.skip(f"no compiler here: {', '.join(native.missing_packages())} missing")
    with wheel(built, "motadata_ml_native") as packed:
        assert "motadata_ml_native/_loops.abi3.so" in packed.namelist()
    (path,) = built.glob("motadata_ml_native-*.whl")
    assert "-cp311-abi3-" in path.name


def test_same_sources_make_the_same_wheel(built: Path, tmp_path: Path) -> None:
    packages.build(tmp_path)
    name = f"motadata_ml-{packages.VERSION}-py3-none-any.whl"
    assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_client_alone_needs_no_library_of_the_server(built: Path, tmp_path: Path) -> None:
    (path,) = built.glob("motadata_ml-*.whl")
    with zipfile.ZipFile(path) as packed:
        (metadata,) = (name for name in packed.namelist() if name.endswith("/METADATA"))
        lines = packed.read(metadata).decode().splitlines()
        packed.extractall(tmp_path)  # noqa: S202 - our own
    asked = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    needed = {requirement.name for requirement in asked if requirement.marker is None}
    assert needed == {"numpy", "pandas", "psycopg", "rich", "typer"}
    code = "import sys, motadata_ml; print(motadata_ml.__file__); print(sorted({'sklearn', 'onnx'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(tmp_path / "motadata_ml" / "__init__.py"), "[]"]
