"""The program `motadata-ml`."""

from __future__ import annotations

from typing import Annotated

import typer

from motadata_ml._version import __version__
from motadata_ml.cli import cluster, keys, server, serving

app = typer.Typer(
    name="motadata-ml",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PSQL = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]}

app.command(rich_help_panel="Private cluster")(cluster.up)
app.command(rich_help_panel="Private cluster")(cluster.down)
app.command(rich_help_panel="Private cluster")(cluster.status)
app.command(rich_help_panel="Private cluster")(cluster.dsn)
app.command(rich_help_panel="Private cluster", context_settings=PSQL)(cluster.psql)
app.command(rich_help_panel="Private cluster")(cluster.demo)
app.command(rich_help_panel="Any server")(server.install)
app.command(rich_help_panel="Any server")(server.uninstall)
app.command(rich_help_panel="Any server")(server.doctor)
app.command(rich_help_panel="Any server")(serving.serve)
app.add_typer(keys.app, name="key", rich_help_panel="Any server")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Machine learning inside PostgreSQL.

    Try it in a private cluster:

        motadata-ml up

        motadata-ml psql

    Add it to a server you have:

        sudo $(which motadata-ml) install

        motadata-ml doctor --dsn postgresql://me@db.example.com/sales

    The private cluster lives in the folder named by MOTADATA_ML_HOME, or in one of its own.
    """


def main() -> None:
    """Run the program."""
    app()
