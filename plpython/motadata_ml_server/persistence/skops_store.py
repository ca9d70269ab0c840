"""Write and read fitted estimators."""

from __future__ import annotations

import warnings
import zipfile
from typing import Any

from motadata_ml_server.errors import ArtifactError, UnsupportedOperationError
from motadata_ml_server.persistence.archive import read_archive
from motadata_ml_server.persistence.audit import audit
from motadata_ml_server.persistence.refusal import reject
from motadata_ml_server.persistence.structure import check_structure
from motadata_ml_server.persistence.trusted import TRUSTED_TYPES


def dump(estimator: object) -> bytes:
    """Serialise a fitted estimator, refusing what could not be read back.

    Parameters
    ----------
    estimator : object
        A fitted scikit-learn estimator.

    Returns
    -------
    bytes
        A skops archive that passes the audit of `load`.

    Raises
    ------
    UnsupportedOperationError
        If skops cannot write the estimator, or it holds types outside the allow-list.
    """
    import skops.io

    name = type(estimator).__name__
    hint = "Choose another algorithm, or hyperparameters without custom objects."
    try:
        data: bytes = skops.io.dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=3)
    except Exception as exc:  # skops lets any error of an object's __reduce__ through
        raise UnsupportedOperationError(f"a fitted {name} cannot be stored: {exc}", hint=hint) from exc
    try:
        archive = read_archive(data)
        audit(archive.schema, archive.arrays)
    except ArtifactError as exc:
        raise UnsupportedOperationError(f"a fitted {name} cannot be stored: {exc.message}", hint=hint) from exc
    return data


def load(data: bytes) -> Any:
    """Rebuild an estimator, after its archive and every type in it have been audited.

    Parameters
    ----------
    data : bytes
        What `dump` wrote.

    Returns
    -------
    object
        The fitted estimator.

    Raises
    ------
    ArtifactError
        If the bytes are damaged, too large, or name anything outside the allow-list. Nothing
        is imported or constructed before the audit has passed.
    """
    archive = read_archive(data)
    audit(archive.schema, archive.arrays)
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = skops.io.loads(data, trusted=sorted(TRUSTED_TYPES))
        check_structure(estimator)
    except ArtifactError:
        raise
    except RecursionError as exc:
        raise reject("its description is nested too deeply") from exc
    except Exception as exc:  # constructing from an audited but inconsistent description
        raise reject(f"it cannot be rebuilt ({type(exc).__name__}: {exc})") from exc
    return estimator
