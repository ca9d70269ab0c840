"""Bring what people hold data in to one shape: a pandas frame with text column names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from motadata_ml._frames.characters import HALF, REMEDY, nested_fault, text_fault
from motadata_ml.errors import InsufficientDataError, InvalidArgumentError, MLError, UnsupportedColumnError

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer identifiers (NAMEDATALEN - 1)."""
MAX_ARRAY_COLUMNS = 800
"""A wider array travels as one vector: a row of a table has to fit into a page of 8 kB."""
_ACCEPTED = "pass a DataFrame, a 2-d array, a list of dicts, a dict of columns, Arrow or polars data"


def to_frame(data: Any, argument: str = "X") -> pd.DataFrame:
    """Return in-memory rows as a pandas frame.

    Parameters
    ----------
    data : DataFrame, Series, ndarray of shape (rows, columns), list of dict, dict of columns, Arrow or polars
        The rows. Columns of an array are named ``x0``, ``x1``, ... as scikit-learn does; those of an array with
        more than 800 columns become one vector, ``x``.
    argument : str
        Its name, for messages.

    Returns
    -------
    DataFrame of shape (rows, columns)
        With distinct text names that PostgreSQL takes; the index is the caller's.

    Raises
    ------
    InvalidArgumentError
        If it is none of these or the names do not do.
    UnsupportedColumnError
        If a text cannot be held.
    InsufficientDataError
        If it has no rows or no columns.
    """
    try:
        frame = _named(_frame(data, argument), argument)
    except UnicodeEncodeError as error:
        raise _unsendable(data, argument) from error
    if not len(frame.columns):
        raise InsufficientDataError(
            f"{argument} has no columns: 0 feature(s) (shape=({len(frame)}, 0)) while a minimum of 1 is required.",
            hint=_ACCEPTED,
        )
    if not len(frame):
        raise InsufficientDataError(f"{argument} has no rows", hint="check the filter or the file it was read with")
    return frame


def to_series(data: Any, argument: str = "y") -> pd.Series[Any]:
    """Return in-memory labels or numbers as a pandas series.

    Parameters
    ----------
    data : Series, array of shape (rows,) or (rows, 1), one-column frame, list, Arrow or polars column
        One value for each row.
    argument : str
        Its name, for messages.

    Returns
    -------
    Series of shape (rows,)
        Named as the caller named it, or ``target``.
    """
    try:
        return _series(data, argument)
    except UnicodeEncodeError as error:
        raise UnsupportedColumnError(f"{argument} holds text with {HALF}", hint=REMEDY) from error


def _series(data: Any, argument: str) -> pd.Series[Any]:
    """Return labels as a series; half of a surrogate pair ends pandas with an error of no kind."""
    data = _from_arrow(data)
    if hasattr(data, "__array__") and not isinstance(data, pd.DataFrame | pd.Series | pd.Categorical):
        data = np.asarray(data)
    if isinstance(data, pd.DataFrame):
        if len(data.columns) != 1:
            raise InvalidArgumentError(
                f"{argument} must be one column, got {len(data.columns)}",
                hint="pass one column: frame['name']",
            )
        data = data.iloc[:, 0]
    if isinstance(data, pd.Series):
        return data.rename(str(data.name) if data.name not in {None, 0, ""} else "target")
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise InvalidArgumentError(
            f"{argument} must be one value for each row, got {type(data).__name__}",
            hint="pass a Series, a one-dimensional array or a list",
        )
    if isinstance(data, np.ndarray):
        values = data[:, 0] if data.ndim == 2 and data.shape[1] == 1 else data
        if values.ndim != 1:
            raise InvalidArgumentError(
                f"{argument} must be one-dimensional, got shape {data.shape}", hint="pass y.ravel()"
            )
        return pd.Series(values, name="target")
    items = list(data)
    return pd.Series(items, name="target", dtype=None if items else object)


def _frame(data: Any, argument: str) -> pd.DataFrame:
    """Return the data as a frame, whatever the names."""
    data = _from_arrow(data)
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame(data.name if data.name is not None else "x0")
    if isinstance(data, np.ndarray):
        return _from_array(data, argument)
    if hasattr(data, "toarray"):  # before Mapping: one kind of sparse matrix is a dict
        raise InvalidArgumentError(
            f"{argument} is a sparse matrix", hint="pass X.toarray(), or the text column it was made from"
        )
    if isinstance(data, Mapping):
        return _from_columns(data, argument)
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _from_sequence(data, argument)
    if hasattr(data, "__array__"):
        return _from_array(np.asarray(data), argument)
    raise InvalidArgumentError(f"{argument} must be rows, got {type(data).__name__}", hint=_ACCEPTED)


