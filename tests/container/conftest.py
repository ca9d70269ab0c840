"""Images built from this checkout, by whichever container engine the machine has."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.engine import engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Connect to the engine; without any, nothing here can run."""
    with engine(tmp_path_factory.mktemp("engine")) as address:
        if address is None:
            pytest.skip("this machine has no container engine: neither DOCKER_HOST, a socket, nor podman")
        os.environ["DOCKER_HOST"] = address
        # what these tests start they remove themselves
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        import docker

        connected = docker.from_env(timeout=600)
        yield connected
        connected.close()


@pytest.fixture(scope="session")
def image(client: object) -> str:
    """Build the server's image, and name it."""
    return build(client, "motadata-ml:test", ROOT, "Dockerfile.postgres")


def build(client: object, tag: str, path: Path, dockerfile: str) -> str:
    """Build an image; its log is in the error where that fails."""
    import docker

    try:
        client.images.build(path=str(path), dockerfile=dockerfile, tag=tag, rm=True, forcerm=True)  # type: ignore[attr-defined]
    except docker.errors.BuildError as error:
        log = "".join(str(line.get("stream", line)) for line in error.build_log)
        pytest.fail(f"{dockerfile} does not build: {error}\n{log[-4000:]}", pytrace=False)
    return tag


@pytest.fixture
def volume(client: object) -> Iterator[str]:
    """Name a volume, which is removed at the end."""
    made = client.volumes.create(f"motadata-ml-test-{uuid.uuid4().hex[:12]}")  # type: ignore[attr-defined]
    yield made.name
    made.remove(force=True)
