"""Where the private cluster lives, and whose it is."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from motadata_ml.install.errors import SetupError

SOCKET_LIMIT = 90
"""Longest socket folder in bytes: a socket's path may not pass 107 (``sun_path``), its name takes 17."""


def default_home() -> Path:
    """Return the folder that holds the private cluster.

    Returns
    -------
    Path
        ``MOTADATA_ML_HOME``; without it the folder of the environment, where that was made as
        ``<home>/venv`` by the project's bootstrap; else one of the user's.
    """
    if named := os.environ.get("MOTADATA_ML_HOME"):
        return Path(named).absolute()
    prefix = Path(sys.prefix)
    if prefix.name == "venv" and (prefix.parent / "sources.stamp").is_file():
        return prefix.parent
    if os.getuid() == 0:
        return Path("/var/lib/motadata-ml/default")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "motadata-ml"


@dataclass(frozen=True)
class Account:
    """The operating system's user that runs the server.

    Parameters
    ----------
    name : str
        The user's name.
    uid, gid : int
        The user's numbers.
    """

    name: str
    uid: int
    gid: int

    def run(
        self, command: list[str], env: dict[str, str], given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, in the root folder, with nothing but `env` as environment.

        Parameters
        ----------
        command : list of str
            The program and its arguments.
        env : dict
            Its whole environment.
        given : str, optional
            What it reads; nothing by default.
        """
        root = os.getuid() == 0
        return subprocess.run(
            command,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL if given is None else None,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self.uid if root else None,
            group=self.gid if root else None,
            extra_groups=[] if root else None,
        )

    def append(self, path: Path, text: str) -> None:
        """Add text to a file of a folder that this user can write, with this user's rights.

        A link that lies in the file's place leads no further than this user could go.

        Raises
        ------
        SetupError
            It cannot be written.
        """
        done = self.run(["/usr/bin/tee", "-a", "--", str(path)], {"LC_ALL": "C.UTF-8"}, text)
        if done.returncode != 0:
            raise SetupError(f"cannot write to {path} as the user {self.name}", remedy="See who owns it.")

    def read(self, path: Path, size: int = 65536) -> str:
        """Return the end of a file of a folder that this user can write, empty where it cannot be read.

        Only of a plain file that is this user's own: a link that was planted there could lead to a file that the caller
        may read and this user may not, and a pipe would let it wait for ever.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return ""
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != self.uid:
                return ""
            file.seek(max(0, status.st_size - size))
            return file.read(size).decode(errors="replace")

    def give(self, path: Path, mode: int) -> None:
        """Make a file or folder this user's, with a mode."""
        path.chmod(mode)
        if os.getuid() == 0:
            os.chown(path, self.uid, self.gid)


def server_account() -> Account:
    """Return the user that runs the server: the caller, or ``postgres`` where the caller is root.

    Raises
    ------
    SetupError
        The caller is root and there is no user ``postgres``.
    """
    uid = os.getuid()
    try:
        entry = pwd.getpwnam("postgres") if uid == 0 else pwd.getpwuid(uid)
    except KeyError as error:
        raise SetupError(
            "PostgreSQL does not run as root, and there is no user postgres to run it",
            remedy="Install postgresql-15, which makes that user, or run this as an ordinary user.",
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Layout:
    """The files of a private cluster.

    Parameters
    ----------
    home : Path
        The folder that holds them.
    """

    home: Path

    @property
    def folder(self) -> Path:
        """Holds what follows; belongs to the caller, so the server cannot plant links in it."""
        return self.home / "cluster"

    @property
    def data(self) -> Path:
        """The data folder, mode 0700."""
        return self.folder / "data"

    @property
    def server(self) -> Path:
        """The server's programs and the extension's files, this cluster's own."""
        return self.folder / "server"

    @property
    def password(self) -> Path:
        """The superuser's password, mode 0600."""
        return self.folder / "password"

    @property
    def settings(self) -> Path:
        """The server's settings of ours, which ``postgresql.conf`` includes."""
        return self.folder / "server.conf"

    @property
    def port(self) -> Path:
        """The port that the cluster keeps."""
        return self.folder / "port"

    @property
    def script(self) -> Path:
        """The digest of the install script that made the extension."""
        return self.folder / "extension.sha256"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log" / "server.log"

    @property
    def lock(self) -> Path:
        """Held while the cluster is made, started or stopped."""
        return self.folder / "lock"

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket, mode 0700."""
        folder = self.folder / "run"
        if len(os.fsencode(folder)) <= SOCKET_LIMIT:
            return folder
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
        return Path(f"/tmp/motadata-ml-{os.getuid()}-{digest}")  # noqa: S108 - its owner and mode are checked
