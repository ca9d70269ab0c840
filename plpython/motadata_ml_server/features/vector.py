"""Vectors: arrays of numbers of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.json_values import invalid, says_nan
from motadata_ml_server.features.number import read_number
from motadata_ml_server.features.numeric import NumericKind, Reader, imputed
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.numbers import single


def read_vector(name: str, size: int, value: Any) -> list[float] | None:
    """Read an array of numbers; None where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    size : int
        How many numbers the model was trained on.
    value : object
        A parsed JSON value.

    Returns
    -------
    list of float or None
        `size` numbers, NaN for a null element.

    Raises
    ------
    InvalidInputError
        If it is no array of numbers, or of another length.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if says_nan(value):
            return None
        value = _listed(value)
    if not isinstance(value, list):
        raise invalid(name, f"must be an array of {size} numbers", value)
    if len(value) != size:
        raise invalid(name, f"must be an array of {size} numbers", value, f"of {len(value)} numbers")
    return [read_number(name, item) for item in value]


def _listed(text: str) -> Any:
    """Return the list that a text holds, as a vector of pgvector or an array is printed; the text where it is none."""
    inner = text.strip()
    if inner[:1] + inner[-1:] not in ("[]", "{}"):
        return text
    return [None if item.strip().lower() == "null" else item for item in inner[1:-1].split(",") if item.strip()]


class VectorKind(NumericKind):
    """An array of numbers."""

    name = "vector"
    impute_each = True

    def measure(self, values: NDArray[np.float64]) -> tuple[dict[str, Any], Matrix]:
        """Return the size, and the numbers as they are."""
        return {"size": values.shape[1]}, values

    def array_size(self, column: PlanColumn) -> int:
        """Return the size of the arrays that the model was trained on."""
        return int(column.spec["size"])

    def from_array(self, numbers: Sequence[Any]) -> list[Any]:
        """Return all of the numbers."""
        return list(numbers)

    def check(self, column: PlanColumn, given: Column) -> None:
        """Refuse arrays of another size, and infinite numbers.

        Raises
        ------
        InvalidInputError
            ML011: there are some.
        """
        size, values = column.spec.get("size"), given.numbers
        if values.ndim != 2 or values.shape[1] != size:
            found = values.shape[1] if values.ndim == 2 else 1
            raise InvalidInputError(
                f"feature {column.name!r} must be an array of {size} numbers, got {found}",
                hint="Pass arrays of the length the model was trained on.",
            )
        super().check(column, given)

    def raw(self, column: PlanColumn, values: NDArray[np.float64]) -> Matrix:
        """Return the numbers, imputed.

        Raises
        ------
        InvalidInputError
            ML011: arrays of another size.
        """
        size = column.width
        if values.shape[1] != size:
            if np.isnan(values).all():
                values = np.full((len(values), size), np.nan)
            else:
                raise InvalidInputError(
                    f"feature {column.name!r} must be an array of {size} numbers, got {values.shape[1]}",
                    hint="Pass arrays of the size the model was trained with.",
                )
        return imputed(values, column.spec["impute"])

    def unencoded(self, column: PlanColumn, value: Any) -> list[float] | None:
        """Return the numbers that a value stands for."""
        items = read_vector(column.name, int(column.spec["size"]), value)
        return [*map(single, items)] if column.single and items is not None else items

    def reader(self, column: PlanColumn) -> Reader:
        """Return the function from an array to its numbers."""
        impute: list[float] = column.impute.tolist()

        def read(value: Any) -> list[float]:
            items = self.unencoded(column, value)
            if items is None:
                return impute
            return [default if math.isnan(item) else item for item, default in zip(items, impute, strict=True)]

        return read


VECTOR: Final = VectorKind()
