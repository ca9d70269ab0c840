"""The notebooks of docs/notebooks run from top to bottom, and say what they say there.

``make notebooks`` writes their outputs anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.unit.tooling.pages import ROOT

FOLDER = ROOT / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with Jupyter's kernel that reads this one's packages too; returns its Python."""
    made = tmp_path_factory.mktemp("notebooks") / "environment"
    uv = (sys.executable, "-m", "uv", "-q")
    subprocess.run((*uv, "venv", "--python", "/usr/bin/python3", made), check=True)
    wanted = Path(__file__).parent / "requirements.txt"
    subprocess.run((*uv, "pip", "install", "--python", made / "bin" / "python", "-r", wanted), check=True)
    (packages,) = made.glob("lib/python3*/site-packages")
    (packages / "project.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    subprocess.run([made / "bin" / "python", "-m", "ipykernel", "install", "--sys-prefix"], check=True)
    return made / "bin" / "python"


def outputs(path: Path) -> list[list[str]]:
    """Return what each cell shows: as text, and the pictures."""
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = []
    for cell in read["cells"]:
        shown = []
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            picture = data.get("text/html", "") if "<svg" in str(data.get("text/html", "")) else ""
            shown.append(_ADDRESS.sub("", "".join(picture or data.get("text/plain", ""))))
        found.append(shown)
    return found


def test_there_are_four() -> None:
    assert NAMES == ["classification", "forecasting", "operations", "regression"]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_says_what_it_says_in_the_documentation(name: str, python: Path, dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn) as session:
        info = session.info
        address = f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"
    executed = tmp_path / f"{name}.ipynb"
    place = {
        **os.environ,
        "DATABASE_URL": address,
        "IPYTHONDIR": str(tmp_path),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    script = Path(__file__).parent / "execute.py"
    done = subprocess.run(
        [python, script, FOLDER / f"{name}.ipynb", executed], env=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    if os.environ.get("MOTADATA_ML_WRITE_DOCS"):
        shutil.copy(executed, FOLDER / f"{name}.ipynb")
    else:
        assert outputs(executed) == outputs(FOLDER / f"{name}.ipynb")
