"""scikit-learn without what it imports where it finds it, for frames and progress bars that never come here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

UNNEEDED: Final = ("pandas", "polars", "pyarrow", "rich", "pytest", "matplotlib")
"""Packages that scikit-learn, skops and the boosting libraries take where they are installed, and do without.

pandas alone takes half a second, 40 MB, and a thread that its own libraries keep.
"""


@contextmanager
def without_unneeded() -> Iterator[None]:
    """Have imports within the block find none of them; what is imported already stays.

    A None in ``sys.modules`` is the documented way to make an import fail; whoever imports one afterwards gets it.
    """
    hidden = [name for name in UNNEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
