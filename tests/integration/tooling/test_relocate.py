"""A server of one's own: what other checkouts install is not seen, and nothing of the machine's is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from motadata_ml import cluster
from motadata_ml.cluster.layout import Layout
from motadata_ml.install import Server, SetupError, extension_files, find_server, relocate

CONTROL = "motadata_ml.control"


@pytest.fixture
def installed(tmp_path: Path) -> Server:
    """Imitate the server of the machine, with extension files that another checkout left there."""
    real = find_server()
    folder = tmp_path / "installed"
    imitation = Server(folder / "bin", folder / "share", folder / "lib", real.version)
    imitation.bindir.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_ctl"):
        (imitation.bindir / name).write_text("the program " + name, encoding="ascii")
        (imitation.bindir / name).chmod(0o755)
    imitation.libdir.mkdir()
    imitation.extension_folder.mkdir(parents=True)
    (imitation.sharedir / "timezonesets").mkdir()
    (imitation.extension_folder / "hstore.control").write_text("hstore", encoding="ascii")
    (imitation.extension_folder / CONTROL).write_text("another checkout's", encoding="ascii")
    (imitation.extension_folder / "motadata_ml--0.0.1.sql").write_text("select 1 / 0", encoding="ascii")
    return imitation


def snapshot(folder: Path) -> dict[Path, float]:
    return {path: path.lstat().st_mtime for path in folder.rglob("*")}


def test_scripts_of_another_checkout_are_not_taken_over(installed: Server, tmp_path: Path) -> None:
    own = relocate(installed, tmp_path / "own")
    ours = {path.name: path.read_text(encoding="utf-8") for path in own.extension_folder.glob("motadata_ml*")}
    assert ours == extension_files()


def test_other_extensions_and_files_are_there(installed: Server, tmp_path: Path) -> None:
    own = relocate(installed, tmp_path / "own")
    assert (own.extension_folder / "hstore.control").read_text(encoding="ascii") == "hstore"
    assert (own.sharedir / "timezonesets").is_dir()
    assert own.libdir.resolve() == installed.libdir


def test_installed_server_is_left_as_it_was(installed: Server, tmp_path: Path) -> None:
    before = snapshot(installed.bindir.parent)
    relocate(installed, tmp_path / "own")
    assert snapshot(installed.bindir.parent) == before


def test_second_time_changes_nothing(installed: Server, tmp_path: Path) -> None:
    own = relocate(installed, tmp_path / "own")
    before = snapshot(tmp_path / "own")
    assert relocate(installed, tmp_path / "own") == own
    assert snapshot(tmp_path / "own") == before


def test_upgraded_program_is_copied_again(installed: Server, tmp_path: Path) -> None:
    relocate(installed, tmp_path / "own")
    installed.program("postgres").write_text("a newer one", encoding="ascii")
    own = relocate(installed, tmp_path / "own")
    assert own.program("postgres").read_text(encoding="ascii") == "a newer one"


def test_extension_that_was_removed_is_gone(installed: Server, tmp_path: Path) -> None:
    relocate(installed, tmp_path / "own")
    (installed.extension_folder / "hstore.control").unlink()
    own = relocate(installed, tmp_path / "own")
    assert not (own.extension_folder / "hstore.control").is_symlink()


def test_servers_user_can_read_it_whatever_the_umask(installed: Server, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        own = relocate(installed, tmp_path / "own")
    finally:
        os.umask(before)
    paths = [path for path in (tmp_path / "own").rglob("*") if not path.is_symlink()]
    assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o044 != 0o044] == []
    assert stat.S_IMODE(own.program("postgres").stat().st_mode) == 0o755


def test_folder_that_cannot_be_made_is_explained(installed: Server, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(SetupError) as caught:
        relocate(installed, in_the_way / "own")
    assert "MOTADATA_ML_HOME" in caught.value.remedy


def test_private_cluster_runs_its_own_scripts(tmp_path: Path) -> None:
    running = cluster.up(tmp_path)
    try:
        command = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        assert command.startswith(os.fsencode(Layout(tmp_path).server))
    finally:
        cluster.down(tmp_path)
