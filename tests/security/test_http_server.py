"""The serving process over real sockets: without a key, with another's, too much, too slow, malformed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, create_ml_system
from motadata_ml.model_serving import ModelServer, create_api_key, create_model_server
from tests.security.conftest import Actors

ROUTES = (
    ("GET", "/metrics"),
    ("GET", "/api/ml/models"),
    ("GET", "/api/ml/models/m"),
    ("POST", "/api/ml/predict/m"),
    ("POST", "/api/ml/predict_batch/m"),
)
ROW = {"input_data": {"x": 60, "w": 0}}


@pytest.fixture(scope="module")
def served(_shared_actors: Actors) -> Iterator[tuple[ModelServer, dict[str, str]]]:
    """Run a server whose role acts for both tenants, with a key for each."""
    db = _shared_actors.superuser
    name = f"server_{db.info.dbname}"
    db.execute(f'create role "{name}" login'.encode())
    for tenant in ("rouge", "blue"):
        db.execute("select ml.grant_usage(%s, %s, true)", [name, tenant])
    config = DatabaseConfig(db.info.host, db.info.port, db.info.dbname, name)
    with DatabaseConnection(config) as connection:
        manager = create_ml_system(connection, "blue").model_manager
        keys = {tenant: create_api_key(manager, "tests", tenant) for tenant in ("rouge", "blue")}
        with create_model_server(
            manager, "127.0.0.1", 0, max_body_bytes=100_000, timeout_seconds=2, max_concurrent=2, max_waiting=4
        ) as server:
            yield server, keys
    db.execute(f'drop owned by "{name}"; drop role "{name}"'.encode())


def ask(server: ModelServer, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    if "content" in more:
        headers["Content-Type"] = "application/json"
    return httpx.request(method, server.url + path, headers=headers, timeout=30, **more)


def works(server: ModelServer, key: str) -> None:
    """Assert that the server still answers who may ask."""
    answer = ask(server, "POST", "/api/ml/predict/m", key, json=ROW)
    assert (answer.status_code, answer.json()["prediction"]) == (200, "secret of blue")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", [None, "mlk_", "mlk_" + "a" * 43, "' or true --", "x" * 5000, "\u00e9"])
def test_no_route_about_models_answers_without_a_valid_key(
    served: tuple[ModelServer, dict[str, str]], method: str, path: str, key: str | None
) -> None:
    server, keys = served
    header = {} if key is None else {b"authorization": f"Bearer {key}".encode("latin-1")}
    answer = httpx.request(method, server.url + path, headers=header, json=ROW if method == "POST" else None)
    assert answer.status_code == 401, answer.text
    assert "secret" not in answer.text
    works(server, keys["blue"])


def test_a_key_reaches_its_own_tenant_alone(served: tuple[ModelServer, dict[str, str]]) -> None:
    server, keys = served
    assert ask(server, "GET", "/api/ml/models/only%20rouge", keys["rouge"]).status_code == 200
    for method, path in (("GET", "/api/ml/models/only%20rouge"), ("POST", "/api/ml/predict/only%20rouge"),
                         ("POST", "/api/ml/predict_batch/only%20rouge")):  # fmt: skip
        body = {"input_data": [ROW["input_data"]]} if "batch" in path else ROW
        answer = ask(server, method, path, keys["blue"], json=None if method == "GET" else body)
        assert answer.status_code == 404, answer.text
    assert "rouge" not in ask(server, "GET", "/api/ml/models", keys["blue"]).text
    for change in ({"tenant_id": "rouge"}, {"tenant": "rouge"}):
        answer = ask(server, "POST", "/api/ml/predict/only%20rouge", keys["blue"], json=ROW | change, params=change)
        assert answer.status_code in (404, 422)
    headers = {"Authorization": f"Bearer {keys['blue']}", "X-Tenant-Id": "rouge", "X-Forwarded-User": "postgres"}
    answer = httpx.post(server.url + "/api/ml/predict/m", headers=headers, json=ROW)
    assert answer.json()["prediction"] == "secret of blue"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[", b"null", b"1", b'"x"', b"\xff\xfe", b"{" * 50_000, b"[" * 90_000, b'{"a":' * 15_000,
     b'{"input_data": ' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"input_data": {"x": NaN, "w": Infinity}}',
     b'{"input_data": {"x": ' + b"9" * 5000 + b', "w": 0}}', b'{"input_data": {"x": "\\ud800", "w": 0}}',
     b'{"input_data": {"x": 1, "w": {"$gt": 1}}}', b'{"input_data": {"__proto__": {}}}', b"\x80\x04cos\nsystem\n.",
     b'{"input_data": {"x": ' + b"[" * 900 + b"]" * 900 + b', "w": 0}}', b'{"a": ' * 900 + b"1" + b"}" * 900,
     b'{"input_data": {"x": 1, "w": 0, "x": 60}}', b'{"input_data": {"x": 1, "w": 0}, "input_data": {"x": 60, "w": 0}}',
     b'{"input_data": [{"x": 1, "w": 0, "x": 60}]}', b'{"input_data": {"x": 1, "w": "\\u0000"}}',
     b'{"input_data": {"x": 1, "w": 0, "\\u0000": 1}}', b'{"input_data": {"x": 1e400, "w": 0}}',
     b'{"input_data": {"x": -Infinity, "w": 0}}', b'{"input_data": {"x": "\\udc00\\ud800", "w": 0}}',
     b'{"input_data": {"x": 1, "w": 0}, "tenant_id": "rouge"}', b'{"input_data": [1e999, 2]}',
     b'\xef\xbb\xbf{"input_data": {"x": 1, "w": 0}}', b'{"input_data": {"x": 1, "w": 0}} {}',
     b'{"input_data": {"x": 01, "w": 0}}', b'{"input_data": {"x": "\xff", "w": 0}}',
     b'{"input_data": {"x": 1, "w": 0}, "version": 1}', b'{"input_data": {"x": 1, "w": 0}, "version": "1.0.0\\n"}'],
    ids=range(35),
)  # fmt: skip
@pytest.mark.parametrize("route", ["predict", "predict_batch"])
def test_a_malformed_body_is_the_clients_error(
    served: tuple[ModelServer, dict[str, str]], route: str, body: bytes
) -> None:
    server, keys = served
    answer = ask(server, "POST", f"/api/ml/{route}/m", keys["blue"], content=body)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    works(server, keys["blue"])


PATHS = (
    "/api/ml/predict/..%2f..%2fetc",
    "/api/ml/models/m'%20or%20true--",
    "/api/ml/models/%00",
    "/../../etc/passwd",
    "/static/..%2f..%2fpasswd",
    "/api/ml/models/" + "a" * 5000,
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_a_name_and_never_a_file_or_sql(served: tuple[ModelServer, dict[str, str]], path: str) -> None:
    server, keys = served
    assert ask(server, "GET", path, keys["blue"]).status_code in (404, 405, 422)
    works(server, keys["blue"])


def test_a_huge_body_is_refused_before_it_is_read(served: tuple[ModelServer, dict[str, str]]) -> None:
    server, keys = served
    huge = json.dumps({"input_data": {"x": "a" * 200_000}}).encode()
    assert ask(server, "POST", "/api/ml/predict/m", keys["blue"], content=huge).status_code == 413
    assert ask(server, "POST", "/api/ml/predict/m", None, content=huge).status_code == 413
    for announced in ("10000000000000000000000", "-1", "1e9", "0x10"):
        with raw(server, f"Content-Length: {announced}\r\n", keys["blue"]) as client:
            assert client.recv(64).split()[1] in (b"400", b"413")
    works(server, keys["blue"])


def raw(server: ModelServer, header: str, key: str) -> socket.socket:
    """Open a connection and send the head of a request."""
    client = socket.create_connection((server.host, server.port), 30)
    head = f"POST /api/ml/predict/m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{header}\r\n"
    client.sendall(head.encode())
    return client


def test_clients_that_never_send_their_body_are_let_go(served: tuple[ModelServer, dict[str, str]]) -> None:
    server, keys = served
    started = time.monotonic()
    slow = [raw(server, "Content-Length: 50\r\n", keys["blue"]) for _ in range(40)]
    works(server, keys["blue"])
    for client in slow:
        client.settimeout(30)
        assert client.recv(64).split()[1] == b"408"
        client.close()
    assert time.monotonic() - started < 20
    works(server, keys["blue"])


def test_a_body_sent_byte_by_byte_ends_too(served: tuple[ModelServer, dict[str, str]]) -> None:
    server, keys = served
    started = time.monotonic()
    with raw(server, "Content-Length: 1000\r\n", keys["blue"]) as client:
        client.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - started < 20:
            client.sendall(b" ")
            try:
                answer = client.recv(64)
            except TimeoutError:
                continue
    assert answer.split()[1] == b"408"
    works(server, keys["blue"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_do_nothing(served: tuple[ModelServer, dict[str, str]], method: str) -> None:
    server, keys = served
    assert ask(server, method, "/api/ml/models/m", keys["blue"]).status_code in (400, 404, 405)
    works(server, keys["blue"])
