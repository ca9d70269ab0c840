"""Containers of the server's image, as their users start them."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from testcontainers.core.container import DockerContainer

Session = psycopg.Connection[Any]

DATA = "/var/lib/postgresql/data"
PASSWORD = "the first password"


class Server:
    """A running container with PostgreSQL; stopped and removed at the end of its `with` block."""

    def __init__(
        self,
        image: str,
        *,
        volume: str | None = None,
        password: str = PASSWORD,
        sockets: str | None = None,
        more: dict[str, Any] | None = None,
        **environment: str,
    ) -> None:
        self._container = DockerContainer(image).with_exposed_ports(5432).with_env("POSTGRES_PASSWORD", password)
        self._container.with_envs(**environment)
        if volume is not None:
            self._container.with_volume_mapping(volume, DATA, "rw")
        if sockets is not None:
            self._container.with_volume_mapping(sockets, "/run/postgresql", "rw").with_tmpfs_mount("/tmp")  # noqa: S108
        self._container.with_kwargs(**(more or {}))
        self.password = password

    def __enter__(self) -> Server:
        self._container.start()
        try:
            self.wait()
        except BaseException:
            self._container.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    @property
    def container(self) -> Any:
        """The engine's own object."""
        return self._container.get_wrapped_container()

    def dsn(self, user: str = "postgres", password: str | None = None, dbname: str = "postgres") -> str:
        """Say how to reach a database from outside the container."""
        return psycopg.conninfo.make_conninfo(
            host=self._container.get_container_host_ip(),
            port=self._container.get_exposed_port(5432),
            user=user,
            password=self.password if password is None else password,
            dbname=dbname,
            connect_timeout=10,
        )

    def connect(self, *who: str, **where: str) -> Session:
        """Open a session from outside the container, in autocommit."""
        return psycopg.connect(self.dsn(*who, **where), autocommit=True)

    def run(self, *command: str, user: str = "") -> tuple[int, str]:
        """Run a program in the container; returns its status and what it printed."""
        done = self.container.exec_run(list(command), user=user)
        return done.exit_code, done.output.decode()

    def wait(self) -> None:
        """Wait until the server answers from outside."""
        deadline = time.monotonic() + 120
        while True:
            try:
                psycopg.connect(self.dsn(), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    return
                self.container.reload()
                if self.container.status not in ("created", "running") or time.monotonic() > deadline:
                    raise RuntimeError(self.logs()) from error
                time.sleep(0.2)

    def logs(self) -> str:
        """Return what the container printed."""
        return str(self.container.logs().decode())
