"""Backups of a whole server: pg_dumpall with roles and all, and pg_basebackup."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operations.backup.clusters import beside, call
from tests.operations.backup.conftest import SOURCE, Estate


def test_pg_dumpall_into_a_fresh_server(source: Estate, tmp_path: Path) -> None:
    cluster, script = source.cluster, tmp_path / "all.sql"
    cluster.program("pg_dumpall", "postgres", "-l", SOURCE, "-f", script)
    fresh = beside(cluster, "dumpall")
    fresh.create()
    with fresh.running():
        # one statement fails by nature: the superuser is there before
        done = fresh.program("psql", "postgres", "-q", "-f", script)
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        assert [line.split("ERROR:  ")[1] for line in errors] == ['role "postgres" already exists']
        with fresh.connect(SOURCE) as session:
            source.check(session)


@pytest.mark.parametrize("form", ["plain", "tar"])
def test_pg_basebackup(source: Estate, form: str) -> None:
    cluster = source.cluster
    copy = beside(cluster, f"basebackup_{form}")
    take = cluster.server.program("pg_basebackup")
    call(
        take,
        "-c",
        "fast",
        "-d",
        cluster.address(),
        "-D",
        copy.data,
        "-F",
        form,
        "-X",
        "stream" if form == "plain" else "fetch",
    )
    if form == "tar":
        (archive,) = copy.data.glob("base.tar")
        call("tar", "-xf", archive, "-C", copy.data)
        archive.unlink()
    else:
        call(cluster.server.program("pg_verifybackup"), copy.data)
    copy.data.chmod(0o700)
    with copy.running(), copy.connect(SOURCE) as session:
        assert session.execute("select pg_is_in_recovery()").fetchone() == (False,)
        source.check(session)
    with cluster.connect(SOURCE) as session:
        assert session.execute("select deployed_version from ml.models where model_id = 'linear'").fetchone() == (
            "1.0.0",
        )
