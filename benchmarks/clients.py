"""How the clients that the project is compared with reach the server."""

from __future__ import annotations

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def uri(dsn: str) -> str:
    """Return a connection string as the URI that ADBC and asyncpg take."""
    parts = conninfo_to_dict(dsn)
    return f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


def arrow(client: Any, query: str) -> Any:
    """Read a query's result over ADBC as an Arrow table."""
    with client.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()
