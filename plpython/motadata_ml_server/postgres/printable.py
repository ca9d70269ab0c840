"""Text of users on its way to a log or a terminal: characters that act there instead of being shown are escaped."""

from __future__ import annotations

import re
from typing import Final

_ACTING: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f"  # C0 and C1: the cursor moves, lines are erased; 0x9b begins a terminal's commands
    "\\u00ad\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"  # unseen, or bidirectional
    "\\u2028\\u2029"  # more ends of lines
    "\\ud800-\\udfff"  # halves of characters, which no encoding takes
    "\\U000e0000-\\U000e0fff]"  # unseen tags
)


MOST_CHARACTERS: Final = 8_000
"""Of a part of an error: what users wrote is told again in messages, and the server's log keeps each."""


def shortened(text: str) -> str:
    """Return text of `MOST_CHARACTERS` at the most, or little more: what is longer loses its middle."""
    left_out = len(text) - MOST_CHARACTERS
    if left_out <= 0:
        return text
    return f"{text[: MOST_CHARACTERS - 1_000]} [... {left_out} characters ...] {text[-1_000:]}"


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return text with every character that a terminal or a log would obey, or hide, escaped as JSON does.

    Parameters
    ----------
    text : str
        May hold what users wrote.
    lines : bool, default False
        Keep line feeds and tabs: for messages of several lines, which the server's log indents.

    Returns
    -------
    str
        ``\\u202e`` in place of the character that turns the direction of writing, and so on.
    """
    return _ACTING.sub(lambda found: found[0] if lines and found[0] in "\n\t" else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high << 8 | low:04x}" for high, low in zip(units[::2], units[1::2], strict=True))
