"""The commands that make, list and revoke API keys of the serving process."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Annotated

import typer

from motadata_ml.cli.console import explained
from motadata_ml.errors import MLError
from motadata_ml.install import SetupError
from motadata_ml.ml_framework import MLSystem, create_ml_system
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys of the serving process.")

Dsn = Annotated[
    str | None, typer.Option(help="The server with the models.", metavar="DSN", show_default="the PG* variables")
]
Tenant = Annotated[
    str | None, typer.Option(help="The tenant; the role has to administer it.", show_default="the role's only one")
]


@app.command()
@explained
def create(
    name: Annotated[str, typer.Argument(help="Who the key is for.")],
    scope: Annotated[
        str, typer.Option(help="predict; read: descriptions as well; admin: deploy and roll back as well.")
    ] = "predict",
    days: Annotated[
        float | None, typer.Option(help="Days until it expires.", min=0.001, show_default="it never does")
    ] = None,
    tenant: Tenant = None,
    dsn: Dsn = None,
) -> None:
    """Make a key and print it: it cannot be shown again.

    motadata-ml key create "web shop" --days 365

    motadata-ml key create dashboard --scope read --tenant sales
    """
    expires = None if days is None else datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    with _system(dsn) as ml:
        typer.echo(ml.create_api_key(name, scope, expires, tenant))


@app.command("list")
@explained
def list_keys(tenant: Tenant = None, dsn: Dsn = None) -> None:
    """List keys, newest last, without the keys themselves."""
    with _system(dsn) as ml:
        rows = ml.api_keys(tenant)
    columns = ("id", "tenant_id", "name", "scope", "created_by", "created_at", "expires_at", "revoked_at")
    table = [columns, *(tuple(_cell(row[column]) for column in columns) for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(columns))]
    for line in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@app.command()
@explained
def revoke(
    key_id: Annotated[int, typer.Argument(help="Its id, as the list shows it.")],
    tenant: Tenant = None,
    dsn: Dsn = None,
) -> None:
    """Revoke a key: it stops to count at once."""
    with _system(dsn) as ml:
        if not ml.revoke_api_key(key_id, tenant):
            raise SetupError(f"there is no key {key_id} that counts", remedy="Run: motadata-ml key list")
    typer.echo(f"key {key_id} is revoked")


@contextlib.contextmanager
def _system(dsn: str | None) -> Iterator[MLSystem]:
    """Connect, and turn what the database says into a message and a remedy."""
    try:
        config = DatabaseConfig.from_env() if dsn is None else DatabaseConfig.from_dsn(dsn)
        with DatabaseConnection(config) as db:
            yield create_ml_system(db)
    except MLError as error:
        raise SetupError(error.message, remedy=error.hint or "Run: motadata-ml doctor") from error


def _cell(value: object) -> str:
    """Return a value for a terminal: names are other people's text, so nothing in them may move its cursor."""
    if value is None:
        return "-"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return "".join(char if char.isprintable() else "?" for char in str(value))
