"""The feature plan: how each column becomes numbers. Plain data, stored as JSON with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnKind

FORMAT = 1
"""Version of the plan's JSON form."""

SPARSE_WIDTH = 1_000
"""Encoded rows wider than this are sparse where free text makes them so."""


@dataclass(frozen=True)
class PlanFeature:
    """One feature of a plan.

    Attributes
    ----------
    spec : mapping
        Its JSON form: name, kind, source, sql_type, width, shift, scale and what its kind needs.
    """

    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The column's name."""
        return str(self.spec["name"])

    @property
    def kind(self) -> str:
        """number, boolean, category, text, timestamp or vector."""
        return str(self.spec["kind"])

    @property
    def source(self) -> ColumnKind:
        """How the raw column travels."""
        return cast("ColumnKind", self.spec["source"])

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return int(self.spec["width"])

    def summary(self) -> dict[str, Any]:
        """Return what a person wants to know of it, without vocabularies and long lists."""
        short = {
            name: value
            for name, value in self.spec.items()
            if name not in ("shift", "scale", "vocabulary", "idf", "values", "default") and value is not None
        }
        if len(short.get("categories", ())) > 100:
            short["categories"] = [*short["categories"][:100], "..."]
        if isinstance(short.get("impute"), list) and len(short["impute"]) > 10:
            del short["impute"]
        return short


@dataclass(frozen=True)
class FeaturePlan:
    """How columns become the numbers of an encoded row.

    Attributes
    ----------
    columns : tuple of PlanFeature
        In feature order; their numbers lie side by side.
    """

    columns: tuple[PlanFeature, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeaturePlan:
        """Read a plan from its JSON form.

        Raises
        ------
        ValueError
            If the form is of another version.
        """
        if data["version"] != FORMAT:
            raise ValueError(f"feature plan of version {data['version']}, expected {FORMAT}")
        return cls(tuple(PlanFeature(spec) for spec in data["columns"]))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"version": FORMAT, "columns": [dict(column.spec) for column in self.columns]}

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
        return self.width > SPARSE_WIDTH and any(column.kind == "text" for column in self.columns)

    @cached_property
    def all_numeric(self) -> bool:
        """Whether an array of numbers can be the input."""
        return all(column.kind in ("number", "boolean", "vector") for column in self.columns)

    @cached_property
    def output_names(self) -> Sequence[str]:
        """A name for each encoded number."""
        return [name for column in self.columns for name in _names(column)]


def _names(column: PlanFeature) -> list[str]:
    spec, name = column.spec, column.name
    if column.kind == "category" and spec["encode"] == "onehot":
        return [f"{name}={category}" for category in spec["categories"]]
    if column.kind == "text":
        return [f"{name}:{token}" for token in spec["vocabulary"]]
    if column.kind == "timestamp":
        return [f"{name}.{part}" for part in spec["parts"]]
    if spec.get("indicator"):
        return [name, f"{name} is null"]
    return [name] if column.width == 1 else [f"{name}[{i + 1}]" for i in range(column.width)]


Matrix = NDArray[np.float64]
