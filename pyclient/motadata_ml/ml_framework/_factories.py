"""The documented factories."""

from __future__ import annotations

from typing import Any, TypeAlias

from psycopg import Connection
from psycopg_pool import ConnectionPool

from motadata_ml.ml_framework._models import ModelManager
from motadata_ml.ml_framework._predictor import Predictor
from motadata_ml.ml_framework._system import MLSystem, open_system
from motadata_ml.ml_framework._trainer import Trainer
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection

Database: TypeAlias = DatabaseConnection | DatabaseConfig | Connection[Any] | ConnectionPool[Connection[Any]] | str
"""A connection, or what one is made from."""


def create_ml_system(
    db: Database,
    tenant_id: str | None = None,
    max_memory_mb: int | None = None,
    cache: Any = None,
    enable_gpu: bool = False,
) -> MLSystem:
    """Create a system after checking the connection, the extension and the right to the tenant.

    Parameters
    ----------
    db : DatabaseConnection
        Or a configuration, a DSN, a psycopg connection or pool.
    tenant_id : str, optional
        The tenant of calls that name none; without it the server takes the role's only tenant.
    max_memory_mb : int, optional
        Cap of a training worker in megabytes, at least 512.
    cache : mapping or object with get and set, optional
        Remembers predictions by model version and input.
    enable_gpu : bool
        Ask for the GPU; a RuntimeWarning says why where there is none.

    Returns
    -------
    MLSystem
        With ``train_model``, ``predict``, ``predict_batch`` and the parts.

    Raises
    ------
    DatabaseUnreachableError, AuthenticationError
        If the server cannot be reached or refuses the login.
    ExtensionMissingError
        If the database has no extension motadata_ml.
    VersionMismatchError
        If the extension is older than this package.
    TenantNotPermittedError, TenantAmbiguousError, InsufficientPrivilegeError
        If the role may not act for the tenant.
    """
    return open_system(_connected(db), tenant_id, max_memory_mb, cache, enable_gpu, stacklevel=2)


def create_model_manager(db: Database | MLSystem, tenant_id: str | None = None) -> ModelManager:
    """Create a model manager; see `create_ml_system`."""
    return _system(db, tenant_id).model_manager


def create_trainer(
    db: Database | MLSystem,
    tenant_id: str | None = None,
    max_memory_mb: int | None = None,
    enable_gpu: bool = False,
) -> Trainer:
    """Create a trainer; see `create_ml_system`."""
    if isinstance(db, MLSystem):
        return db.trainer
    system = open_system(_connected(db), tenant_id, max_memory_mb, None, enable_gpu, stacklevel=2)
    return system.trainer


def create_predictor(db: Database | MLSystem, tenant_id: str | None = None, cache: Any = None) -> Predictor:
    """Create a predictor; see `create_ml_system`."""
    if isinstance(db, MLSystem):
        return db.predictor
    return open_system(_connected(db), tenant_id, None, cache, False, stacklevel=2).predictor


def _system(db: Database | MLSystem, tenant_id: str | None) -> MLSystem:
    """Return the system given, or a new one."""
    if isinstance(db, MLSystem):
        return db
    return open_system(_connected(db), tenant_id, None, None, False, stacklevel=3)


def _connected(db: Database) -> DatabaseConnection:
    """Return an open connection."""
    connection = db if isinstance(db, DatabaseConnection) else DatabaseConnection(db)
    return connection.connect()
