"""What the readers of a feature's JSON values share.

The fast paths of the row encoders handle the common Python types in line and call a reader for everything else, so
every rule about what a value may be is stated once: in the module of its kind.
"""

from __future__ import annotations

import json
from typing import Any

from motadata_ml_server.errors import InvalidInputError


def invalid(name: str, rule: str, value: Any) -> InvalidInputError:
    """Return the error for a value that does not suit its feature.

    Parameters
    ----------
    name : str
        The feature.
    rule : str
        What it takes, as in "must be a number".
    value : object
        What was received.

    Returns
    -------
    InvalidInputError
        To be raised by the caller.
    """
    shown = json.dumps(value, default=str)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return InvalidInputError(
        f"feature {name!r} {rule}, got {shown}",
        hint="Pass a value of the feature's type, or null where it is unknown.",
    )
