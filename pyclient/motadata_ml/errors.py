"""Every error the client raises, one class for each SQLSTATE of the extension.

The class is chosen by SQLSTATE, never by text. Names and conditions equal the server's own table::

    MLError
    ├── InternalError                 ML000
    ├── ModelNotFoundError            ML001   .model_id, also a LookupError
    ├── RelationNotFoundError         ML002   also a LookupError
    ├── ColumnNotFoundError           ML003   also a LookupError
    ├── InvalidQueryError             ML004   also a ValueError
    ├── InvalidArgumentError          ML009   also a ValueError
    ├── InvalidInputError             ML011   also a ValueError
    ├── TenantNotPermittedError       ML012
    ├── TenantAmbiguousError          ML013
    ├── VersionNotFoundError          ML014   also a LookupError
    ├── ArtifactError                 ML018
    ├── VersionMismatchError          ML019
    ├── UnsupportedOperationError     ML020
    ├── QuotaExceededError            ML021
    ├── InsufficientPrivilegeError    42501
    ├── ReadOnlyError                 25006
    ├── MLTrainingError                       .error_type
    │   ├── InsufficientDataError     ML005   also a ValueError
    │   ├── InvalidTargetError        ML006   also a ValueError
    │   ├── AlgorithmNotFoundError    ML007   also a ValueError
    │   ├── InvalidHyperparameterError ML008   also a ValueError
    │   ├── UnsupportedColumnError    ML010   also a ValueError
    │   ├── TrainingError             ML015
    │   ├── WorkerDiedError           ML016
    │   └── TrainingMemoryError       ML017
    └── DatabaseError                         any other error of the database
        ├── DatabaseUnreachableError          no server answered
        │   └── AuthenticationError   28P01   the server answered and refused the login
        ├── ConnectionLostError               the connection broke while in use
        ├── QueryCanceledError        57014
        └── ExtensionMissingError             the database has no extension motadata_ml

The psycopg error, where there is one, is the ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class MLError(Exception):
    """Base of every error the client raises.

    Parameters
    ----------
    message : str
        What is wrong: the argument, the rule and the value received.
    hint : str, optional
        What to do about it.
    detail : str, optional
        A longer explanation.
    sqlstate : str, optional
        The server's code; the class's own where it has one.

    Attributes
    ----------
    message, hint, detail, sqlstate
        As above.
    condition : str
        The condition's name in the server's table.
    """

    default_sqlstate: ClassVar[str | None] = None
    condition: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        detail: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.sqlstate = sqlstate or self.default_sqlstate

    def __str__(self) -> str:
        """Return the message, and the hint below it."""
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the error again in another process."""
        # Exceptions cross process borders (joblib, multiprocessing); keyword arguments need help there.
        return type(self).__new__, (type(self), self.message), self.__dict__


class InternalError(MLError):
    """A defect in the extension itself."""

    default_sqlstate = "ML000"
    condition = "internal_error"


class ModelNotFoundError(MLError, LookupError):
    """No model of that name is visible to the caller.

    Attributes
    ----------
    model_id : str or None
        The name that was asked for.
    """

    default_sqlstate = "ML001"
    condition = "model_not_found"
    model_id: str | None = None


class RelationNotFoundError(MLError, LookupError):
    """A table or view named as input does not exist."""

    default_sqlstate = "ML002"
    condition = "relation_not_found"


class ColumnNotFoundError(MLError, LookupError):
    """A column named by the caller is not in the input."""

    default_sqlstate = "ML003"
    condition = "column_not_found"


class InvalidQueryError(MLError, ValueError):
    """The input is not exactly one SELECT."""

    default_sqlstate = "ML004"
    condition = "invalid_query"


class InvalidArgumentError(MLError, ValueError):
    """An argument is out of its domain."""

    default_sqlstate = "ML009"
    condition = "invalid_argument"


class InvalidInputError(MLError, ValueError):
    """Prediction input lacks features or has the wrong shape or type."""

    default_sqlstate = "ML011"
    condition = "invalid_input"


class TenantNotPermittedError(MLError):
    """The role may not act for the tenant."""

    default_sqlstate = "ML012"
    condition = "tenant_not_permitted"


class TenantAmbiguousError(MLError):
    """The role may act for several tenants and named none."""

    default_sqlstate = "ML013"
    condition = "tenant_ambiguous"


