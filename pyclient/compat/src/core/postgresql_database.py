"""``src.core.postgresql_database`` as documented."""

from motadata_ml.errors import DatabaseError
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection

__all__ = ["DatabaseConfig", "DatabaseConnection", "DatabaseError"]
