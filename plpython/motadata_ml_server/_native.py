"""The one switch between the compiled form of the hot loops and the form in NumPy.

The compiled form is a distribution of its own, `motadata_ml_native`. It serves where it is installed and speaks this
package's interface; no setting decides. Both forms give the same answers to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

INTERFACE: Final = 1
"""What this package asks of the compiled form; one that says another number was built for another version."""


def _installed() -> ModuleType | None:
    try:
        from motadata_ml_native import _loops
    except ImportError:  # not installed, or built for another machine
        return None
    return _loops if _loops.INTERFACE == INTERFACE else None


compiled: Final[ModuleType | None] = _installed()
"""The compiled form, or None."""


def loops() -> Any:
    """Return the form that serves: `compiled`, or else `motadata_ml_server.loops`, which has the same names.

    Returns
    -------
    module
        With `Trees`, `RowEncoder`, `LinearRow`, `StringCodes` and `linear_scores`.
    """
    if compiled is not None:
        return compiled
    from motadata_ml_server import loops as pure

    return pure
