"""What all parts of a system share."""

from __future__ import annotations

from typing import Any, Self

from motadata_ml._operations.settings import Settings
from motadata_ml.postgresql_database import AsyncDatabaseConnection, DatabaseConnection


class Component:
    """What all parts share: the connection and the system's settings."""

    def __init__(self, db: DatabaseConnection, settings: Settings | None = None) -> None:
        self.db = db
        self.settings = settings or Settings()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: scikit-learn's clone() copies an estimator's parameters, and a connection is shared."""
        return self


class AsyncComponent:
    """The same for the parts of an asynchronous system."""

    def __init__(self, db: AsyncDatabaseConnection, settings: Settings | None = None) -> None:
        self.db = db
        self.settings = settings or Settings()
