"""The feature plan: how each column becomes numbers. Plain data, stored as JSON with the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.plan_column import PlanColumn

FORMAT = 1
"""Version of the plan's JSON form."""

SPARSE_WIDTH = 1_000
"""Encoded rows wider than this are sparse where a kind such as free text makes them so."""


@dataclass(frozen=True)
class FeaturePlan:
    """How columns become the numbers of an encoded row.

    Attributes
    ----------
    columns : tuple of PlanColumn
        In feature order; their numbers lie side by side.
    """

    columns: tuple[PlanColumn, ...]

    @classmethod
    def of(cls, specs: Iterable[Mapping[str, Any]]) -> FeaturePlan:
        """Lay columns side by side.

        Parameters
        ----------
        specs : iterable of mapping
            Their JSON forms, in feature order.

        Raises
        ------
        ValueError
            If one is of an unknown kind.
        """
        columns = []
        start = 0
        for spec in specs:
            column = PlanColumn(spec, start)
            if column.kind not in KINDS:
                raise ValueError(f"feature of unknown kind {column.kind!r}")
            columns.append(column)
            start += column.width
        return cls(tuple(columns))

    @classmethod
    def as_is(cls, width: int) -> FeaturePlan:
        """Return the plan of numbers that are encoded already, named by their positions."""
        spec = {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1, "impute": None}
        return cls.of({**spec, "name": str(at)} for at in range(width))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeaturePlan:
        """Read a plan from its JSON form.

        Raises
        ------
        ValueError
            If the form is of another version, or a feature of an unknown kind.
        """
        if data["version"] != FORMAT:
            raise ValueError(f"feature plan of version {data['version']}, expected {FORMAT}")
        return cls.of(data["columns"])

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"version": FORMAT, "columns": [dict(column.spec) for column in self.columns]}

    def summary(self) -> list[dict[str, Any]]:
        """Return what a person wants to know of each column, without vocabularies and long lists."""
        return [KINDS[column.kind].summary(column) for column in self.columns]

    @cached_property
    def input_names(self) -> list[str]:
        """The features' names."""
        return [column.name for column in self.columns]

    @cached_property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return sum(column.width for column in self.columns)

    @cached_property
    def sparse(self) -> bool:
        """Whether encoded rows are mostly zeros: free text has made them wide."""
        return self.width > SPARSE_WIDTH and any(KINDS[column.kind].sparse for column in self.columns)

    @cached_property
    def all_numeric(self) -> bool:
        """Whether an array of numbers can be the input."""
        return all(KINDS[column.kind].array_size(column) is not None for column in self.columns)

    @cached_property
    def output_names(self) -> Sequence[str]:
        """A name for each encoded number."""
        return [name for column in self.columns for name in KINDS[column.kind].names(column)]
