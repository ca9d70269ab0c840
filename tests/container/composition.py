"""The services of compose.yaml, started by whichever engine the machine has, without a compose program."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.container.conftest import ROOT, build
from tests.container.engine import check_health

FILE = ROOT / "compose.yaml"
KNOWN = {"build", "image", "command", "environment", "secrets", "volumes", "ports", "shm_size", "depends_on"}


def read() -> dict[str, Any]:
    """Return what compose.yaml says."""
    return dict(yaml.safe_load(FILE.read_text()))


def in_order(services: dict[str, Any]) -> list[str]:
    """Return the services, each after those it depends on."""
    found: list[str] = []
    while len(found) < len(services):
        ready = [
            name for name in services if name not in found and set(services[name].get("depends_on", ())) <= {*found}
        ]
        if not ready:
            raise ValueError("the services depend on each other in a circle")
        found += ready
    return found


@contextlib.contextmanager
def up(client: docker.DockerClient, secrets: Path, volumes: dict[str, str]) -> Iterator[dict[str, DockerContainer]]:
    """Build and start every service as compose.yaml says, on ports that are free; yields the containers by name.

    A service waits until those it depends on are healthy. `secrets` is the folder with the files that
    compose.yaml expects in its own; `volumes` names the volume that stands for each of its volumes.
    """
    services = read()["services"]
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        started: dict[str, DockerContainer] = {}
        for name in in_order(services):
            service = services[name]
            assert set(service) <= KNOWN, f"{name}: the tests do not know {set(service) - KNOWN}"
            for other, condition in service.get("depends_on", {}).items():
                assert condition == {"condition": "service_healthy"}
                wait_until_healthy(client, started[other])
            made = service["build"]
            tag = build(client, f"{service['image']}:test", ROOT / made["context"], made["dockerfile"])
            container = DockerContainer(tag).with_network(network).with_network_aliases(name)
            container.with_envs(**service["environment"]).with_kwargs(shm_size=service.get("shm_size"))
            if "command" in service:
                container.with_command(service["command"])
            for secret in service["secrets"]:
                container.with_volume_mapping(str(secrets / secret), f"/run/secrets/{secret}", "ro")
            for mount in service.get("volumes", ()):
                volume, _, path = mount.partition(":")
                container.with_volume_mapping(volumes[volume], path, "rw")
            container.with_exposed_ports(*(int(port.rpartition(":")[2]) for port in service["ports"]))
            started[name] = stack.enter_context(container)
        for container in started.values():
            if container.get_wrapped_container().attrs["Config"].get("Healthcheck"):
                wait_until_healthy(client, container)
        yield started


def wait_until_healthy(client: docker.DockerClient, container: DockerContainer) -> None:
    """Wait until the health check of a container succeeds."""
    deadline = time.monotonic() + 180
    wrapped = container.get_wrapped_container()
    while True:
        wrapped.reload()
        if wrapped.status != "running" or time.monotonic() > deadline:
            raise RuntimeError(
                f"{wrapped.name} is {wrapped.status} and not healthy:\n{wrapped.logs().decode()[-4000:]}"
            )
        if check_health(client, wrapped)[0]:
            return
        time.sleep(1)
