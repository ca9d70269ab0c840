"""Connections to the database: configuration, pool, reconnects."""

from motadata_ml.postgresql_database._asynchronous import AsyncDatabaseConnection
from motadata_ml.postgresql_database._config import DatabaseConfig
from motadata_ml.postgresql_database._connection import DatabaseConnection, last_connection

__all__ = ["AsyncDatabaseConnection", "DatabaseConfig", "DatabaseConnection", "last_connection"]
