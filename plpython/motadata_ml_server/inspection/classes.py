"""Classes that a caller names."""

from __future__ import annotations

from collections.abc import Sequence

from motadata_ml_server.errors import InvalidArgumentError


def position_of(classes: Sequence[str], label: str, argument: str = "class") -> int:
    """Return the position of a class.

    Raises
    ------
    InvalidArgumentError
        ML009: there is none of that name.
    """
    if label not in classes:
        shown = ", ".join(repr(name[:50]) for name in classes[:20])
        more = ", ..." if len(classes) > 20 else ""
        raise InvalidArgumentError(
            f"{argument} must be one of the model's classes, got {label[:100]!r}", hint=f"They are {shown}{more}."
        )
    return classes.index(label)


def no_classes(task: str, label: str) -> InvalidArgumentError:
    """Return the error for a class that is named of a model without classes."""
    return InvalidArgumentError(
        f"class must be NULL for a model of type {task}, got {label[:100]!r}",
        hint="Leave it out: only a classification model has classes.",
    )
