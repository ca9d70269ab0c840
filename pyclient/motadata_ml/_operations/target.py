"""The target's column: values that can be learned from, of the type they were given in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from motadata_ml._frames import Column, to_column
from motadata_ml.errors import InvalidTargetError, UnsupportedColumnError


def uncategorised(labels: pd.Series[Any]) -> pd.Series[Any]:
    """Return labels as what the categories are: a label comes back from a prediction as it went in."""
    if not isinstance(labels.dtype, pd.CategoricalDtype):
        return labels
    categories = labels.cat.categories
    if labels.isna().any():
        return labels.astype(object)
    return labels.astype(categories.dtype)


def learnable(labels: pd.Series[Any], name: str) -> Column:
    """Return the target's column for a training.

    Parameters
    ----------
    labels : Series of shape (rows,)
        Labels or numbers.
    name : str
        The column's name.

    Raises
    ------
    InvalidTargetError
        For missing, infinite and mixed values, and for lists.
    """
    missing = int(labels.isna().sum())
    if missing:
        raise InvalidTargetError(
            f"the target {name!r} has {missing} missing values (NaN or None) in {len(labels)} rows",
            hint="leave those rows out: keep = y.notna(); X[keep], y[keep]",
        )
    if pd.api.types.is_float_dtype(labels.dtype):
        infinite = int(np.isinf(labels.to_numpy(dtype="float64")).sum())
        if infinite:
            raise InvalidTargetError(
                f"the target {name!r} has {infinite} infinite values in {len(labels)} rows",
                hint="leave those rows out, or clip them",
            )
    return target_column(labels, name)


def target_column(labels: pd.Series[Any], name: str) -> Column:
    """Return the target's column; missing values are NULL.

    Raises
    ------
    InvalidTargetError
        For mixed values and for lists.
    """
    try:
        column = to_column(uncategorised(labels), name, "y")
    except UnsupportedColumnError as error:
        hint = "make the labels one type: y.astype(str)" if "several types" in error.message else error.hint
        raise InvalidTargetError(error.message, hint=hint) from error
    if column.sql_type == "double precision[]":
        raise InvalidTargetError(
            f"the target {name!r} holds lists, not one value a row", hint="train one model for each output"
        )
    return column
