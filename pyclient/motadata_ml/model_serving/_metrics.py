"""Request counts and times in Prometheus' text format.

Labels are routes, never model names or tenants: their number is bounded and they tell nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram, in seconds."""


class Metrics:
    """Count requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._seconds: dict[str, list[float]] = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Parameters
        ----------
        route : str
            The route's template.
        status : int
            HTTP status of the answer.
        seconds : float
            From the first byte read to the last one sent.
        """
        self._requests[route, status] += 1
        row = self._seconds[route]
        for position, bound in enumerate(BUCKETS):
            row[position] += seconds <= bound
        row[-2] += 1
        row[-1] += seconds

    def text(self, in_flight: int) -> str:
        """Return the metrics as Prometheus reads them."""
        lines = ["# TYPE motadata_ml_requests_total counter"]
        for (route, status), count in sorted(self._requests.items()):
            lines.append(f'motadata_ml_requests_total{{route="{route}",status="{status}"}} {count}')
        lines.append("# TYPE motadata_ml_request_seconds histogram")
        for route, row in sorted(self._seconds.items()):
            name = f'motadata_ml_request_seconds_bucket{{route="{route}",le='
            lines += [f'{name}"{bound}"}} {row[n]:.0f}' for n, bound in enumerate(BUCKETS)]
            lines.append(f'{name}"+Inf"}} {row[-2]:.0f}')
            lines.append(f'motadata_ml_request_seconds_count{{route="{route}"}} {row[-2]:.0f}')
            lines.append(f'motadata_ml_request_seconds_sum{{route="{route}"}} {row[-1]:.6f}')
        lines += ["# TYPE motadata_ml_in_flight gauge", f"motadata_ml_in_flight {in_flight}", ""]
        return "\n".join(lines)


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
            self.metrics.observe(route, status, time.perf_counter() - started)
