"""One column of a feature plan: its JSON form, and where its encoded numbers lie."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnKind
from motadata_ml_server.values.text_forms import TextForm, text_form

Matrix: TypeAlias = NDArray[np.float64]

TEXT_FORM: Final = 1
"""Version of the canonical text that new plans are made of; see `values.text_forms`."""

_SINGLE: Final = re.compile(r'real(\[\])*|(?:.+\.)?"?(?:half)?vec(?:tor)?"?')


@dataclass(frozen=True)
class PlanColumn:
    """One column of a plan.

    Attributes
    ----------
    spec : mapping
        Its JSON form: name, kind, source, sql_type, width, impute, shift, scale and what its kind needs.
    start : int
        Position of its first number in an encoded row.
    """

    spec: Mapping[str, Any]
    start: int

    @property
    def name(self) -> str:
        """The feature's name."""
        return str(self.spec["name"])

    @property
    def kind(self) -> str:
        """The feature's kind, a name in `kinds.KINDS`."""
        return str(self.spec["kind"])

    @property
    def source(self) -> ColumnKind:
        """How the raw column travels."""
        return cast("ColumnKind", self.spec["source"])

    @property
    def width(self) -> int:
        """How many encoded numbers it has."""
        return int(self.spec["width"])

    @property
    def part(self) -> slice:
        """Its place in an encoded row."""
        return slice(self.start, self.start + self.width)

    @property
    def one_number(self) -> bool:
        """Whether it is a number without an indicator: the common case, which the row paths take in one loop."""
        return self.kind == "number" and self.width == 1 and not self.single

    @cached_property
    def single(self) -> bool:
        """Whether its numbers were of single precision at training: JSON has digits that they had not."""
        return _SINGLE.fullmatch(str(self.spec.get("sql_type"))) is not None

    @cached_property
    def form(self) -> TextForm:
        """What makes the canonical text of a category's or a free text's value, a parsed JSON value."""
        return text_form(str(self.spec.get("sql_type")))

    @cached_property
    def canonical(self) -> bool:
        """Whether its texts are canonical: not where 0.2 learned texts that SQL's cast gave, such as ``3.00``."""
        if self.spec.get("form", 0) >= 1:
            return True
        return all(self.form(text) == text for text in self.spec.get("categories", ()))

    @property
    def exact(self) -> bool:
        """Whether its categories are numbers of more digits than a float has."""
        return self.kind == "category" and self.canonical and self.spec.get("sql_type") == "numeric"

    @property
    def indicator(self) -> bool:
        """Whether its last encoded number says that the value is missing."""
        return bool(self.spec.get("indicator", False))

    @cached_property
    def shift(self) -> NDArray[np.float64]:
        """What is taken from the raw numbers, of shape (width,): encoded = (raw - shift) / scale."""
        return _factors(self.spec.get("shift"), self.width, 0.0)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """What the shifted numbers are divided by, of shape (width,)."""
        return _factors(self.spec.get("scale"), self.width, 1.0)

    @property
    def impute(self) -> NDArray[np.float64]:
        """What stands for a missing value, before shift and scale; NaN where NaN goes through."""
        impute = self.spec.get("impute")
        parts = self.width - self.indicator
        if impute is None:
            return np.full(parts, math.nan)
        return np.broadcast_to(np.asarray(impute, dtype=np.float64), (parts,))

    def encode(self, raw: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply shift and scale to raw numbers, whose last axis is of the column's width."""
        return np.asarray((np.asarray(raw, dtype=np.float64) - self.shift) / self.scale)


def _factors(values: Sequence[float] | float | None, width: int, default: float) -> NDArray[np.float64]:
    if values is None:
        return np.full(width, default)
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (width,)).copy()
