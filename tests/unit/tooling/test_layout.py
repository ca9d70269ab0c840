"""Where the private cluster lives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from motadata_ml.cluster import create, default_home
from motadata_ml.cluster.layout import SOCKET_LIMIT, Layout
from motadata_ml.install import SetupError
from motadata_ml.install.environment import require_readable_by_all


def test_home_is_the_folder_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOTADATA_ML_HOME", str(tmp_path))
    assert default_home() == tmp_path


def test_socket_folder_is_the_clusters_own_where_its_path_is_short() -> None:
    assert Layout(Path("/srv/ml")).sockets == Path("/srv/ml/cluster/run")


def test_socket_folder_is_elsewhere_where_the_path_is_too_long() -> None:
    one, other = (Layout(Path("/srv") / (letter * 100)).sockets for letter in "ab")
    assert len(str(one)) <= SOCKET_LIMIT
    assert one != other


def test_kept_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.folder.mkdir()
    port = create.choose_port(layout)
    create.write_settings(layout, port)
    assert create.choose_port(layout) == port


def test_kept_port_is_given_up_where_another_listens_on_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        create.write_settings(layout, taken)
        assert create.choose_port(layout) != taken


def test_folder_closed_to_others_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inner = closed / "venv"
    inner.mkdir(mode=0o755)
    with pytest.raises(SetupError, match=f"{closed} is closed to others"):
        require_readable_by_all(inner)
