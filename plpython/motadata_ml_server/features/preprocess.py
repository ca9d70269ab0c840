"""What ``preprocess`` asks for a column, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motadata_ml_server.errors import InvalidArgumentError

_IMPUTE = ("median", "mean", "most_frequent", "none")
_ENCODE = ("onehot", "ordinal", "target", "tfidf")
_SCALE = ("standard", "robust", "minmax", "none")
_KEYS = ("type", "impute", "encode", "scale")


@dataclass(frozen=True)
class ColumnRule:
    """How one column is to be treated; None leaves the choice to the data.

    Attributes
    ----------
    kind : str or None
        number, boolean, category, text, timestamp or vector.
    impute : str or float or None
        median, mean, most_frequent, none, or a number.
    encode : str or None
        onehot, ordinal or target, for categories.
    scale : str
        standard, robust, minmax or none.
    """

    kind: str | None
    impute: str | float | None
    encode: str | None
    scale: str


def rule_for(name: str, given: Mapping[str, Any] | None, scaling: str) -> ColumnRule:
    """Return the rule for a column.

    Parameters
    ----------
    name : str
        The column.
    given : mapping or None
        Its entry in ``preprocess``.
    scaling : str
        What the estimator needs.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown key or value.
    """
    given = given or {}
    unknown = sorted(set(given) - set(_KEYS))
    if unknown:
        raise InvalidArgumentError(
            f"preprocess for {name!r} has no key {unknown[0]!r}", hint=f"Its keys are {', '.join(_KEYS)}."
        )
    impute = given.get("impute")
    if not (isinstance(impute, (int, float)) and not isinstance(impute, bool)):
        _one_of(name, "impute", impute, _IMPUTE, " or a number")
    encode = _one_of(name, "encode", given.get("encode"), _ENCODE)
    scale = _one_of(name, "scale", given.get("scale"), _SCALE)
    kind = given.get("type")
    if kind is None and encode is not None:
        kind = "text" if encode == "tfidf" else "category"
    return ColumnRule("number" if kind == "numeric" else kind, impute, encode, scale or scaling)


def _one_of(name: str, key: str, value: Any, options: tuple[str, ...], more: str = "") -> Any:
    if value is not None and value not in options:
        raise InvalidArgumentError(
            f"preprocess {key} of {name!r} must be one of {', '.join(options)}{more}, got {value!r}",
            hint="Leave it out to let the data decide.",
        )
    return value
