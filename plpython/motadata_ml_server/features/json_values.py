"""What the readers of a feature's JSON values share.

The fast paths of the row encoders handle the common Python types in line and call a reader for everything else, so
every rule about what a value may be is stated once: in the module of its kind.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from motadata_ml_server.errors import InvalidInputError


def says_nan(text: str) -> bool:
    """Tell the word of a number that is none, which stands for a missing value."""
    return text.strip().lower() == "nan"


class UnsuitableValueError(InvalidInputError):
    """A JSON value does not suit its feature; the reader does not know the type of the training, `of_types` adds it."""

    def __init__(self, name: str, rule: str, shown: str, sql_type: str) -> None:
        super().__init__(
            f"feature {name!r} {rule}, got {shown}",
            hint="Pass a value of the feature's type, or null where it is unknown.",
        )
        self.name, self.shown = name, shown
        self._rule, self._type = rule, sql_type

    def of_types(self, trained: str | None) -> InvalidInputError:
        """Return the error with both types: that of the training, and that of the value."""
        if trained is None:
            return self
        return InvalidInputError(
            f"feature {self.name!r} was {trained} at training and {self._rule}, got {self._type} {self.shown}",
            hint=f"Cast it to {trained}, the type the model was trained on; null stands for what is unknown.",
        )


_TYPES: Final = {bool: "boolean", str: "text", list: "an array", dict: "an object"}


def invalid(name: str, rule: str, value: Any, shown: str | None = None) -> UnsuitableValueError:
    """Return the error for a value that does not suit its feature.

    Parameters
    ----------
    name : str
        The feature.
    rule : str
        What it takes, as in "must be a number".
    value : object
        What was received.
    shown : str or None
        What the message has of it, where that is not its JSON.

    Returns
    -------
    UnsuitableValueError
        To be raised by the caller.
    """
    if shown is None:
        try:
            shown = json.dumps(value, default=str)
        except ValueError:  # a whole number of more digits than Python writes at once
            shown = f"{Decimal(value):.15e}" if isinstance(value, int) else "numbers of thousands of digits"
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return UnsuitableValueError(name, rule, shown, _TYPES.get(type(value), "number"))
