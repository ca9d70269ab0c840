"""Who may work and who may wait: a fair share of both for each tenant.

A tenant may take another place only while it holds no more than what is left for all. So one tenant alone gets half of
the places, the next one half of the rest, and whatever the first does, there is something left for the others. (The
rule is that of dynamic thresholds, by which switches share the memory of a buffer among their queues.)
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

Tenant: TypeAlias = str | None
"""Whose share: a tenant's name, or None for all whose key is not known yet."""


class BusyError(Exception):
    """Too many requests are waiting already."""


class Gate:
    """Let a number of requests work and a number wait; turn others away at once.

    Parameters
    ----------
    working, waiting : int
        How many of each.

    Attributes
    ----------
    inside : int
        How many work or wait.
    """

    def __init__(self, working: int, waiting: int) -> None:
        self.inside = 0
        self._most = working + waiting
        self._free = working
        self._entered: dict[Tenant, int] = defaultdict(int)
        self._held: dict[Tenant, int] = defaultdict(int)
        self._queues: OrderedDict[Tenant, deque[asyncio.Future[None]]] = OrderedDict()

    def inside_of(self, tenant: Tenant) -> int:
        """Return how many requests of a tenant work or wait."""
        return self._entered.get(tenant, 0)

    def check(self, tenant: Tenant) -> None:
        """Return where there is a place for a tenant's request: asked before any work is done for it.

        Raises
        ------
        BusyError
            If none is left, or the tenant has its share.
        """
        left = self._most - self.inside
        if left <= 0 or self._entered.get(tenant, 0) > left:
            raise BusyError

    @contextmanager
    def place(self, tenant: Tenant) -> Iterator[None]:
        """Hold a place inside for the block.

        Raises
        ------
        BusyError
            If none is left, or the tenant has its share.
        """
        self.check(tenant)
        self.inside += 1
        self._entered[tenant] += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._entered[tenant] -= 1
            if not self._entered[tenant]:
                del self._entered[tenant]

    @asynccontextmanager
    async def slot(self, tenant: Tenant) -> AsyncIterator[None]:
        """Wait for a turn to work, and hold it for the block."""
        if tenant not in self._queues and self._may(tenant):
            self._hold(tenant)
        else:
            await self._wait(tenant)
        try:
            yield
        finally:
            self._give_back(tenant)

    @asynccontextmanager
    async def turn(self, tenant: Tenant) -> AsyncIterator[None]:
        """Hold a place inside and, once it comes, a turn to work."""
        with self.place(tenant):
            async with self.slot(tenant):
                yield

    def _may(self, tenant: Tenant) -> bool:
        return self._held.get(tenant, 0) < self._free

    def _hold(self, tenant: Tenant) -> None:
        self._held[tenant] += 1
        self._free -= 1

    async def _wait(self, tenant: Tenant) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(tenant)  # it came in the same moment
            raise

    def _give_back(self, tenant: Tenant) -> None:
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        self._free += 1
        self._call_next()

    def _call_next(self) -> None:
        """Give turns to those who wait: first to the tenant that holds least, then to the one that waits longest."""
        while self._free:
            waiting = [tenant for tenant in self._queues if self._may(tenant)]
            if not waiting:
                return
            tenant = min(waiting, key=lambda name: self._held.get(name, 0))
            queue = self._queues[tenant]
            turn = queue.popleft()
            if queue:
                self._queues.move_to_end(tenant)
            else:
                del self._queues[tenant]
            if not turn.done():
                self._hold(tenant)
                turn.set_result(None)
