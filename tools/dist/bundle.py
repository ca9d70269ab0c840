"""The bundle: every package that a server needs, of the versions and hashes that the image has, and its installer."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tools.dist.packages import ROOT, VERSION
from tools.supply import locks

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NAME = f"motadata-ml-{VERSION}-python{PYTHON}-{platform.system().lower()}-{platform.machine()}"
INSTALLER = Path(__file__).with_name("install.sh")
_EPOCH = 1735689600
"""The time of the files inside, unless SOURCE_DATE_EPOCH says another: the same sources make the same bundle."""


def download(folder: Path) -> None:
    """Fetch the pinned wheels of others, and pip, by which they are installed where there is none.

    Parameters
    ----------
    folder : Path
        Where to.

    Raises
    ------
    subprocess.CalledProcessError
        A package cannot be had, or is not the one that was pinned.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--only-binary", ":all:")
    pinned = ("--require-hashes", "-r", str(locks.path("server")))
    for wanted in (pinned, (f"pip=={metadata.version('pip')}",)):
        subprocess.run((*pip, "--no-deps", "-d", str(folder), *wanted), check=True)


def requirements(own: Sequence[Path]) -> str:
    """Return the lock file with our own wheels, by their hashes, added."""
    lines = []
    for wheel in own:
        name, version, *_ = wheel.name.split("-")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}\n")
    return locks.path("server").read_text(encoding="utf-8") + "".join(lines)


def build(own: Sequence[Path], folder: Path) -> Path:
    """Make the bundle.

    Parameters
    ----------
    own : sequence of Path
        Our wheels.
    folder : Path
        Where to.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    subprocess.CalledProcessError
        A package of others cannot be had.
    """
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch, NAME)
        wheels = top / "wheels"
        wheels.mkdir(parents=True)
        download(wheels)
        for wheel in own:
            shutil.copy(wheel, wheels)
        (top / "requirements.txt").write_text(requirements(own), encoding="utf-8")
        shutil.copy(ROOT / "LICENSE", top)
        installer = INSTALLER.read_text(encoding="utf-8")
        (top / "install").write_text(re.sub(r"^python=.*$", f"python={PYTHON}", installer, flags=re.M), "utf-8")
        (top / "install").chmod(0o755)
        (top / "SHA256SUMS").write_text(_digests(top), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder / f"{NAME}.tar"  # wheels are compressed
        beside = archive.with_name(f".{archive.name}.new")
        with tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as packed:
            for path in (top, *sorted(top.rglob("*"))):
                packed.add(path, path.relative_to(scratch), recursive=False, filter=_plain)
        beside.replace(archive)
        return archive


def _digests(top: Path) -> str:
    paths = sorted(path for path in top.rglob("*") if path.is_file())
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(top)}\n" for path in paths)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Keep of a file what the bundle's user needs: not whose it was, nor when it was made."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", _EPOCH))
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
