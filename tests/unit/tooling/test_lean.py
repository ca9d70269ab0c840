"""An environment without what a server never runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from motadata_ml.install import SetupError
from motadata_ml.install.lean import size_mb, trim, trim_packages


def test_tests_of_libraries_go_and_the_rest_is_compiled(tmp_path: Path) -> None:
    kept = ["lib/__init__.py", "lib/testing.py", "lib/deep/er/code.py", "tests/__init__.py"]
    gone = ["lib/tests/test_it.py", "lib/deep/tests/data/big.bin", "onnx/backend/test/case.py"]
    for name in (*kept, *gone):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    trim_packages(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.suffix in {".py", ".bin"}}
    assert left == set(kept)
    compiled = {path.name.split(".")[0] for path in tmp_path.rglob("*.pyc")}
    assert compiled == {"__init__", "testing", "code"}


def test_the_systems_python_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(SetupError, match="is the system's Python, not an environment"):
        trim()


def test_folder_of_a_megabyte_has_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\1" * (2**20 - 4096))
    (tmp_path / "link").symlink_to("/usr")
    assert size_mb(tmp_path) == 1
