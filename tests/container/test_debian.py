"""The Debian package in a bare container: it installs, trains, predicts, upgrades, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from motadata_ml import __version__
from tests.unit.tooling.pages import ROOT
from tools.dist import debian, packages

BASE = "debian:bookworm-slim"
NAME = "postgresql-15-motadata-ml"
NEXT = f"{__version__}+1"
PSQL = "runuser -u postgres -- env PGOPTIONS=--client-min-messages=warning psql -X -A -t -q -v ON_ERROR_STOP=1 -c"
ANSWER = f"""{PSQL} "select ml.predict_label('tall', '{{\\"x\\": 190}}')" """


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package, and one of a later version with the same contents."""
    made = tmp_path_factory.mktemp("debian")
    packages.build(made / "wheels")
    first = debian.build(packages.wheels(made / "wheels"), made)
    unpacked = made / "unpacked"
    subprocess.run(["dpkg-deb", "-R", first, unpacked], check=True)
    control = unpacked / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(f"Version: {__version__}\n", f"Version: {NEXT}\n"))
    later = made / first.name.replace(__version__, NEXT)
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", unpacked, later]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return made


@pytest.fixture(scope="module")
def container(client: docker.DockerClient, folder: Path) -> Iterator[Any]:
    """Run a Debian where nothing of ours is."""
    volumes = {str(folder): {"bind": "/packages", "mode": "ro"}}
    running = client.containers.run(BASE, ["sleep", "infinity"], detach=True, volumes=volumes)
    try:
        yield running
    finally:
        running.remove(force=True)


def do(container: Any, command: str) -> str:
    """Run a command line as root; returns what it printed."""
    status, printed = container.exec_run(["bash", "-euo", "pipefail", "-c", command])
    text = str(printed.decode())
    assert status == 0, f"{command}\n{text[-3000:]}"
    return text.strip()


def install(container: Any, version: str) -> None:
    """Install one of the two packages with apt, as docs/install.md says."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (recipe,) = [line for line in page.splitlines() if line.startswith("sudo apt-get install ./dist/")]
    own = recipe.replace("sudo ", "").replace("./dist/", "/packages/").replace(f"_{__version__}_", f"_{version}_")
    assert f"{NAME}_{version}_" in own
    do(container, f"export DEBIAN_FRONTEND=noninteractive; {own} -y -q --no-install-recommends")


def test_package_installs_upgrades_and_leaves_nothing(container: Any, folder: Path) -> None:
    do(container, "apt-get update -q")
    install(container, __version__)
    assert do(container, "motadata-ml --version") == __version__
    do(container, "pg_ctlcluster 15 main start")
    do(container, f"{PSQL} 'create extension motadata_ml cascade'")
    assert do(container, f"{PSQL} 'select check_name, detail from ml.doctor() where not ok'") == ""
    trained = do(
        container,
        f"{PSQL} \"select status from ml.train('tall', 'classification', "
        "'select i % 200 as x, i % 200 > 100 as tall from generate_series(1, 300) as i', 'tall', "
        "algorithm => 'random_forest')\"",
    )
    assert trained == "completed"
    assert do(container, ANSWER) == "true"

    install(container, NEXT)
    assert do(container, f"dpkg-query -W -f '${{Version}}' {NAME}") == NEXT
    do(container, "pg_ctlcluster 15 main restart")
    assert do(container, ANSWER) == "true"

    files = do(container, f"dpkg -L {NAME}").splitlines()
    do(container, f"apt-get purge -y -q {NAME}")
    kept = do(
        container,
        "for f in "
        + " ".join(f for f in files if "motadata" in f and " " not in f)[:100_000]
        + '; do test ! -e "$f" || echo "$f"; done',
    )
    assert kept == ""
    own = "-not -path '/packages/*' -not -path '/var/lib/postgresql/*'"  # the databases are their owner's
    assert do(container, f"find / -xdev -name '*motadata*' {own}") == ""
    assert "No module named 'motadata_ml_server'" in do(container, f"{ANSWER} 2>&1 || true")


def test_package_meets_debians_own_rules(folder: Path) -> None:
    (package,) = folder.glob(f"{NAME}_{__version__}_*.deb")
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout.splitlines()
    assert all(" root/root " in line for line in listed)
    assert not [line for line in listed if line[5] == "w" and line[0] != "l"]  # writable by a group
    assert not [line for line in listed if line[8] == "w" and line[0] != "l"]
    fields = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout
    assert "Depends: postgresql-15, postgresql-plpython3-15" in fields
