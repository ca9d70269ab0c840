"""The notebooks of docs/notebooks run from top to bottom, and say what they say there.

``make notebooks`` writes their outputs anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.environments import environment, url_of
from tests.unit.tooling.pages import ROOT

FOLDER = ROOT / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with Jupyter's kernel that reads this one's packages too; returns its Python."""
    wanted = Path(__file__).parent / "requirements.txt"
    programs = environment(tmp_path_factory.mktemp("notebooks") / "environment", wanted)
    (packages,) = programs.parent.glob("lib/python3*/site-packages")
    (packages / "project.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    subprocess.run([programs / "python", "-m", "ipykernel", "install", "--sys-prefix"], check=True)
    return programs / "python"


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
    executed = tmp_path / f"{name}.ipynb"
    place = {
        **os.environ,
        "DATABASE_URL": url_of(dsn),
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
