"""pg_upgrade from PostgreSQL 15 to 18: databases of this version of the extension and of 0.1.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from motadata_ml.install import Server, relocate
from tests.matrix.servers import find
from tests.operations.backup.clusters import Cluster, call, link_programs
from tests.operations.backup.conftest import SOURCE, Estate

OLD, NEW = 15, 18
MODELS_0_1_0 = Path(__file__).parents[2] / "migration" / "data" / "models_0.1.0.sql"
MARKS = """
select distinct proparallel from pg_proc where pronamespace = 'ml'::regnamespace
    and proname in ('predict', 'predict_value', 'predict_label', 'predict_proba')
"""


def lay_out(major: int, folder: Path) -> Server:
    """Make a server with this package's extension files.

    Both come from PyPI and so from one series of releases: 15.20 notes a version with every column, which an 18 that
    was released before it cannot read.
    """
    real = find(major, installed=False).server
    own = relocate(real, folder)
    link_programs(own, real)
    return own


@pytest.fixture(scope="module")
def upgraded(source: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Bring the source's database and one of 0.1.0 to PostgreSQL 15, and upgrade that."""
    folder = tmp_path_factory.mktemp("upgrade")
    old_server, new_server = lay_out(OLD, folder / "15"), lay_out(NEW, folder / "18")
    script = folder / "all.sql"
    source.cluster.program("pg_dumpall", "postgres", "-l", SOURCE, "-f", script)
    old, new = (Cluster(server, folder / name, folder) for server, name in ((old_server, "old"), (new_server, "new")))
    old.create()
    with old.running():
        old.program("psql", "postgres", "-q", "-f", script)
        with old.connect() as session:
            session.execute("create role old_user login")
        old.make_database("of_0_1_0")
        old.program("psql", "of_0_1_0", "-q", "-v", "ON_ERROR_STOP=1", "-f", MODELS_0_1_0)
    new.create("--no-data-checksums")
    folders: list[str | Path] = [
        "-b",
        old_server.bindir,
        "-B",
        new_server.bindir,
        "-d",
        old.data,
        "-D",
        new.data,
        "-s",
        folder,
    ]
    call(new_server.program("pg_upgrade"), "-U", "postgres", *folders, cwd=folder)
    with new.running():
        yield new


def parallel(session: psycopg.Connection[object]) -> tuple[bool, str | None]:
    row = session.execute("select ok, remedy from ml.doctor() where check_name = 'parallel plans'").fetchone()
    assert isinstance(row, tuple)
    return row[0], row[1]


def test_models_of_this_version(source: Estate, upgraded: Cluster) -> None:
    with upgraded.connect(SOURCE) as session:
        assert session.info.server_version // 10000 == NEW
        source.check(session)


def test_predictions_become_parallel_safe(upgraded: Cluster) -> None:
    with upgraded.connect(SOURCE) as session:
        assert session.execute(MARKS).fetchall() == [("u",)]
        assert parallel(session) == (False, "select ml.refresh_usage()")
        session.execute("select ml.refresh_usage()")
        assert session.execute(MARKS).fetchall() == [("s",)]
        assert parallel(session) == (True, None)


def test_models_of_0_1_0_and_the_update_after(upgraded: Cluster) -> None:
    answers = (
        "select count(*), count(*) filter (where answer = ml.predict(e.model, to_jsonb(r), tenant_id => e.tenant)) "
        "from expected e join rows r using (id)"
    )
    with upgraded.connect("of_0_1_0") as session:
        assert session.execute(answers).fetchone() == (200, 200)
        assert session.execute(MARKS).fetchall() == [("u",)]
        session.execute("alter extension motadata_ml update")
        assert session.execute(MARKS).fetchall() == [("s",)]
        assert session.execute(answers).fetchone() == (200, 200)
        session.execute("select ml.refresh_usage()")
        session.execute("select ml.train('linear', 'regression', 'rows', 'price', algorithm => 'ridge')")
        assert session.execute("select bool_and(ok) from ml.doctor()").fetchone() == (True,)
