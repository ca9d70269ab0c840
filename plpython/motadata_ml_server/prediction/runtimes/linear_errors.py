"""How sure the coefficients of a linear model are: their stored form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

FORMAT: Final = 1


@dataclass(frozen=True)
class LinearErrors:
    """Standard errors in the units of the table, as the worker computed them.

    Attributes
    ----------
    std_errors, p_values : sequence of sequence of float or None
        For each output the intercept's, then one for each encoded number; None where there is none.
    critical : float or None
        How many standard errors a bound of 95 % lies from a coefficient.
    reason : str or None
        Why there are no standard errors at all.
    reasons : mapping of int to str
        By place in `std_errors`, why a coefficient has none.
    """

    std_errors: Sequence[Sequence[float | None]]
    p_values: Sequence[Sequence[float | None]]
    critical: float | None
    reason: str | None
    reasons: Mapping[int, str]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": FORMAT,
            "std_errors": [list(row) for row in self.std_errors],
            "p_values": [list(row) for row in self.p_values],
            "critical": self.critical,
            "reason": self.reason,
            "reasons": {str(at): why for at, why in self.reasons.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LinearErrors:
        """Read the JSON form.

        Raises
        ------
        ValueError
            If it is of another version.
        """
        if data["format"] != FORMAT:
            raise ValueError(f"errors of coefficients have format {data['format']!r}")
        critical = data["critical"]
        return cls(
            [[_number(one) for one in row] for row in data["std_errors"]],
            [[_number(one) for one in row] for row in data["p_values"]],
            None if critical is None else float(critical),
            None if data["reason"] is None else str(data["reason"]),
            {int(at): str(why) for at, why in data["reasons"].items()},
        )

    @classmethod
    def none(cls, reason: str) -> LinearErrors:
        """Return that there are none, and why."""
        return cls([], [], None, reason, {})


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def in_units(model: LinearModel, plan: FeaturePlan) -> NDArray[np.float64]:
    """Return the intercepts and weights for numbers as they stand in the table, of shape (outputs, 1 + width)."""
    scale = np.concatenate([np.ones(0), *(column.scale for column in plan.columns)])
    shift = np.concatenate([np.zeros(0), *(column.shift for column in plan.columns)])
    weights = model.weights / scale
    return np.hstack([(model.intercepts - weights @ shift)[:, None], weights])
