"""Every error the extension raises, each with its SQLSTATE.

Clients dispatch on the SQLSTATE, never on the text. A message names the argument, the rule and the
value received; the hint says what to do next.

========  ==========================================================================
SQLSTATE  meaning
========  ==========================================================================
ML000     internal error
ML001     model not found
ML002     relation not found
ML003     column not found
ML004     input is not one SELECT
ML005     not enough data to train on
ML006     target does not suit the model type
ML007     algorithm not found
ML008     invalid hyperparameter
ML009     invalid argument
ML010     column type cannot be a feature
ML011     prediction input does not fit the model
ML012     tenant not permitted
ML013     tenant is ambiguous
ML014     model version not found
ML015     training failed
ML016     training worker died
ML017     training ran out of memory
ML018     stored model is not acceptable
ML019     package and extension versions differ
ML020     operation not supported for this model
ML021     quota of the tenant exceeded
42501     insufficient privilege
25006     server is read-only
53000     processes or files of the server's machine are used up
53100     disk or memory files are full
53200     memory of the session is used up
========  ==========================================================================
"""

from __future__ import annotations

from typing import ClassVar


class MotadataError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    message : str
        Names the argument, the rule and the value received.
    hint : str
        What the caller can do about it.
    detail : str, optional
        Machine-readable or longer explanation.
    """

    sqlstate: ClassVar[str] = "ML000"
    condition: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, hint: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class InternalError(MotadataError):
    """A defect in the extension itself."""


class ModelNotFoundError(MotadataError):
    """No model of that name is visible to the caller."""

    sqlstate = "ML001"
    condition = "model_not_found"


class RelationNotFoundError(MotadataError):
    """A table or view named as input does not exist."""

    sqlstate = "ML002"
    condition = "relation_not_found"


class ColumnNotFoundError(MotadataError):
    """A column named by the caller is not in the input."""

    sqlstate = "ML003"
    condition = "column_not_found"


class InvalidQueryError(MotadataError):
    """The input is not exactly one SELECT."""

    sqlstate = "ML004"
    condition = "invalid_query"


class InsufficientDataError(MotadataError):
    """Too few rows, classes or values to train on."""

    sqlstate = "ML005"
    condition = "insufficient_data"


class InvalidTargetError(MotadataError):
    """The target column does not suit the model type."""

    sqlstate = "ML006"
    condition = "invalid_target"


class AlgorithmNotFoundError(MotadataError):
    """The algorithm is not in the catalogue."""

    sqlstate = "ML007"
    condition = "algorithm_not_found"


class InvalidHyperparameterError(MotadataError):
    """A hyperparameter has an unknown name, a wrong type or a value out of range."""

    sqlstate = "ML008"
    condition = "invalid_hyperparameter"


class InvalidArgumentError(MotadataError):
    """An argument of a SQL function is out of its domain."""

    sqlstate = "ML009"
    condition = "invalid_argument"


class UnsupportedColumnError(MotadataError):
    """A column's type cannot be turned into a feature."""

    sqlstate = "ML010"
    condition = "unsupported_column"


class InvalidInputError(MotadataError):
    """Prediction input lacks features or has the wrong shape or type."""

    sqlstate = "ML011"
    condition = "invalid_input"


class TenantNotPermittedError(MotadataError):
    """The role may not act for the tenant."""

    sqlstate = "ML012"
    condition = "tenant_not_permitted"


class TenantAmbiguousError(MotadataError):
    """The role may act for several tenants and named none."""

    sqlstate = "ML013"
    condition = "tenant_ambiguous"


class VersionNotFoundError(MotadataError):
    """The model exists but not in that version."""

    sqlstate = "ML014"
    condition = "version_not_found"


class TrainingError(MotadataError):
    """The estimator refused the data or failed while fitting."""

    sqlstate = "ML015"
    condition = "training_failed"


class WorkerDiedError(MotadataError):
    """The training worker ended without a result."""

    sqlstate = "ML016"
    condition = "worker_died"


class TrainingMemoryError(MotadataError):
    """Training needed more memory than it was allowed."""

    sqlstate = "ML017"
    condition = "training_out_of_memory"


class ArtifactError(MotadataError):
    """A stored model is damaged, from another version or holds untrusted types."""

    sqlstate = "ML018"
    condition = "artifact_rejected"


class VersionMismatchError(MotadataError):
    """The server package and the extension are not of the same version."""

    sqlstate = "ML019"
    condition = "version_mismatch"


class UnsupportedOperationError(MotadataError):
    """The model, library or server cannot do what was asked."""

    sqlstate = "ML020"
    condition = "unsupported_operation"


class QuotaExceededError(MotadataError):
    """The tenant has as many models, bytes or training seconds as it may."""

    sqlstate = "ML021"
    condition = "quota_exceeded"


class InsufficientPrivilegeError(MotadataError):
    """The role lacks a right it needs."""

    sqlstate = "42501"
    condition = "insufficient_privilege"


class ReadOnlyError(MotadataError):
    """The transaction or the server takes no writes."""

    sqlstate = "25006"
    condition = "read_only_sql_transaction"


BY_SQLSTATE: dict[str, type[MotadataError]] = {
    cls.sqlstate: cls
    for cls in (
        InternalError,
        ModelNotFoundError,
        RelationNotFoundError,
        ColumnNotFoundError,
        InvalidQueryError,
        InsufficientDataError,
        InvalidTargetError,
        AlgorithmNotFoundError,
        InvalidHyperparameterError,
        InvalidArgumentError,
        UnsupportedColumnError,
        InvalidInputError,
        TenantNotPermittedError,
        TenantAmbiguousError,
        VersionNotFoundError,
        TrainingError,
        WorkerDiedError,
        TrainingMemoryError,
        ArtifactError,
        VersionMismatchError,
        UnsupportedOperationError,
        QuotaExceededError,
        InsufficientPrivilegeError,
        ReadOnlyError,
    )
}


def out_of_memory(max_memory_mb: int, least_mb: int | None = None) -> TrainingMemoryError:
    """Return the error for a worker that hit its cap, or would."""
    least = f"; it needs at least {least_mb}" if least_mb else ""
    return TrainingMemoryError(
        f"training needs more than max_memory_mb = {max_memory_mb}{least}",
        hint="Raise it with execution => '{\"max_memory_mb\": n}' up to the option of that name, or use fewer rows.",
    )
