"""What the operating system refuses for want of something, as PostgreSQL names it."""

from __future__ import annotations

import errno
import mmap
import os

from motadata_ml_server.postgres.database import DatabaseError

_SQLSTATES = {
    errno.ENOSPC: "53100",
    errno.EDQUOT: "53100",
    errno.EFBIG: "53100",
    errno.ENOMEM: "53200",
    errno.EAGAIN: "53000",
    errno.EMFILE: "53000",
    errno.ENFILE: "53000",
}
"""disk_full, out_of_memory, insufficient_resources."""


def refusal(error: BaseException) -> DatabaseError | None:
    """Return the error to report where the machine had too little of something, None for any other.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    DatabaseError or None
        With SQLSTATE 53100, 53200 or 53000.
    """
    if not isinstance(error, OSError) or error.errno not in _SQLSTATES:
        return None
    said = f"the server's machine could not give what the call needs: {os.strerror(error.errno)}"
    hint = "Nothing was stored. Use fewer rows, or free the resource."
    return DatabaseError(_SQLSTATES[error.errno], said, None, hint)


def require_memory(size: int) -> None:
    """Make sure that some memory is to be had, by taking and returning it.

    Native libraries end the process, and with it the whole server, where memory that they need in a thread of theirs is
    refused. It is never touched, so this costs microseconds; where memory is overcommitted it says nothing.

    Parameters
    ----------
    size : int
        In bytes.

    Raises
    ------
    OSError
        ENOMEM: not to be had.
    """
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
