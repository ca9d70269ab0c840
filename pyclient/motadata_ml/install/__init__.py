"""Bring the extension and its packages to a PostgreSQL server."""

from motadata_ml.install.errors import SetupError
from motadata_ml.install.script import extension_files, write_files

__all__ = ["SetupError", "extension_files", "write_files"]
