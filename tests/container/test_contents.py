"""What is in the images is what their lists say."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest
from packaging.utils import canonicalize_name

from tests.container.conftest import ROOT, build
from tools.supply import locks, sbom

DOCKERFILES = {"server": "Dockerfile.postgres", "serving": "docker/Dockerfile.serving"}
LIST = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"


def run(client: docker.DockerClient, tag: str, program: str, *arguments: str) -> str:
    """Run a program of an image, and return what it prints; nothing of the container stays, volumes included."""
    container = client.containers.create(tag, list(arguments), entrypoint=program)
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 0
        return str(container.logs(stderr=False).decode())
    finally:
        container.remove(force=True, v=True)


def packages(client: docker.DockerClient, tag: str) -> dict[str, str]:
    """Return the packages of an image's environment with their versions."""
    said = run(client, tag, "/opt/motadata-ml/bin/python", "-B", "-I", "-c", LIST)
    found = dict(entry.split("==") for entry in said.split())
    return {canonicalize_name(name): version for name, version in found.items()}


@pytest.mark.parametrize("name", sbom.IMAGES)
def test_an_image_holds_what_its_lock_and_its_list_say(client: docker.DockerClient, name: str, tmp_path: Path) -> None:
    tag = build(client, f"motadata-ml-{name}:test", ROOT, DOCKERFILES[name])
    found = packages(client, tag)
    version = found.pop("motadata-ml")
    loops = found.pop("motadata-ml-native", None)  # built in a stage of its own, from these sources
    assert loops == (version if name == "server" else None)
    assert found == {pin.name: str(pin.version) for pin in locks.read(name).values()}
    installed = run(client, tag, "dpkg-query", "-W", f"-f={sbom.FORMAT}")
    listed = json.loads(sbom.write(name, tmp_path, sbom.debian_packages(installed)).read_text())
    assert listed["bomFormat"] == "CycloneDX"
    python = [part for part in listed["components"] if part["purl"].startswith("pkg:pypi/")]
    debian = [part for part in listed["components"] if part["purl"].startswith("pkg:deb/")]
    assert {canonicalize_name(part["name"]): part["version"] for part in python} == found
    assert not {"gcc", "cpp", "binutils", "libc6-dev", "python3-dev"} & {part["name"] for part in debian}
    assert all(part["licenses"] for part in python)
    assert len(debian) == len(installed.splitlines()) == len(listed["components"]) - len(python)
    assert {"python3-minimal", "libc6"} <= {part["name"] for part in debian}
    root = listed["metadata"]["component"]
    assert (root["name"], root["version"]) == ("motadata-ml", version)
