"""Versions of the extension and of the server package, which have to agree."""

from __future__ import annotations

import motadata_ml_server
from motadata_ml_server.errors import VersionMismatchError
from motadata_ml_server.postgres.database import Database


def extension_version(db: Database) -> str:
    """Return the version of the extension in this database."""
    rows = db.query(
        "select extversion as version from pg_catalog.pg_extension where extname operator(pg_catalog.=) 'motadata_ml'"
    )
    return str(rows[0]["version"])


def require_same_version(db: Database) -> None:
    """Refuse to write models when package and extension are not of one version.

    Raises
    ------
    VersionMismatchError
        ML019: they differ.
    """
    installed = extension_version(db)
    if installed != motadata_ml_server.__version__:
        raise VersionMismatchError(
            f"the extension is {installed} and the server package of this session is {motadata_ml_server.__version__}",
            hint="Run ALTER EXTENSION motadata_ml UPDATE, install the package of the same version, and reconnect.",
        )
