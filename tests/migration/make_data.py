"""Make the database of a release that the next ones are tested on: ``make migration-data``.

Starts a server of its own with pg_cron, runs `estate.sql` on it, and writes what pg_dump says to
``data/models_<version>.sql``. A release is frozen with it once: that file is never made again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import motadata_ml
from motadata_ml.install import find_server, relocate
from tests.operations.clusters import BINDIR, Cluster

HERE = Path(__file__).parent
ROLES = ("old_user", "old_admin")
"""Roles that the dump names: who restores it makes them first."""
SETTINGS = """
shared_preload_libraries = 'pg_cron'
cron.database_name = 'estate'
cron.launch_active_jobs = off
timezone = 'UTC'
"""
LIMIT = 400_000
"""The most bytes that a dump may have: it is kept for good."""


def dumped(cluster: Cluster) -> str:
    """Return a database as pg_dump writes it, so that it installs the version it was made by.

    Parameters
    ----------
    cluster : Cluster
        A running server whose database ``estate`` holds what `estate.sql` made.
    """
    text = subprocess.run(
        [str(BINDIR / "pg_dump"), "--no-owner", cluster.dsn("estate")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = re.sub(r"^\\(un)?restrict .*\n", "", text, flags=re.MULTILINE)  # of pg_dump 15.14 on, unknown to psql before
    text, count = re.subn(
        r"^CREATE EXTENSION IF NOT EXISTS motadata_ml WITH SCHEMA ml;$",
        f"CREATE EXTENSION motadata_ml WITH SCHEMA ml VERSION '{motadata_ml.__version__}';",
        text,
        flags=re.MULTILINE,
    )
    if count != 1:
        raise SystemExit("the dump does not create the extension motadata_ml")
    return text


def main() -> None:
    """Make the dump of the version that is installed, and end with 1 where there is one already."""
    path = HERE / "data" / f"models_{motadata_ml.__version__}.sql"
    if path.exists():
        raise SystemExit(f"{path.name} is there already: a release is frozen once")
    with TemporaryDirectory(prefix="motadata-ml-data-") as name:
        folder = Path(name)
        server = relocate(find_server(BINDIR / "pg_config"), folder / "postgresql")
        cluster = Cluster.create(server, folder / "data", SETTINGS)
        try:
            with cluster.connect() as session:
                session.execute("create database estate template template0")
                for role in ROLES:
                    session.execute(f"create role {role} login".encode())
            psql = [str(BINDIR / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]
            subprocess.run([*psql, "-d", cluster.dsn("estate"), "-f", str(HERE / "estate.sql")], check=True)
            text = dumped(cluster)
        finally:
            cluster.remove()
    if len(text.encode()) > LIMIT:
        raise SystemExit(f"the dump has {len(text.encode())} bytes, more than {LIMIT}: let estate.sql make less")
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path.name}: {len(text.encode())} bytes\n")


if __name__ == "__main__":
    main()
