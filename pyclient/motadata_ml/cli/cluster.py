"""The commands of the private cluster: up, down, status, dsn, psql, demo."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from motadata_ml import cluster
from motadata_ml._version import how_to_add
from motadata_ml.cli.console import Steps, explained, fail, program
from motadata_ml.cluster.create import SUPERUSER
from motadata_ml.cluster.lifecycle import DATABASE, Cluster
from motadata_ml.install import find_server
from motadata_ml.install.on_path import link_folder, link_program, own_program


def _running() -> Cluster:
    found = cluster.status()
    if found.pid is None:
        raise fail(f"the private cluster in {found.home} is down", "Run: motadata-ml up")
    return found


@explained
def up(
    link: Annotated[
        bool, typer.Option("--link", help="Put the program on the PATH, where a folder for it is there.")
    ] = False,
) -> None:
    """Create and start the private cluster.

    Makes what is missing and starts what is down, so it is safe to run again: a PostgreSQL cluster in a folder
    of its own, with a generated password, on a free port of 127.0.0.1 (never 5432), and the extension in the
    database `motadata`. No system service is touched.

    Then:

        motadata-ml psql
    """
    say = Steps()
    found = cluster.up(say=say)
    if link:
        say(link_program(own_program(), link_folder(), os.environ.get("PATH", "")))
    say(f"running on 127.0.0.1:{found.port}, process {found.pid}; go on with: {program()} psql")


@explained
def down() -> None:
    """Stop the private cluster.

    Its data stay; `motadata-ml up` starts it again on the same port.
    """
    stopped = cluster.down()
    typer.echo("stopped" if stopped else "it was not running")


@explained
def status() -> None:
    """Say whether the private cluster runs, and where.

    The exit status is 0 where it runs and 3 where it is down.
    """
    found = cluster.status()
    typer.echo(f"state    {'down' if found.pid is None else f'running, process {found.pid}'}")
    typer.echo(f"address  127.0.0.1:{found.port}, socket folder {found.sockets}")
    typer.echo(f"data     {found.home / 'cluster' / 'data'}")
    typer.echo(f"log      {found.home / 'cluster' / 'log' / 'server.log'}")
    if found.pid is None:
        raise typer.Exit(3)


@explained
def dsn() -> None:
    """Print the DSN of the private cluster, and nothing else.

    It holds the password. For example:

        export DATABASE_URL=$(motadata-ml dsn)

        psql "$(motadata-ml dsn)" -c 'select * from ml.models'
    """
    typer.echo(cluster.status().dsn)


@explained
def psql(context: typer.Context) -> None:
    """Open psql on the private cluster; further arguments are psql's.

    For example:

        motadata-ml psql

        motadata-ml psql -c 'select * from ml.models'

        motadata-ml psql -f train.sql
    """
    found = _running()
    program = str(find_server().program("psql"))
    address = ["-h", "127.0.0.1", "-p", str(found.port), "-U", SUPERUSER, "-d", DATABASE]
    environment = {**os.environ, "PGPASSWORD": found.password}  # not on the command line, which others can see
    os.execve(program, [program, *address, *context.args], environment)  # noqa: S606 - no shell is the purpose


@explained
def demo() -> None:
    """Train and predict on real rows in the private cluster, with the time of each step.

    Starts the cluster where it is down.
    """
    found = cluster.up(say=Steps())
    try:
        from motadata_ml.demo import main

        main(found.dsn)
    except ModuleNotFoundError as error:
        raise fail(
            f"the demonstration needs {error.name}", f"make demo, in a checkout; or: {how_to_add('server', 'demo')}"
        ) from error
    typer.echo(f"\nThe tables and models stay. Go on with: {program()} psql")
