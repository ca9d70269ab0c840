"""Links, pipes, locks and tables that somebody plants where root's scripts and the client's programs will come by."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml.cluster import create, lifecycle, postmaster
from motadata_ml.cluster.layout import Account, Layout, server_account
from motadata_ml.install import find_server
from motadata_ml.install.errors import SetupError
from motadata_ml.install.uninstall import drop_extension

ROOT = Path(__file__).parents[2]
Session = psycopg.Connection[Any]

STUBS = {
    "id": "echo 0",  # the script believes that root runs it
    "runuser": 'shift 3; exec "$@"',
    "install": "exit 0",
    # by then the user postgres owns the folder, and is at work
    "chown": 'for last; do :; done; ln -s "$VICTIM/made" "$(dirname "$last")/began" 2>/dev/null; '
    'ln -s "$VICTIM/made" "$last/began" 2>/dev/null; exit 0',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Lay out a checkout with the scripts, an environment whose Python does as told, and somebody's files."""
    (tmp_path / "root" / ".ci").mkdir(parents=True)
    for name in ("python", "bootstrap"):
        shutil.copy(ROOT / ".ci" / name, tmp_path / "root" / ".ci" / name)
    (tmp_path / "root" / "docs").mkdir()
    (tmp_path / "root" / "docs" / "sql-reference.md").write_text("ours\n")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "secret").write_text("root:$6$hash\n")
    (tmp_path / "home" / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, body in STUBS.items():
        stub = tmp_path / "bin" / name
        stub.write_text(f"#!/bin/sh\n{body}\n")
        stub.chmod(0o755)
    return tmp_path


def as_root(project: Path, before: str, python: str) -> subprocess.CompletedProcess[str]:
    """Run `.ci/python` as root would, in whose process's number something was done before."""
    program = project / "home" / "venv" / "bin" / "python"
    program.write_text(f"#!/bin/sh\n{python}\n")
    program.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-c", f"{before}\nexec {project}/root/.ci/python -c pass"],
        env={
            "PATH": f"{project}/bin:/usr/bin:/bin",
            "MOTADATA_ML_HOME": str(project / "home"),
            "VICTIM": str(project / "victim"),
            "TESTS": str(project / "home" / "tests"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_link_in_the_place_of_a_result_is_not_copied_into_the_checkout(project: Path) -> None:
    done = as_root(
        project,
        "true",
        'rm docs/sql-reference.md; ln -s "$VICTIM/secret" docs/sql-reference.md; touch -d "+1 hour" "$VICTIM/secret"',
    )
    assert done.returncode == 0, done.stderr
    assert (project / "root" / "docs" / "sql-reference.md").read_text() == "ours\n"


@pytest.mark.no_attack
def test_a_result_that_is_a_file_still_comes_back(project: Path) -> None:
    done = as_root(project, "true", "echo new >docs/sql-reference.md; touch -d '+1 hour' docs/sql-reference.md")
    assert done.returncode == 0, done.stderr
    assert (project / "root" / "docs" / "sql-reference.md").read_text() == "new\n"


@pytest.mark.parametrize("planted", ["checkout", "home"])
def test_links_in_the_folder_of_an_earlier_run_by_this_number_lead_nowhere(project: Path, planted: str) -> None:
    before = f'mkdir -p "$TESTS/$$" && ln -s "$VICTIM" "$TESTS/$$/{planted}"'
    done = as_root(project, before, "true")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (project / "victim").iterdir()] == ["secret"]


def test_a_link_that_is_planted_while_the_script_runs_makes_no_file(project: Path) -> None:
    done = as_root(project, "true", "true")
    assert done.returncode == 0, done.stderr
    assert not (project / "victim" / "made").exists()


def test_the_lock_of_the_bootstrap_is_open_to_its_owner_alone() -> None:
    lock = Path(sys.prefix).parent / "bootstrap.lock"
    if not lock.exists():
        pytest.skip("this environment was not made by .ci/bootstrap")
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    if lock.stat().st_uid != os.getuid():
        with pytest.raises(PermissionError):
            lock.open()


def test_the_bootstrap_of_root_refuses_a_folder_that_others_can_write(project: Path) -> None:
    """The stub says that root runs it; the folder is somebody else's."""
    if os.getuid() == 0:
        pytest.skip("root owns the folder itself")
    done = subprocess.run(
        [project / "root" / ".ci" / "bootstrap"],
        env={"PATH": f"{project}/bin:/usr/bin:/bin", "MOTADATA_ML_HOME": str(project / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not root's alone" in done.stderr


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "own")
    made.folder.mkdir(parents=True)
    return made


def test_nobody_else_can_hold_the_clusters_lock(layout: Layout) -> None:
    layout.lock.touch(mode=0o666)
    layout.lock.chmod(0o666)
    with lifecycle._locked(layout):
        assert stat.S_IMODE(layout.lock.stat().st_mode) == 0o600
        with layout.lock.open("w") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_in_the_place_of_the_clusters_lock_is_not_opened(layout: Layout, tmp_path: Path) -> None:
    layout.lock.symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic link"), lifecycle._locked(layout):
        pass
    assert not (tmp_path / "made").exists()


def _link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def _pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


PLANTED = [_link, _pipe]


@pytest.mark.parametrize("plant", PLANTED)
def test_what_lies_in_the_place_of_the_servers_files_is_not_read(
    layout: Layout, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root:$6$hash\n")
    layout.data.mkdir()
    layout.log.parent.mkdir()
    for name in ("PG_VERSION", "postmaster.pid"):
        plant(layout.data / name, secret)
    plant(layout.log, secret)
    account = server_account()
    assert account.read(layout.log) == ""
    assert postmaster.find(layout) is None
    lifecycle.server_of(layout)  # tells no other version's name, least of all the secret
    postmaster._clear_stale_locks(layout, account)
    assert secret.read_text() == "root:$6$hash\n"


def test_a_file_of_another_user_is_not_read_for_the_server() -> None:
    other = Account("nobody", os.getuid() + 1, os.getgid())
    assert other.read(Path(__file__)) == ""
    assert server_account().read(Path(__file__)) != "" or os.getuid() == 0


def test_the_settings_are_added_with_the_servers_own_rights(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What writes to the folder that the server's user owns is a program that runs as that user."""
    ran: list[list[str]] = []

    def run(
        self: Account, command: list[str], env: dict[str, str], given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        if "initdb" in command[0]:
            (layout.folder / "data.new" / "postgresql.conf").symlink_to(tmp_path / "made")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(Account, "run", run)
    server = find_server()
    create.initialise(layout, server_account(), server, {})
    assert [Path(command[0]).name for command in ran] == ["initdb", "tee"]
    assert not (tmp_path / "made").exists()


@pytest.mark.no_attack
def test_a_file_that_cannot_be_added_to_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        server_account().append(tmp_path / "no" / "such", "x")


TRAP = """
create schema cron;
create table cron.job (jobid bigint);
create function cron.trap() returns trigger language plpgsql as $$
begin execute format('alter role %I superuser', tg_argv[0]); return null; end $$;
"""


def test_a_table_called_cron_job_of_somebody_elses_is_not_touched(
    db: Session, dsn: str, connect: Callable[..., Session], role_factory: Callable[..., str]
) -> None:
    mallory = role_factory("mallory")
    db.execute(f'grant create on database "{db.info.dbname}" to "{mallory}"'.encode())
    with connect(mallory) as session:
        session.execute(TRAP.encode())
        session.execute(
            "create trigger trap before delete on cron.job for each statement "
            f"execute function cron.trap('{mallory}')".encode()
        )
    assert any("extension motadata_ml" in removed for removed in drop_extension(dsn))
    assert db.execute("select rolsuper from pg_roles where rolname = %s", [mallory]).fetchone() == (False,)
    assert db.execute("select to_regclass('cron.job')").fetchone() == ("cron.job",)
