"""What a kind of feature has to do: be fitted, named, checked, and encode a table and a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.features.plan_column import Matrix, PlanColumn

if TYPE_CHECKING:
    from motadata_ml_server.features.preprocess import ColumnRule

Writer: TypeAlias = Callable[[Any], None]
"""Writes one parsed JSON value into the row that it was made for."""

Entries: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp], Matrix]
"""Row pointers, positions and values of the numbers that are not zero, as a CSR matrix has them."""


@dataclass(frozen=True)
class Fitting:
    """What a kind may look at when it is fitted.

    Attributes
    ----------
    rule : ColumnRule
        What ``preprocess`` asks for the column.
    nan_ok : bool
        Whether NaN may go through to the estimator.
    target : ndarray of float64, shape (rows, outputs), or None
        A number a row, or a class indicator a row; None where there is no target.
    seed : int or None
        For what is drawn.
    """

    rule: ColumnRule
    nan_ok: bool
    target: Matrix | None
    seed: int | None


@dataclass(frozen=True)
class FittedColumn:
    """What fitting a column gives.

    Attributes
    ----------
    spec : dict
        The column's JSON form in the plan.
    override : ndarray of float64, shape (rows, width), or None
        Raw numbers that the training rows take instead of the plan's.
    """

    spec: dict[str, Any]
    override: Matrix | None = None


class Kind(ABC):
    """One kind of feature. It has no state: all that is known of a column is in its `PlanColumn`.

    Attributes
    ----------
    name : str
        What a plan calls it.
    sparse : bool
        Whether nearly all of its encoded numbers are zero.
    unsaid : tuple of str
        Keys of its JSON form that are too long for a person.
    """

    name: ClassVar[str]
    sparse: ClassVar[bool] = False
    unsaid: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def suits(self, column: Column, rule: ColumnRule) -> bool:
        """Tell whether a training column can be of this kind; `kinds.KINDS` are asked in their order."""

    @abstractmethod
    def fit(self, column: Column, fitting: Fitting) -> FittedColumn | None:
        """Return the column's form in the plan; None where it is of this kind and nothing can be made of it.

        Raises
        ------
        UnsupportedColumnError
            ML010: its values cannot be a feature.
        """

    def names(self, column: PlanColumn) -> list[str]:
        """Return a name for each encoded number."""
        name = column.name
        return [name] if column.width == 1 else [f"{name}[{at + 1}]" for at in range(column.width)]

    def summary(self, column: PlanColumn) -> dict[str, Any]:
        """Return what a person wants to know of the column: its JSON form without vocabularies and long lists."""
        hidden = {"shift", "scale", *self.unsaid}
        return {key: value for key, value in column.spec.items() if key not in hidden and value is not None}

    def array_size(self, column: PlanColumn) -> int | None:
        """Return how many numbers of a positional input are its value; None where numbers alone cannot be one."""
        return None

    def from_array(self, numbers: Sequence[Any]) -> Any:
        """Return the value that is made of `array_size` numbers of a positional input."""
        return numbers[0]

    @abstractmethod
    def check(self, column: PlanColumn, given: Column) -> None:
        """Refuse a column of rows to predict; that it travels as text where it should is known.

        Raises
        ------
        InvalidInputError
            ML011: its values do not suit the feature.
        """

    @abstractmethod
    def fill(self, column: PlanColumn, given: Column, block: Matrix) -> None:
        """Write the raw numbers of many rows, imputed, before shift and scale.

        Parameters
        ----------
        column : PlanColumn
            The feature.
        given : Column
            Its values.
        block : ndarray of float64, shape (rows, width)
            Zeros, to be overwritten.

        Raises
        ------
        InvalidInputError
            ML011: a value does not suit the feature.
        """

    def entries(self, column: PlanColumn, given: Column) -> Entries | None:
        """Return what `fill` writes where it is not zero; None for a kind that is not `sparse`."""
        return None

    @abstractmethod
    def writer(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
        """Return the function that encodes one value into one row; it is called for every prediction.

        Parameters
        ----------
        column : PlanColumn
            The feature.
        row : ndarray of float64, shape (plan's width,)
            The encoded row, written over for each prediction; the column's numbers begin at `column.start`.
        cells : memoryview of float64
            The same memory, which is faster to write single numbers to.

        Returns
        -------
        callable
            From a parsed JSON value; raising InvalidInputError for what does not suit the feature.
        """

    def cells(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> tuple[Any, ...]:
        """Return the column as the encoder of single rows takes it (`motadata_ml_server.loops.RowEncoder`).

        Parameters
        ----------
        column, row, cells
            As for `writer`, which a kind without a form of its own is called by.
        """
        return ("call", column.name, self.writer(column, row, cells))
