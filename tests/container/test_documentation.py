"""The blocks of README.md and docs/operations.md that need a container engine, run in order."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.container.conftest import ROOT
from tests.container.engine import is_podman

PAGES = ("README.md", "docs/operations.md")
PODMAN = """#!/bin/sh
case $1 in
build) shift && exec podman build --format docker "$@" ;;
*) exec podman "$@" ;;
esac
"""


def blocks(page: str) -> list[str]:
    """Return the blocks of a page that need a container engine."""
    return re.findall(r"^```sh container\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Reader:
    """Somebody who does what the pages say, with a name, a volume and a port of their own."""

    folder: Path
    environment: dict[str, str]
    name: str
    port: int

    def follow(self, block: str) -> str:
        """Run a block in a checkout; returns what it printed."""
        own = re.sub(r"\bmotadata\b(?!-)", self.name, block).replace("5432:5432", f"127.0.0.1:{self.port}:5432")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", own],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{own}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def reader(client: docker.DockerClient, image: str, tmp_path: Path) -> Iterator[Reader]:
    """Build in a copy of the checkout, as a reader would; `image` has filled the engine's cache."""
    folder = tmp_path / "checkout"
    leave = shutil.ignore_patterns(".git", ".*_cache", "__pycache__", "secrets", ".venv", ".motadata-ml", ".hypothesis")
    shutil.copytree(ROOT, folder, ignore=leave)
    for script in (folder / "docker").glob("*.sh"):
        script.chmod(0o600)  # a checkout under umask 077, or from an archive
    programs = tmp_path / "bin"
    programs.mkdir()
    if is_podman(client) and shutil.which("podman"):
        (programs / "docker").write_text(PODMAN)
        (programs / "docker").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    name = f"motadata_{uuid.uuid4().hex[:8]}"
    yield Reader(folder, environment, name, port)
    for container in client.containers.list(all=True, filters={"name": name}):
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"name": name}):
        volume.remove(force=True)


def test_every_block_does_what_its_page_says(reader: Reader) -> None:
    (start,) = blocks(PAGES[0])
    assert len(start.splitlines()) == 2
    use, upgrade, secrets = blocks(PAGES[1])
    reader.follow(start)
    assert reader.follow(use).splitlines()[-1] == "completed"
    assert reader.follow(upgrade).splitlines()[-1] == "300"
    reader.follow(secrets)
    assert {path.name: len(path.read_text()) for path in (reader.folder / "secrets").iterdir()} == dict.fromkeys(
        ("postgres", "replication", "app"), 49
    )
