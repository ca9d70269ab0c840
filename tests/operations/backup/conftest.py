"""One cluster with one database that everything here backs up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from motadata_ml.install import Server, find_server
from tests.conftest import BINDIR
from tests.operations.backup import estate
from tests.operations.backup.clusters import Cluster, Session, link_programs

SOURCE = "source"


@dataclass(frozen=True)
class Estate:
    """The running cluster, and what its database `source` answers."""

    cluster: Cluster
    contents: dict[str, Any]
    predictions: dict[str, list[Any]]

    def check(self, session: Session) -> None:
        """Make sure that a database has everything, answers the same bit for bit, and learns on."""
        assert estate.contents(session) == self.contents
        assert estate.predictions(session) == self.predictions
        assert estate.versions_after(session) == ["1.1.0", "1.2.0"]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> Iterator[Estate]:
    link_programs(installation, find_server(BINDIR / "pg_config"))
    folder = tmp_path_factory.mktemp("source")
    cluster = Cluster(installation, folder / "data", folder)
    cluster.create("--no-data-checksums") if installation.major >= 18 else cluster.create()
    with cluster.running(wal_level="replica", max_wal_senders="4"):
        cluster.make_database(SOURCE, "create extension motadata_ml cascade")
        with cluster.connect(SOURCE) as session:
            estate.build(session)
        with cluster.connect(SOURCE) as session:
            found = Estate(cluster, estate.contents(session), estate.predictions(session))
        yield found


def _create_role(source: Estate, name: str, role: str) -> str:
    with source.cluster.connect(SOURCE) as session:
        session.execute(f"create role {name} login bypassrls".encode())
        session.execute(f"grant {role} to {name}".encode())
    return name


@pytest.fixture(scope="session")
def keeper(source: Estate) -> str:
    """Name a role that may read everything and owns nothing."""
    return _create_role(source, "keeper", "pg_read_all_data")


@pytest.fixture(scope="session")
def restorer(source: Estate) -> str:
    """Name a role that may write everything and owns nothing."""
    return _create_role(source, "restorer", "pg_write_all_data")
