"""What goes wrong around the server, with what to do about it."""

from __future__ import annotations


class SetupError(Exception):
    """Something about the installation or the private cluster is not as it has to be.

    Parameters
    ----------
    message : str
        What is wrong, naming the file, the program or the value.
    remedy : str
        What to do, as a sentence or a command.
    """

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
