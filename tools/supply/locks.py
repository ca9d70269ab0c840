"""Read the lock files of the images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
IMAGES = {"server": "PostgreSQL", "serving": "HTTP server", "build": "only while building"}
"""The lock files by name, and what each is for."""

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>\S+)(?P<rest>.*)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True)
class Pin:
    """One package of a lock file.

    Attributes
    ----------
    name : str
        Its normalised name.
    version : Version
        The one version that is installed.
    hashes : tuple of str
        The SHA-256 digests of the files that may be installed.
    """

    name: str
    version: Version
    hashes: tuple[str, ...]


def path(name: str) -> Path:
    """Return where a lock file is."""
    return ROOT / "docker" / f"requirements-{name}.lock"


def read(name: str) -> dict[str, Pin]:
    """Return a lock file's packages by name.

    Raises
    ------
    ValueError
        A line does not pin one version.
    """
    text = re.sub(r"^\s*#.*$", "", path(name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    pins: dict[str, Pin] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        found = _PIN.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"{path(name).name} has a line that pins no version: {line.strip()[:80]}")
        package = canonicalize_name(found["name"])
        pins[package] = Pin(package, Version(found["version"]), tuple(_HASH.findall(found["rest"])))
    return pins
