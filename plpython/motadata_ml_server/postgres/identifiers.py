"""Names of SQL objects as users write them."""

from __future__ import annotations

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres.database import Database, DatabaseError

_NOT_A_NAME = "22023"
"""What parse_ident raises; a cancel or a timeout is none of it."""

MAX_NAME_CHARACTERS = 1_000
"""Of a name with its schema and quotes."""


def quote_identifier(name: str) -> str:
    """Quote a name as PostgreSQL's ``quote_ident`` would, always with quotes."""
    return '"' + name.replace('"', '""') + '"'


def qualified(db: Database, argument: str, name: str) -> str:
    """Return a name, with a schema or without, quoted part by part.

    Parameters
    ----------
    db : Database
        Parses the name by PostgreSQL's own rules.
    argument : str
        The SQL argument, for the message.
    name : str
        As the user wrote it; mixed case needs quotes.

    Raises
    ------
    InvalidArgumentError
        ML009: it is not one or two identifiers.
    """
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidArgumentError(
            f"{argument} must be a name, with a schema or without, got a text of {len(name)} characters",
            hint="PostgreSQL's names have at most 63 bytes.",
        )
    try:
        parts = db.query("select pg_catalog.parse_ident($1) as parts", ["text"], [name])[0]["parts"]
    except DatabaseError as error:
        if error.sqlstate != _NOT_A_NAME:
            raise
        parts = []
    if not 1 <= len(parts) <= 2:
        raise InvalidArgumentError(
            f"{argument} must be a name, with a schema or without, got {name!r}",
            hint="Write 'my_name' or 'my_schema.my_name'; quote mixed case.",
        )
    return ".".join(quote_identifier(part) for part in parts)


def quote_literal(text: str) -> str:
    """Quote a text as a literal that means the same under every setting of ``standard_conforming_strings``."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
