"""Make a private cluster's files: folders, password, data folder, settings."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path

from motadata_ml.cluster.layout import Account, Layout
from motadata_ml.install.errors import SetupError
from motadata_ml.install.server import Server

SUPERUSER = "postgres"
TAKEN = 5432
"""PostgreSQL's own port, left to others."""

INCLUDE = "\n# The private cluster's own settings.\ninclude = '../server.conf'\n"


def make_folders(layout: Layout, account: Account) -> None:
    """Make the folders that are missing, each with the owner and mode it has to have.

    Raises
    ------
    SetupError
        A folder cannot be made, or belongs to somebody else.
    """
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        layout.folder.chmod(0o755)  # whatever the umask: the server has to get through
        for folder in (layout.log.parent, layout.sockets):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                account.give(folder, 0o700)
    except OSError as error:
        raise SetupError(
            f"cannot make the private cluster's folders in {layout.folder}: {error.strerror}",
            remedy="Run it as the user it belongs to, or name another folder in MOTADATA_ML_HOME.",
        ) from error
    status = layout.sockets.lstat()
    if status.st_uid != account.uid or status.st_mode & 0o777 != 0o700:
        raise SetupError(
            f"the socket folder {layout.sockets} is not {account.name}'s alone",
            remedy=f"Remove {layout.sockets}, or choose a shorter MOTADATA_ML_HOME.",
        )


def read_password(layout: Layout) -> str:
    """Read the superuser's password.

    Raises
    ------
    SetupError
        There is none yet, or the caller may not read it.
    """
    try:
        return layout.password.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise SetupError(f"there is no private cluster in {layout.home}", remedy="Run: motadata-ml up") from error
    except OSError as error:
        raise SetupError(
            f"cannot read {layout.password}: {error.strerror}", remedy="Run it as the user who made the cluster."
        ) from error


def initialise(layout: Layout, account: Account, server: Server, env: dict[str, str]) -> None:
    """Make the data folder with a generated password; it appears whole or not at all.

    Raises
    ------
    SetupError
        ``initdb`` failed; the message holds what it said.
    """
    unfinished = layout.folder / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    layout.password.unlink(missing_ok=True)
    descriptor = os.open(layout.password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(24) + "\n")
    account.give(layout.password, 0o600)
    unfinished.mkdir(mode=0o700)
    account.give(unfinished, 0o700)
    command = [str(server.program("initdb")), "-D", str(unfinished), "-U", SUPERUSER]
    command += ["--auth=scram-sha-256", f"--pwfile={layout.password}", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = account.run([*command, "--data-checksums"], env)
    if done.returncode != 0:
        raise SetupError(
            f"initdb failed:\n{done.stdout.strip()}",
            remedy=f"The folder {layout.home} has to be readable for {account.name}: every folder above it needs "
            "the mode 0755. Choose another one in MOTADATA_ML_HOME.",
        )
    account.append(unfinished / "postgresql.conf", INCLUDE)
    unfinished.rename(layout.data)


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(layout: Layout) -> int:
    """Return the port the cluster had, or a free one where that is taken or there was none."""
    try:
        kept = int(layout.port.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        kept = 0
    if kept and port_is_free(kept):
        return kept
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port != TAKEN:
            return port


def write_settings(layout: Layout, port: int) -> None:
    """Write the settings that ``postgresql.conf`` includes, and the port that is kept."""
    sockets = str(layout.sockets).replace("'", "''")
    _replace(
        layout.settings,
        "# Written by `motadata-ml up`; what you change here is lost. Use ALTER SYSTEM.\n"
        f"port = {port}\n"
        "listen_addresses = '127.0.0.1'\n"
        f"unix_socket_directories = '{sockets}'\n"
        "cluster_name = 'motadata-ml'\n",
    )
    _replace(layout.port, f"{port}\n")


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.chmod(0o644)
    beside.replace(path)
