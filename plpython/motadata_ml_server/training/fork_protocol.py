"""How a session and its fork server talk: one message a packet, with the descriptors of a training beside its order."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import Final

LARGEST: Final = 1 << 12
"""Bytes that no message reaches: an order is four short fields."""

TAKEN, FORKED, REFUSED, ENDED = "taken", "forked", "refused", "ended"
"""What a fork server answers: the order has come; the process forked for it, or the error number that fork gave; how
that process ended, as `os.waitstatus_to_exitcode` tells it."""


@dataclass(frozen=True)
class ForkOrder:
    """To the fork server: a training is to be forked. It holds nothing of the rows.

    Attributes
    ----------
    algorithm : str
        Its name in the catalogue, or ``auto``: what is imported for it.
    threads : int
        The most threads its numeric libraries start.
    max_memory_mb : int
        The most memory it may allocate, in MB.
    idle_seconds : int
        How long the fork server stays after it, without another.
    """

    algorithm: str
    threads: int
    max_memory_mb: int
    idle_seconds: int


@dataclass(frozen=True)
class Descriptors:
    """What a training process reads and writes.

    Attributes
    ----------
    requests, replies : int
        Pipes: the reading end of the one, the writing end of the other.
    rows, artifacts, errors : int
        Memory files.
    """

    requests: int
    replies: int
    rows: int
    artifacts: int
    errors: int

    def all(self) -> list[int]:
        """Return them in the order in which they travel."""
        return [self.requests, self.replies, self.rows, self.artifacts, self.errors]

    def close(self) -> None:
        """Close every one of them."""
        for descriptor in self.all():
            os.close(descriptor)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that keep messages apart, one for each side."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_order(control: socket.socket, order: ForkOrder, descriptors: Descriptors) -> None:
    """Send an order with copies of its descriptors.

    Raises
    ------
    OSError
        The other side has ended.
    """
    socket.send_fds(control, [json.dumps(asdict(order)).encode()], descriptors.all(), socket.MSG_NOSIGNAL)


def receive_order(control: socket.socket) -> tuple[ForkOrder, Descriptors] | None:
    """Wait for an order; None once the session has ended."""
    data, descriptors, _, _ = socket.recv_fds(control, LARGEST, len(Descriptors.__dataclass_fields__))
    return (ForkOrder(**json.loads(data)), Descriptors(*descriptors)) if data else None


def send_end(control: socket.socket) -> None:
    """Ask the fork server to end the process that it has forked, and to tell how it ended.

    Raises
    ------
    OSError
        The other side has ended.
    """
    control.send(b"end", socket.MSG_NOSIGNAL)


def wait_for_end(control: socket.socket) -> bool:
    """Wait for that; False once the session has ended."""
    return control.recv(LARGEST) == b"end"


def answer(control: socket.socket, what: str, number: int = 0) -> None:
    """Tell the session one of the above."""
    control.send(json.dumps([what, number]).encode(), socket.MSG_NOSIGNAL)


def receive_answer(control: socket.socket, seconds: float) -> tuple[str, int] | None:
    """Return an answer of the fork server's.

    Parameters
    ----------
    seconds : float
        How long to wait for it; 0 looks whether it is there.

    Returns
    -------
    (what, number) or None
        None where the fork server has ended.

    Raises
    ------
    OSError
        None came in that time, or the other side has ended without reading.
    """
    control.settimeout(seconds)
    try:
        data = control.recv(LARGEST)
    finally:
        control.settimeout(None)
    if not data:
        return None
    what, number = json.loads(data)
    return str(what), int(number)