class VersionNotFoundError(MLError, LookupError):
    """The model exists but not in that version."""

    default_sqlstate = "ML014"
    condition = "version_not_found"


class ArtifactError(MLError):
    """A stored model is damaged, from another version or holds untrusted types."""

    default_sqlstate = "ML018"
    condition = "artifact_rejected"


class VersionMismatchError(MLError):
    """The client, the server package and the extension are not of the same version."""

    default_sqlstate = "ML019"
    condition = "version_mismatch"


class UnsupportedOperationError(MLError):
    """The model, library or server cannot do what was asked."""

    default_sqlstate = "ML020"
    condition = "unsupported_operation"


class QuotaExceededError(MLError):
    """The tenant has as many models, bytes or training seconds as it may."""

    default_sqlstate = "ML021"
    condition = "quota_exceeded"


class InsufficientPrivilegeError(MLError):
    """The role lacks a right it needs."""

    default_sqlstate = "42501"
    condition = "insufficient_privilege"


class ReadOnlyError(MLError):
    """The transaction or the server takes no writes."""

    default_sqlstate = "25006"
    condition = "read_only_sql_transaction"


class MLTrainingError(MLError):
    """A training could not be done; each reason has a subclass.

    Attributes
    ----------
    error_type : str
        The condition's name, such as ``"insufficient_data"`` or ``"training_out_of_memory"``.
    """

    condition = "training_error"

    @property
    def error_type(self) -> str:
        """The condition's name in the server's table."""
        return self.condition


class InsufficientDataError(MLTrainingError, ValueError):
    """Too few rows, classes or values to train on."""

    default_sqlstate = "ML005"
    condition = "insufficient_data"


class InvalidTargetError(MLTrainingError, ValueError):
    """The target column does not suit the model type."""

    default_sqlstate = "ML006"
    condition = "invalid_target"


class AlgorithmNotFoundError(MLTrainingError, ValueError):
    """The algorithm is not in the catalogue."""

    default_sqlstate = "ML007"
    condition = "algorithm_not_found"


class InvalidHyperparameterError(MLTrainingError, ValueError):
    """A hyperparameter has an unknown name, a wrong type or a value out of range."""

    default_sqlstate = "ML008"
    condition = "invalid_hyperparameter"


class UnsupportedColumnError(MLTrainingError, ValueError):
    """A column's type or values cannot be turned into a feature."""

    default_sqlstate = "ML010"
    condition = "unsupported_column"


class TrainingError(MLTrainingError):
    """The estimator refused the data or failed while fitting."""

    default_sqlstate = "ML015"
    condition = "training_failed"


class WorkerDiedError(MLTrainingError):
    """The training worker ended without a result."""

    default_sqlstate = "ML016"
    condition = "worker_died"


class TrainingMemoryError(MLTrainingError):
    """Training needed more memory than it was allowed."""

    default_sqlstate = "ML017"
    condition = "training_out_of_memory"


class DatabaseError(MLError):
    """Any other error of the database or of the connection to it."""

    condition = "database_error"


class DatabaseUnreachableError(DatabaseError):
    """No connection to the server could be made."""

    default_sqlstate = "08001"
    condition = "sqlclient_unable_to_establish_sqlconnection"


class AuthenticationError(DatabaseUnreachableError):
    """The server answered and refused the login."""

    default_sqlstate = "28P01"
    condition = "invalid_password"


class ConnectionLostError(DatabaseError):
    """The connection broke while it was in use; what was running has been rolled back."""

    default_sqlstate = "08006"
    condition = "connection_failure"


class QueryCanceledError(DatabaseError):
    """The statement was cancelled, or ran past statement_timeout; nothing was stored."""

    default_sqlstate = "57014"
    condition = "query_canceled"


class ExtensionMissingError(DatabaseError):
    """The database has no extension motadata_ml, or the role may not use it."""

    default_sqlstate = "3F000"
    condition = "extension_missing"


def _below(kind: type[MLError]) -> Iterator[type[MLError]]:
    """Yield the classes below one, its whole tree."""
    for cls in kind.__subclasses__():
        yield cls
        yield from _below(cls)


BY_SQLSTATE: dict[str, type[MLError]] = {
    cls.default_sqlstate: cls
    for cls in _below(MLError)
    if cls.default_sqlstate is not None and not issubclass(cls, DatabaseError)
}
"""The server's table, class by class."""
