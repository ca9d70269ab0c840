"""The program on the PATH: a link where there is room for one, else a line to paste."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from motadata_ml.install.on_path import link_program


def make_program(folder: Path, says: str = "ours") -> Path:
    """Make a program of our name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "motadata-ml"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


def called(path: str) -> str:
    """Return what a shell with that PATH runs under our name."""
    command = ["/bin/sh", "-c", "motadata-ml"]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False).stdout


def test_link_is_made_in_a_folder_of_the_path(tmp_path: Path) -> None:
    program, folder = make_program(tmp_path / "venv" / "bin"), tmp_path / "local"
    folder.mkdir()
    path = f"/nowhere{os.pathsep}{folder}"
    assert link_program(program, folder, path) == "motadata-ml is on the PATH"
    assert called(path) == "ours\n"
    assert [entry.name for entry in folder.iterdir()] == ["motadata-ml"]
    assert link_program(program, folder, path) == "motadata-ml is on the PATH"


def test_link_that_leads_nowhere_is_replaced(tmp_path: Path) -> None:
    program, folder = make_program(tmp_path / "venv" / "bin"), tmp_path / "local"
    folder.mkdir()
    (folder / "motadata-ml").symlink_to(tmp_path / "gone")
    assert link_program(program, folder, str(folder)) == "motadata-ml is on the PATH"
    assert called(str(folder)) == "ours\n"


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_program_of_another_stays_and_a_line_is_told(tmp_path: Path, linked: bool) -> None:
    program, folder = make_program(tmp_path / "venv dir" / "bin"), tmp_path / "local"
    if linked:
        folder.mkdir()
        (folder / "motadata-ml").symlink_to(make_program(tmp_path / "other", "theirs"))
    else:
        make_program(folder, "theirs")
    line = link_program(program, folder, str(folder))
    assert called(str(folder)) == "theirs\n"
    assert called_after(line, str(folder)) == "ours\n"


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "not on the path"])
def test_no_link_is_made_where_it_would_not_help(tmp_path: Path, there: bool) -> None:
    program, folder = make_program(tmp_path / "venv" / "bin"), tmp_path / "local"
    path = "/usr/bin"
    if there:
        folder.mkdir()
    else:
        path = str(folder)
    line = link_program(program, folder, path)
    assert called_after(line, path) == "ours\n"
    assert folder.exists() == there
    assert not (folder / "motadata-ml").exists()


def called_after(line: str, path: str) -> str:
    """Paste a line that was told, then call the program."""
    assert line.startswith("to call it by its name: export PATH=")
    script = f"{line.partition(': ')[2]}; motadata-ml"
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout
