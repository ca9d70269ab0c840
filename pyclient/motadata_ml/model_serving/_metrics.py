"""Request counts and times in Prometheus' text format.

A tenant is shown its own requests, and those that concern nobody's models; who runs the process is shown all, by
tenant. Labels are routes and never model names: their number is bounded.

Of several processes that serve together each keeps a file with what it has counted, and whoever is asked adds up the
files. What the others counted is at most `WRITE_SECONDS` old.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motadata_ml.model_serving._access import OPEN, tenant_of

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram, in seconds."""

WRITE_SECONDS = 1.0
"""How often a process writes down what it has counted, where several serve together."""

PROCESS = ""
"""In place of a tenant's name: what needs no key."""

REFUSED = "-"
"""In place of a tenant's name: what was refused for want of a key."""

Counts = dict[tuple[str, str], dict[int, int]]
Times = dict[tuple[str, str], list[float]]


class Metrics:
    """Count requests by tenant, route and status, and how long they took.

    Parameters
    ----------
    folder : Path or None
        Where the processes that serve together keep their counts; None for one alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._counts: Counts = defaultdict(lambda: defaultdict(int))
        self._times: Times = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))
        self._folder = folder

    def observe(self, tenant: str, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Parameters
        ----------
        tenant : str
            A tenant's name, `PROCESS` or `REFUSED`.
        route : str
            The route's template.
        status : int
            HTTP status of the answer.
        seconds : float
            From the first byte read to the last one sent.
        """
        key = (tenant, route)
        self._counts[key][status] += 1
        row = self._times[key]
        for position, bound in enumerate(BUCKETS):
            if seconds <= bound:
                row[position] += 1
        row[-2] += 1
        row[-1] += seconds

    def text(self, tenant: str | None, in_flight: int) -> str:
        """Return the metrics as Prometheus reads them.

        Parameters
        ----------
        tenant : str or None
            Whose; None for all, each with its tenant's name.
        in_flight : int
            Requests at work in this process.
        """
        counts, times = self._added_up()
        shown = sorted(key for key in counts if tenant is None or key[0] in (tenant, PROCESS))
        lines = ["# TYPE motadata_ml_requests_total counter"]
        for key in shown:
            lines += [
                f'motadata_ml_requests_total{{{_labels(key, tenant)},status="{status}"}} {count}'
                for status, count in sorted(counts[key].items())
            ]
        lines.append("# TYPE motadata_ml_request_seconds histogram")
        for key in shown:
            labels, row = _labels(key, tenant), times[key]
            name = f"motadata_ml_request_seconds_bucket{{{labels},le="
            lines += [f'{name}"{bound}"}} {row[n]:.0f}' for n, bound in enumerate(BUCKETS)]
            lines.append(f'{name}"+Inf"}} {row[-2]:.0f}')
            lines.append(f"motadata_ml_request_seconds_count{{{labels}}} {row[-2]:.0f}")
            lines.append(f"motadata_ml_request_seconds_sum{{{labels}}} {row[-1]:.6f}")
        lines += ["# TYPE motadata_ml_in_flight gauge", f"motadata_ml_in_flight {in_flight}", ""]
        return "\n".join(lines)

    async def keep_written(self) -> None:
        """Write down what has been counted, again and again; at once where this process is alone."""
        while self._folder is not None:
            self.write()
            await asyncio.sleep(WRITE_SECONDS)

    def write(self) -> None:
        """Write down what has been counted, for the other processes."""
        if self._folder is None:
            return
        rows: list[Any] = [[*key, statuses, self._times[key]] for key, statuses in self._counts.items()]
        new = self._folder / f".{os.getpid()}"
        new.write_text(json.dumps(rows))
        new.rename(self._folder / f"{os.getpid()}.json")

    def _added_up(self) -> tuple[Mapping[tuple[str, str], Mapping[int, int]], Times]:
        if self._folder is None:
            return self._counts, self._times
        counts: Counts = defaultdict(lambda: defaultdict(int))
        times: Times = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))
        self.write()
        for tenant, route, statuses, row in self._written():
            for status, count in statuses.items():
                counts[tenant, route][int(status)] += count
            times[tenant, route] = [one + other for one, other in zip(times[tenant, route], row, strict=True)]
        return counts, times

    def _written(self) -> Iterator[list[Any]]:
        for file in sorted((self._folder or Path()).glob("*.json")):
            yield from json.loads(file.read_text())


def _labels(key: tuple[str, str], tenant: str | None) -> str:
    if tenant is not None:
        return f'route="{key[1]}"'
    name = key[0].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'tenant="{name}",route="{key[1]}"'


class Measured:
    """Measure every request that passes.

    Parameters
    ----------
    app : ASGI application
        What follows.
    metrics : Metrics
        Where to count.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.observe(_whose(scope), route, status, time.perf_counter() - started)


def _whose(scope: Scope) -> str:
    caller = tenant_of(scope)
    if caller is None:
        return PROCESS if scope["path"] in OPEN else REFUSED
    return caller.tenant_id or PROCESS
