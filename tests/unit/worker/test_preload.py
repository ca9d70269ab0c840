"""What a fork server imports: enough for a training, no thread, nothing that no training needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.persistence.light_sklearn import UNNEEDED, without_unneeded
from motadata_ml_server.worker import lifetime, preload

PACKAGE = Path(__file__).parents[3] / "plpython"

CODE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from motadata_ml_server.worker import preload
threads = {}
for name in sys.argv[2:]:
    preload.preload(name)
    threads[name] = len(os.listdir("/proc/self/task"))
print(json.dumps([threads, sorted(sys.modules)]))
"""


def imported(*algorithms: str) -> tuple[dict[str, int], set[str]]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", CODE, str(PACKAGE), *algorithms],
        env={"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    threads, modules = json.loads(done.stdout)
    return threads, set(modules)


def test_no_algorithm_starts_a_thread_as_it_is_imported() -> None:
    names = [*catalogue.load(), "auto"]
    threads, modules = imported(*names)
    assert {name: count for name, count in threads.items() if count != 1} == {}
    assert len(threads) == len(names) > 90
    assert modules & {*UNNEEDED, "skl2onnx"} == set()
    assert {entry.module for entry in catalogue.load().values()} <= modules


@pytest.mark.parametrize(
    ("algorithm", "there", "absent"),
    [
        ("LogisticRegression", {"sklearn.linear_model", "skops.io"}, {"onnx", "onnxruntime", "xgboost", "lightgbm"}),
        ("RandomForestClassifier", {"sklearn.ensemble", "skops.io", "onnx", "onnxruntime"}, {"xgboost", "lightgbm"}),
        ("LGBMClassifier", {"lightgbm", "onnx", "onnxruntime"}, {"skops", "xgboost"}),
        ("no such algorithm", {"sklearn", "skops.io"}, {"xgboost", "lightgbm"}),
    ],
)
def test_an_algorithm_brings_what_it_needs_alone(algorithm: str, there: set[str], absent: set[str]) -> None:
    _, modules = imported(algorithm)
    assert there - modules == set()
    assert absent & modules == set()


def test_hidden_packages_can_be_imported_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with without_unneeded(), pytest.raises(ImportError):
        import pandas
    import pandas

    with without_unneeded():
        import pandas as again

        assert again is pandas


def test_installing_a_package_changes_the_environments_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = preload.environment_state()
    assert preload.environment_state() == before
    (tmp_path / "new.dist-info").mkdir()
    os.utime(tmp_path, ns=(1, 1))
    assert preload.environment_state() != before


def test_memory_is_short_by_the_machine_or_by_the_group(tmp_path: Path) -> None:
    machine, group = tmp_path / "meminfo", tmp_path / "group"
    machine.write_text("MemTotal: 1000 kB\nMemAvailable: 200 kB\n")
    assert not lifetime.memory_is_short(str(machine), str(group))
    group.mkdir()
    (group / "memory.max").write_text("max\n")
    assert not lifetime.memory_is_short(str(machine), str(group))
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("950\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    assert not lifetime.memory_is_short(str(machine), str(group))
    (group / "memory.stat").write_text("anon 1\ninactive_file 10\n")
    assert lifetime.memory_is_short(str(machine), str(group))
    (group / "memory.max").write_text("max\n")
    machine.write_text("MemTotal: 1000 kB\nMemAvailable: 99 kB\n")
    assert lifetime.memory_is_short(str(machine), str(group))
    machine.unlink()
    assert not lifetime.memory_is_short(str(machine), str(group))
