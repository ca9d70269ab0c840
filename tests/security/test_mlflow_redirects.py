"""Logins of MLflow go to the server that was named, and nowhere else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from motadata_ml.mlops import _mlflow


@dataclass
class Server:
    """A server that answers with JSON, or sends everybody elsewhere."""

    port: int = 0
    elsewhere: str | None = None
    heard: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(elsewhere: str | None = None) -> Iterator[Server]:
    about = Server(elsewhere=elsewhere)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about.heard.append((self.path, self.headers.get("Authorization")))
            if about.elsewhere is not None and "moved" not in self.path:
                self.send_response(302)
                self.send_header("Location", about.elsewhere + "/moved")
                self.end_headers()
                return
            body = json.dumps({"experiment": {"experiment_id": "7"}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    about.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield about
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret token")


@pytest.mark.parametrize("body", [None, b"{}"])
def test_a_redirect_to_another_server_is_not_followed(body: bytes | None) -> None:
    with serving() as thief, serving(thief.url) as named:
        with pytest.raises(_mlflow.MlflowError) as caught:
            _mlflow._Server(named.url)._send("experiments/get-by-name?experiment_name=x", body)
        assert thief.url in str(caught.value)
        assert thief.heard == []
        assert [login for _, login in named.heard] == ["Bearer secret token"]


@pytest.mark.parametrize("where", ["http://localhost:{port}", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_another_name_scheme_or_port_is_another_server(where: str) -> None:
    with serving("later") as named:
        named.elsewhere = where.format(port=named.port)
        with pytest.raises(_mlflow.MlflowError):
            _mlflow._Server(named.url).experiment("x")
        assert len(named.heard) == 1


@pytest.mark.no_attack
def test_a_redirect_on_the_same_server_is_followed() -> None:
    with serving("later") as named:
        named.elsewhere = named.url
        assert _mlflow._Server(named.url).experiment("x") == "7"
        assert [path for path, _ in named.heard][1:] == ["/moved"]
