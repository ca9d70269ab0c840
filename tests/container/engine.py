"""The container engine at hand: Docker, or Podman, whose service is started where nobody has."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

SOCKETS = (
    Path("/var/run/docker.sock"),
    Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "podman" / "podman.sock",
    Path("/run/podman/podman.sock"),
)


def answers(address: str) -> bool:
    """Say whether an engine answers at an address."""
    path = address.removeprefix("unix://")
    if path != address and not listened_to(path):
        return False
    try:
        client = docker.DockerClient(base_url=address, timeout=20)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except DockerException:
        return False


def listened_to(path: str) -> bool:
    """Say whether anybody listens on a socket of this machine: docker's client leaves one open where nobody does."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[str | None]:
    """Name the address of an engine; None where the machine has none.

    DOCKER_HOST comes first, then the usual sockets, then a `podman system service` that lasts as long as the tests.
    """
    named = os.environ.get("DOCKER_HOST")
    for address in [named] if named else [f"unix://{path}" for path in SOCKETS if path.is_socket()]:
        if answers(address):
            yield address
            return
    if shutil.which("podman") is None:
        yield None
        return
    address = f"unix://{folder / 'podman.sock'}"
    with (folder / "podman.log").open("wb") as log:
        service = subprocess.Popen(["podman", "system", "service", "--time=0", address], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not answers(address):
            if service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"podman does not serve: {(folder / 'podman.log').read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        service.terminate()
        service.wait(timeout=20)


def is_podman(client: docker.DockerClient) -> bool:
    """Say whether the engine is Podman."""
    return any(part["Name"].startswith("Podman") for part in client.version()["Components"])


def check_health(client: docker.DockerClient, container: Any) -> tuple[bool, str]:
    """Have an engine check a container's health once more; returns the verdict and what the check printed.

    Podman runs the check now: it leaves the schedule to systemd, which may not be there. Docker keeps the schedule,
    whose next verdict is waited for.
    """
    before = len(_log(container)) and _log(container)[-1]["End"]
    if is_podman(client):
        api = client.api
        response = api.get(f"{api.base_url}/v4.0.0/libpod/containers/{container.id}/healthcheck", timeout=60)
        assert response.status_code == 200, response.text
    deadline = time.monotonic() + 120
    while not _log(container) or _log(container)[-1]["End"] == before:
        assert time.monotonic() < deadline, "the engine does not check"
        time.sleep(0.5)
    last = _log(container)[-1]
    return last["ExitCode"] == 0, last["Output"]


def _log(container: Any) -> list[dict[str, Any]]:
    container.reload()
    return list(container.attrs["State"].get("Health", {}).get("Log") or [])
