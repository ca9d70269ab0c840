"""The engine is found, or started, or its absence is said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import docker
import pytest

from tests.container import engine as engines
from tests.container.engine import answers, engine


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every engine that runs."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engines, "SOCKETS", ())


def test_a_machine_without_an_engine_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with engine(tmp_path) as address:
        assert address is None


def test_a_socket_on_which_nobody_listens_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")
    with engine(tmp_path) as address:
        assert address is None


@pytest.mark.skipif(shutil.which("podman") is None, reason="this machine has no program podman to start")
def test_podmans_service_is_started_and_ended(tmp_path: Path) -> None:
    with engine(tmp_path) as address:
        assert address is not None
        client = docker.DockerClient(base_url=address)
        try:
            assert engines.is_podman(client)
            assert isinstance(client.images.list(), list)
        finally:
            client.close()
    assert not answers(address)
    assert "DOCKER_HOST" not in os.environ
