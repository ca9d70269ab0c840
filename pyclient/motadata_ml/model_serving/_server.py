"""The application under uvicorn, in the foreground or in a thread."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from motadata_ml.errors import InvalidArgumentError
from motadata_ml.ml_framework import MLSystem, ModelManager
from motadata_ml.model_serving._app import create_app
from motadata_ml.model_serving._limits import BoundedProtocol
from motadata_ml.model_serving._options import ServingFields, ServingOptions

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_START_SECONDS = 30.0


@dataclass(frozen=True)
class _Application:
    """Makes the application in the process that serves it: what travels there is the connection's parameters."""

    manager: ModelManager
    options: ServingOptions
    counts: Path | None

    def __call__(self) -> FastAPI:
        return create_app(self.manager, self.options, dedicated=True, counts=self.counts)


class ModelServer:
    """Serve a manager's models over HTTP; made by `create_model_server`.

    Attributes
    ----------
    app : FastAPI
        The application, for tests.
    host, port : str, int
        Where it listens; port 0 becomes the one that was found.
    """

    def __init__(self, model_manager: ModelManager, host: str, port: int, options: ServingOptions) -> None:
        if options.anonymous_loopback and host not in _LOOPBACK:
            raise InvalidArgumentError(
                f"anonymous_loopback needs a loopback host, got {host!r}",
                hint="listen on 127.0.0.1, or make keys with create_api_key",
            )
        self.host, self.port, self.options = host, port, options
        self._manager = model_manager
        self.app: FastAPI = create_app(model_manager, options)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where to reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM; running requests are finished first.

        With several workers each is a process; one that ends is started again.
        """
        if self.options.workers == 1:
            uvicorn.Server(self._config("info", _Application(self._manager, self.options, None))).run()
            return
        with tempfile.TemporaryDirectory(prefix="motadata-ml-serving-") as folder:
            config = self._config("info", _Application(self._manager, self.options, Path(folder)))
            listener = config.bind_socket()
            try:
                Multiprocess(config, sockets=[listener]).run()
            finally:
                listener.close()

    def start(self) -> Self:
        """Serve in a thread, and return when it answers."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            raise InvalidArgumentError(
                f"cannot listen on {self.host}:{self.port}: {error}", hint="choose another port; 0 finds a free one"
            ) from error
        self.port = listener.getsockname()[1]
        server = self._server = uvicorn.Server(self._config("warning", self.app))
        self._thread = threading.Thread(target=server.run, args=([listener],), name="motadata_ml", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("the serving process did not start; its log has the reason")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Stop after the running requests, at most `shutdown_seconds` later."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(self.options.shutdown_seconds + 5)
            self._server = self._thread = None

    def _config(self, level: str, app: FastAPI | Callable[[], FastAPI]) -> uvicorn.Config:
        """Return how uvicorn serves the application, or what a factory makes."""
        options: dict[str, Any] = {} if isinstance(app, FastAPI) else {"factory": True}
        return uvicorn.Config(
            app,
            host=self.host,
            port=self.port,
            log_level=level,
            access_log=False,
            http=BoundedProtocol,
            ws="none",
            loop="uvloop",
            workers=self.options.workers,
            timeout_graceful_shutdown=max(1, round(self.options.shutdown_seconds)),
            server_header=False,
            limit_concurrency=4 * (self.options.max_concurrent + self.options.max_waiting) + 64,
            **options,
        )


def create_model_server(
    model_manager: ModelManager | MLSystem, host: str = "127.0.0.1", port: int = 8000, **options: Unpack[ServingFields]
) -> ModelServer:
    """Create a server of a manager's models.

    Parameters
    ----------
    model_manager : ModelManager
        Its database and role answer; the role has to act for the tenants of the keys.
    host, port : str, int
        Where to listen.
    **options
        The fields of `ServingOptions`.

    Returns
    -------
    ModelServer
        With ``run()``, ``start()``, ``stop()`` and ``app``.
    """
    manager = model_manager.model_manager if isinstance(model_manager, MLSystem) else model_manager
    unknown = sorted(set(options) - set(ServingOptions.__dataclass_fields__))
    if unknown:
        raise InvalidArgumentError(
            f"there is no option {unknown[0]!r}",
            hint=f"options are {', '.join(ServingOptions.__dataclass_fields__)}",
        )
    return ModelServer(manager, host, port, ServingOptions(**options))