def _unsendable(data: Any, argument: str) -> MLError:
    """Return the error for a text that pandas could not take, with its column."""
    columns: Iterable[tuple[Any, Any]]
    if isinstance(data, Mapping):
        columns = data.items()
    elif isinstance(data, Sequence) and isinstance(data[0], Mapping):
        columns = ((name, [row.get(name) for row in data]) for name in data[0])
    else:
        rows = data.tolist() if isinstance(data, np.ndarray) else list(data)
        columns = ((f"x{position}", values) for position, values in enumerate(zip(*rows, strict=False)))
    for name, values in columns:
        if text_fault(str(name)):
            return InvalidArgumentError(f"{name!r} cannot be a column's name: it holds {HALF}", hint=REMEDY)
        if nested_fault(list(values)):
            return UnsupportedColumnError(f"column {name!r} of {argument} holds text with {HALF}", hint=REMEDY)
    return UnsupportedColumnError(f"{argument} holds text with {HALF}", hint=REMEDY)


def _from_arrow(data: Any) -> Any:
    """Return Arrow and polars objects as pandas ones that keep integers beside missing values."""
    module = type(data).__module__.partition(".")[0]
    if module == "polars":
        data = data.collect() if hasattr(data, "collect") else data
        data = data.to_arrow()
        module = "pyarrow"
    if module != "pyarrow":
        return data
    if hasattr(data, "to_pandas"):
        return data.to_pandas(types_mapper=pd.ArrowDtype)
    return data


def _from_array(data: np.ndarray[Any, Any], argument: str) -> pd.DataFrame:
    """Return an array, plain or structured, as a frame."""
    if data.dtype.names:
        return pd.DataFrame(data)
    if data.ndim != 2:
        raise InvalidArgumentError(
            f"{argument} must have two dimensions (rows, columns), got shape {data.shape}",
            hint="Reshape your data: one column is X.reshape(-1, 1), one row X.reshape(1, -1)",
        )
    if data.shape[1] > MAX_ARRAY_COLUMNS and data.dtype.kind in "biuf":
        return pd.DataFrame({"x": list(data)})
    return pd.DataFrame(data, columns=pd.RangeIndex(data.shape[1]))


def _from_columns(data: Mapping[Any, Any], argument: str) -> pd.DataFrame:
    """Return a dict of columns as a frame."""
    lengths = {name: len(values) for name, values in data.items() if hasattr(values, "__len__")}
    if len(lengths) < len(data) or any(isinstance(values, str) for values in data.values()):
        raise InvalidArgumentError(
            f"{argument} is a dict, but not of columns", hint="one row goes into a list: [{...}]"
        )
    if len(set(lengths.values())) > 1:
        raise InvalidArgumentError(
            f"the columns of {argument} differ in length: {lengths}", hint="give every column one value a row"
        )
    return pd.DataFrame({name: _column_of(values) for name, values in data.items()})


def _column_of(values: Any) -> Any:
    """Keep lists of lists as cells instead of spreading them."""
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return list(values)
    return values


def _from_sequence(data: Sequence[Any], argument: str) -> pd.DataFrame:
    """Return a list of dicts or of rows as a frame."""
    if data and all(isinstance(row, Mapping) for row in data):
        names = data[0].keys()
        for number, row in enumerate(data):
            if row.keys() != names:
                raise InvalidArgumentError(
                    f"row {number} of {argument} has other keys than row 0: {sorted(map(str, row.keys() ^ names))}",
                    hint="give every row the same keys; None stands for an unknown value",
                )
        return pd.DataFrame({name: [row[name] for row in data] for name in names})
    if data and any(isinstance(row, Mapping) for row in data):
        raise InvalidArgumentError(f"{argument} mixes dicts with other rows", hint=_ACCEPTED)
    if data and not all(isinstance(row, Sequence | np.ndarray) and not isinstance(row, str) for row in data):
        raise InvalidArgumentError(f"{argument} is a flat list, not rows", hint="put each row into a list of its own")
    widths = sorted({len(row) for row in data})
    if len(widths) > 1:
        raise InvalidArgumentError(f"the rows of {argument} differ in length: {widths}", hint=_ACCEPTED)
    return pd.DataFrame(list(data), columns=pd.RangeIndex(widths[0] if widths else 0))


def _named(frame: pd.DataFrame, argument: str) -> pd.DataFrame:
    """Return the frame with text names, after a look at them."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise InvalidArgumentError(
            f"the columns of {argument} have several levels",
            hint="flatten them: X.columns = X.columns.map('_'.join)",
        )
    if isinstance(frame.columns, pd.RangeIndex):
        names = [f"x{position}" for position in range(len(frame.columns))]
    else:
        names = [str(name) for name in frame.columns]
    for name in names:
        fault = text_fault(name)
        if fault or not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
            raise InvalidArgumentError(
                f"{name!r} cannot be a column's name: "
                + (f"it holds {fault}" if fault else f"PostgreSQL takes 1 to {MAX_NAME_BYTES} bytes"),
                hint=f"rename it: {argument}.rename(columns={{...}})",
            )
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidArgumentError(
            f"{argument} has columns of the same name: {twice}", hint="rename or drop all but one of each"
        )
    if names == list(frame.columns):
        return frame
    return frame.set_axis(pd.Index(names), axis=1)
