"""The commands for an existing server: install, uninstall and doctor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from motadata_ml import cluster
from motadata_ml._printable import printable
from motadata_ml.cli.console import explained
from motadata_ml.install import (
    Check,
    SetupError,
    check_database,
    check_machine,
    drop_extension,
    find_server,
    hide_packages,
    native,
    remove_files,
    require_readable_by_all,
    show_packages,
    write_files,
)
from motadata_ml.install.lean import trim

PgConfig = Annotated[
    Path | None,
    typer.Option("--pg-config", help="The program pg_config of the server meant.", metavar="PATH", show_default=False),
]


@explained
def install(
    pg_config: PgConfig = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Remove what an earlier install wrote.")] = False,
    site_packages: Annotated[
        Path | None,
        typer.Option(
            help="The package folder that the server's Python reads .pth files from.",
            metavar="PATH",
            show_default="the system's",
        ),
    ] = None,
    lean: Annotated[
        bool,
        typer.Option(
            "--lean", help="Take the libraries' own tests out of the environment, and compile the rest, for production."
        ),
    ] = False,
) -> None:
    """Install the extension into an existing PostgreSQL server.

    Copies the extension's files to the folder that pg_config names, and writes two small files to the system's
    Python packages that let this server's PL/Python, and no other program, import the packages of this
    environment. Builds the compiled loops into the environment, with a compiler that is there or that Debian
    has; without one, predictions take longer. Usually needs sudo:

        sudo $(which motadata-ml) install

        sudo $(which motadata-ml) install --pg-config /usr/lib/postgresql/15/bin/pg_config

        sudo $(which motadata-ml) install --lean

        sudo $(which motadata-ml) install --uninstall

    Then, as superuser in each database that should have it:

        create extension motadata_ml cascade;
    """
    server = find_server(pg_config)
    if uninstall:
        for path in [*hide_packages(server, site_packages), *remove_files(server.extension_folder)]:
            typer.echo(f"removed {path}")
        return
    typer.echo(native.settle())
    if lean:
        typer.echo(trim())
    require_readable_by_all()
    shown = show_packages(server, site_packages)
    for path in [*shown, *write_files(server.extension_folder)]:
        typer.echo(f"wrote {path}")
    typer.echo(f"PostgreSQL {server.version} in {server.bindir} is ready. New sessions can run, as superuser:")
    typer.echo("  create extension motadata_ml cascade;")


@explained
def uninstall(
    dsn: Annotated[str, typer.Option(help="The database, as superuser.", metavar="DSN", show_default=False)],
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Drop what depends on the extension, such as views, as well.")
    ] = False,
) -> None:
    """Remove the extension and all models from a database.

    Takes along what `drop extension` leaves: the schema ml, trainings scheduled in pg_cron, and, from the last
    database of a server, the file of counters. It asks nothing, so have a backup.

    When no database has it any more, remove the files from the machine:

        motadata-ml uninstall --dsn postgresql://postgres@db.example.com/sales

        sudo $(which motadata-ml) install --uninstall
    """
    for removed in drop_extension(dsn, cascade=cascade):
        typer.echo(f"removed {printable(removed)}")


def _private_cluster() -> Iterable[Check]:
    try:
        found = cluster.status()
    except SetupError as error:
        return [Check("private cluster", False, str(error), error.remedy)]
    if found.pid is None:
        return [Check("private cluster", False, f"the one in {found.home} is down", "motadata-ml up")]
    return [Check("private cluster", True, f"on 127.0.0.1:{found.port}"), *check_database(found.dsn)]


@explained
def doctor(
    dsn: Annotated[
        str | None,
        typer.Option(help="Look at this server instead of the private cluster.", metavar="DSN", show_default=False),
    ] = None,
    pg_config: PgConfig = None,
) -> None:
    """Look at the installation; every check that fails comes with its remedy.

    The exit status is 1 where a check fails. For example:

        motadata-ml doctor

        motadata-ml doctor --dsn postgresql://me@db.example.com/sales
    """
    failed = 0
    for check in [*check_machine(pg_config), *(check_database(dsn) if dsn else _private_cluster())]:
        typer.secho("ok     " if check.ok else "FAILED ", fg="green" if check.ok else "red", nl=False)
        typer.echo(f"{check.name}: {printable(check.detail)}")
        if not check.ok:
            failed += 1
            typer.echo(f"       remedy: {printable(check.remedy)}")
    if failed:
        raise typer.Exit(1)
