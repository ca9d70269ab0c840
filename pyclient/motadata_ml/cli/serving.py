"""The command that serves predictions over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motadata_ml._version import how_to_add
from motadata_ml.cli.console import explained
from motadata_ml.errors import MLError
from motadata_ml.install import SetupError


@explained
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.", min=1, max=65535)] = 8000,
    dsn: Annotated[
        str | None,
        typer.Option(help="The server with the models.", metavar="DSN", show_default="the PG* variables"),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file that holds the password.", envvar="PGPASSWORD_FILE", show_default=False),
    ] = None,
    anonymous_loopback: Annotated[
        bool, typer.Option("--anonymous-loopback", help="Answer without a key; on a loopback address only.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes, each with its own connections.", min=1, max=256)] = 1,
    docs: Annotated[bool, typer.Option(help="Show the page /docs and /openapi.json.")] = True,
    process_key_file: Annotated[
        Path | None,
        typer.Option(help="A file with a secret that opens /metrics of all tenants.", show_default=False),
    ] = None,
) -> None:
    """Serve predictions over HTTP, for the holders of API keys.

    The role that connects answers; it needs the right to the tenants of the keys. Stops at SIGTERM, when running
    requests are finished. Needs the extra `serving`. For example:

        motadata-ml serve --dsn postgresql://app@db.example.com/sales --host 0.0.0.0

        PGHOST=db.example.com PGDATABASE=sales motadata-ml serve --port 9000
    """
    try:
        from motadata_ml.model_serving import create_model_server
    except ImportError as error:
        raise SetupError(f"serving needs {error.name}", remedy=how_to_add("serving")) from None
    from motadata_ml.ml_framework import create_model_manager
    from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection
    from motadata_ml.postgresql_database._config import ConfigFields

    given = ConfigFields() if password_file is None else ConfigFields(password=_secret(password_file, "password"))
    try:
        config = DatabaseConfig.from_env(**given) if dsn is None else DatabaseConfig.from_dsn(dsn, **given)
        with DatabaseConnection(config) as db:
            manager = create_model_manager(db)
            create_model_server(
                manager,
                host=host,
                port=port,
                anonymous_loopback=anonymous_loopback,
                workers=workers,
                docs=docs,
                process_key=None if process_key_file is None else _secret(process_key_file, "key"),
            ).run()
    except MLError as error:
        raise SetupError(str(error), remedy=error.hint or "Run: motadata-ml doctor") from error


def _secret(path: Path, what: str) -> str:
    """Read a password or a key from its file."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the {what} file {path} cannot be read: {error}", remedy=f"Name a readable file that holds the {what}."
        ) from error
