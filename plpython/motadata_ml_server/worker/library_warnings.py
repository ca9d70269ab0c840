"""What libraries warn of during a fit, as far as it concerns a user."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

MAX_WARNINGS = 20
OF_A_KIND = 3
"""So many warnings of one category are told."""


def said(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    """Return what libraries warned of, a few of each kind: fits of many groups or trials say much the same."""
    kinds: dict[str, dict[str, None]] = {}
    for item in caught:
        if concerns_user(item):
            kinds.setdefault(item.category.__name__, {})[str(item.message).strip()] = None
    sentences: list[str] = []
    for kind, messages in kinds.items():
        sentences += [f"{kind}: {message}" for message in list(messages)[:OF_A_KIND]]
        if len(messages) > OF_A_KIND:
            sentences.append(f"{kind}: and {len(messages) - OF_A_KIND} more")
    return sentences[:MAX_WARNINGS]


def concerns_user(item: warnings.WarningMessage) -> bool:
    """Tell whether a warning says something about the data rather than about a library's future."""
    return not issubclass(item.category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning, ImportWarning))
