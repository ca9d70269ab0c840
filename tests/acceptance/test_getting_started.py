"""The getting-started program runs in full: with the new import root, and unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

HERE = Path(__file__).parent
COMPAT = HERE.parents[1] / "pyclient" / "compat"
SUBJECTS = {
    "hardware": ["printer jams on floor {}", "laptop {} does not start", "monitor {} stays black"],
    "access": ["cannot login since the password expired", "account {} is locked", "needs rights on share {}"],
    "billing": ["invoice {} is wrong", "refund for order {} is missing", "charged twice for {}"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with generated tickets."""
    draw = np.random.default_rng(11)
    category = draw.choice(list(SUBJECTS), 900)
    pd.DataFrame(
        {
            "subject": [draw.choice(SUBJECTS[name]).format(draw.integers(100)) for name in category],
            "priority": draw.integers(1, 5, 900),
            "channel": draw.choice(np.array(["mail", "phone", "portal", None]), 900),
            "response_hours": np.where(draw.random(900) < 0.1, np.nan, draw.random(900).round(2)),
            "created_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(draw.integers(0, 10**7, 900), unit="s"),
            "category": category,
        }
    ).to_csv(tmp_path / "tickets.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("import_root", ["motadata_ml", "src"])
def test_documented_program_runs_in_full(import_root: str, folder: Path, module_db: psycopg.Connection[Any]) -> None:
    program = (HERE / "getting_started.py").read_text()
    if import_root == "motadata_ml":
        program = program.replace("src.core.machine_learning.", "motadata_ml.")
        program = program.replace("src.core.machine_learning ", "motadata_ml ")
        program = program.replace("src.core.", "motadata_ml.")
    (folder / "program.py").write_text(program)
    said = _run(folder, module_db, *([COMPAT] if import_root == "src" else []))
    lines = dict(line.split(" ", 1) for line in said.splitlines())
    assert lines["Training"].startswith("completed")
    assert float(lines["Accuracy:"].split("%")[0]) > 85
    assert lines["Prediction:"].startswith("access")
    assert lines["Models:"].startswith("['ticket_classifier'], algorithm GradientBoosting")
    assert lines["Retrained:"] == "version 1.1.0"
    assert lines["Predicted"] == "by 1.1.0"
    assert lines["Rolled"] == "back to 1.0.0"
    assert lines["Refused:"].startswith("insufficient_data: ")
    assert lines["Missing:"] == "missing"
    assert lines["Runs:"] == "['run', 'training', 'training']"
    assert lines["Serving"] == "True"
    assert lines["Deleted:"] == "True"
    module_db.execute("truncate ml.experiment_run cascade")


def test_documented_paths_are_not_installed_by_default(folder: Path, module_db: psycopg.Connection[Any]) -> None:
    (folder / "program.py").write_text((HERE / "getting_started.py").read_text())
    with pytest.raises(AssertionError, match="No module named 'src'"):
        _run(folder, module_db)


def _run(folder: Path, module_db: psycopg.Connection[Any], *more_path: Path) -> str:
    """Run the program as a user does, as a process of its own; warnings are errors."""
    info = module_db.info
    environment = {
        **os.environ,
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGDATABASE": info.dbname,
        "PGUSER": info.user,
        "PGPASSWORD": info.password,
        "PYTHONPATH": os.pathsep.join([*map(str, more_path), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
    }
    command = [sys.executable, "-W", "error", "program.py"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
