"""Bring the extension and its packages to a PostgreSQL server."""

from motadata_ml.install.doctor import Check, check_database, check_machine
from motadata_ml.install.environment import hide_packages, require_readable_by_all, show_packages
from motadata_ml.install.errors import SetupError
from motadata_ml.install.relocate import relocate
from motadata_ml.install.script import extension_files, remove_files, write_files
from motadata_ml.install.server import Server, find_server
from motadata_ml.install.uninstall import drop_extension

__all__ = [
    "Check",
    "Server",
    "SetupError",
    "check_database",
    "check_machine",
    "drop_extension",
    "extension_files",
    "find_server",
    "hide_packages",
    "relocate",
    "remove_files",
    "require_readable_by_all",
    "show_packages",
    "write_files",
]
