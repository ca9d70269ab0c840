"""Keys of the serving process: checked before bodies, limited by their scope, and what each shows of others."""

from __future__ import annotations

import concurrent.futures
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, create_ml_system
from motadata_ml.model_serving import ModelServer, create_api_key, create_model_server, list_api_keys, revoke_api_key
from motadata_ml.model_serving._limits import HEAD_BYTES
from tests.security.conftest import Actors

PROCESS_KEY = "the process is run by whoever knows this"
ROW = {"input_data": {"x": 60, "w": 0}}
PREDICT = "/api/ml/predict/m"


@dataclass(frozen=True)
class Served:
    """A server, and keys of each scope by tenant."""

    server: ModelServer
    keys: dict[tuple[str, str], str]
    manager: Any
    role: str

    def ask(self, method: str, path: str, key: str | None, **more: Any) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.request(method, self.server.url + path, headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def served(_shared_actors: Actors) -> Iterator[Served]:
    db = _shared_actors.superuser
    role = f"keeper_{db.info.dbname}"
    db.execute(f'create role "{role}" login'.encode())
    for tenant in ("rouge", "blue"):
        db.execute("select ml.grant_usage(%s, %s, true)", [role, tenant])
    with DatabaseConnection(DatabaseConfig(db.info.host, db.info.port, db.info.dbname, role)) as connection:
        manager = create_ml_system(connection, "blue").model_manager
        keys = {
            (tenant, scope): create_api_key(manager, f"{scope} of {tenant}", tenant, scope=scope)
            for tenant in ("rouge", "blue")
            for scope in ("predict", "read", "admin")
        }
        with create_model_server(
            manager,
            port=0,
            timeout_seconds=20,
            max_concurrent=4,
            max_waiting=8,
            process_key=PROCESS_KEY,
            max_body_bytes=4_000_000,
        ) as server:
            yield Served(server, keys, manager, role)
    db.execute(f'drop owned by "{role}"; drop role "{role}"'.encode())


def head(served: Served, *lines: str) -> socket.socket:
    """Open a connection and send the head of a request, without a body."""
    client = socket.create_connection((served.server.host, served.server.port), 30)
    client.sendall("\r\n".join([f"POST {PREDICT} HTTP/1.1", "Host: x", *lines, "", ""]).encode())
    return client


@pytest.mark.parametrize("key", ["mlk_" + "a" * 43, "", "mlk_ a", "a" * 20_000])
def test_a_wrong_key_is_refused_before_a_byte_of_the_body_is_there(served: Served, key: str) -> None:
    started = time.monotonic()
    lines = [f"Authorization: Bearer {key}", "Content-Length: 1000000", "Content-Type: application/json"]
    with head(served, *lines, "Expect: 100-continue") as client:
        answer = client.recv(4096)
        assert answer.split()[1] == b"401"
        assert b"100 Continue" not in answer
        client.settimeout(5)
        rest = answer
        while chunk := client.recv(4096):
            rest += chunk
        assert b"connection: close" in rest.lower()
    assert time.monotonic() - started < 5


def test_two_keys_in_one_request_are_none(served: Served) -> None:
    mine, theirs = served.keys["blue", "read"], served.keys["rouge", "read"]
    lines = [f"Authorization: Bearer {mine}", f"Authorization: Bearer {theirs}", "Content-Length: 0"]
    with head(served, *lines) as client:
        assert client.recv(64).split()[1] == b"401"


def test_a_key_that_was_just_used_stops_with_its_revocation(served: Served) -> None:
    key = create_api_key(served.manager, "short", "blue", scope="predict")
    assert served.ask("POST", PREDICT, key, json=ROW).status_code == 200
    (found,) = [row for row in list_api_keys(served.manager, "blue") if row["name"] == "short"]
    assert revoke_api_key(served.manager, found["id"], "blue")
    for _ in range(3):
        assert served.ask("POST", PREDICT, key, json=ROW).status_code == 401
        assert served.ask("POST", "/api/ml/predict_batch/m", key, json={"input_data": [[1, 2]]}).status_code == 401
        assert served.ask("GET", "/metrics", key).status_code == 401


def test_a_predict_key_learns_what_predictions_take_and_give_alone(served: Served) -> None:
    told = served.ask("GET", "/api/ml/models/m", served.keys["blue", "predict"])
    assert told.status_code == 200
    assert set(told.json()) == {"model_id", "model_type", "version", "classes", "label_type", "features"}
    assert told.json()["features"] == [{"name": "x", "source": "number"}, {"name": "w", "source": "number"}]
    listed = served.ask("GET", "/api/ml/models", served.keys["blue", "predict"])
    assert listed.json()["models"] == [{"model_id": "m", "model_type": "classification", "deployed_version": "1.0.0"}]
    for text in (told.text, listed.text):
        assert not re.search(r"select|generate_series|trained_by|blue_own|hyperparameters|metrics", text)
    whole = served.ask("GET", "/api/ml/models/m", served.keys["blue", "read"]).json()
    assert "training_query" in whole or "trained_by" in whole


def test_only_an_admin_key_changes_what_is_deployed(served: Served, actors: Actors) -> None:
    deployed = "select deployed_version from ml.models where tenant_id = 'rouge' and model_id = 'm'"
    assert actors.superuser.execute(deployed).fetchone() == ("1.1.0",)
    for scope in ("predict", "read"):
        key = served.keys["rouge", scope]
        for path, body in (("deploy", {"version": "1.0.0"}), ("rollback", None)):
            assert served.ask("POST", f"/api/ml/models/m/{path}", key, json=body).status_code == 403
    assert actors.superuser.execute(deployed).fetchone() == ("1.1.0",)
    key = served.keys["rouge", "admin"]
    answer = served.ask("POST", "/api/ml/models/m/deploy", key, json={"version": "1.0.0"})
    assert (answer.status_code, answer.json()) == (200, {"model_id": "m", "version": "1.0.0"})
    assert served.ask("POST", PREDICT, key, json=ROW).json()["model_version"] == "1.0.0"
    assert served.ask("POST", "/api/ml/models/m/rollback", key).json()["version"] == "1.1.0"
    assert served.ask("POST", "/api/ml/models/m/deploy", key, json={"version": "9.0.0"}).status_code == 404
    foreign = served.keys["blue", "admin"]
    assert served.ask("POST", "/api/ml/models/only%20rouge/rollback", foreign).status_code == 404


def test_metrics_show_a_tenant_its_own_and_all_to_who_runs_the_process(served: Served) -> None:
    for _ in range(3):
        served.ask("POST", PREDICT, served.keys["rouge", "predict"], json=ROW)
    served.ask("GET", "/api/ml/models/only%20rouge", served.keys["rouge", "read"])
    route = 'route="/api/ml/predict/{model_id}",status="200"'
    own = served.ask("GET", "/metrics", served.keys["rouge", "predict"]).text
    assert int(re.findall(re.escape(route) + r"} (\d+)", own)[0]) >= 3
    before = served.ask("GET", "/metrics", served.keys["blue", "admin"]).text
    served.ask("POST", PREDICT, served.keys["rouge", "predict"], json=ROW)
    after = served.ask("GET", "/metrics", served.keys["blue", "admin"]).text
    assert "rouge" not in after
    assert [line for line in before.splitlines() if "predict" in line] == [
        line for line in after.splitlines() if "predict" in line
    ]
    every = served.ask("GET", "/metrics", PROCESS_KEY).text
    assert f'tenant="rouge",{route}' in every
    assert 'tenant="blue"' in every


@pytest.mark.parametrize("path", ["/api/ml/models", "/api/ml/models/m", "/nowhere"])
def test_the_key_of_the_process_opens_metrics_alone(served: Served, path: str) -> None:
    assert served.ask("GET", path, PROCESS_KEY).status_code == 401
    assert served.ask("POST", PREDICT, PROCESS_KEY, json=ROW).status_code == 401
    assert served.ask("GET", "/metrics", PROCESS_KEY[:-1]).status_code == 401


def test_hints_speak_http_and_messages_name_no_roles_and_tables(served: Served, actors: Actors) -> None:
    key = served.keys["blue", "admin"]
    answers = [
        served.ask("POST", "/api/ml/predict/none", key, json=ROW),
        served.ask("POST", PREDICT, key, json=ROW | {"version": "9.9.9"}),
        served.ask("POST", PREDICT, key, json={"input_data": {"x": 1}}),
        served.ask("POST", PREDICT, key, json={"input_data": [1]}),
        served.ask("POST", "/api/ml/predict_batch/m", key, json={"input_data": [{"x": 1}, {"x": 2}]}),
        served.ask("POST", "/api/ml/predict_batch/m", key, json={"input_data": [[1]] * 10_001}),
        served.ask("GET", "/api/ml/models/none", key),
        served.ask("POST", "/api/ml/models/m/rollback", key),
        served.ask("POST", "/api/ml/models/m/rollback", served.keys["blue", "read"]),
        served.ask("POST", PREDICT, key, json={}),
        served.ask("POST", PREDICT, key, content=b"{"),
        served.ask("POST", PREDICT, None, json=ROW),
    ]
    db = actors.superuser
    db.execute(f'revoke execute on function ml.list_models from "{served.role}"'.encode())
    try:
        answers.append(served.ask("GET", "/api/ml/models", key))
    finally:
        db.execute(f'grant execute on function ml.list_models to "{served.role}"'.encode())
    for answer in answers:
        assert 400 <= answer.status_code < 500, answer.text
        error = answer.json()["error"]
        assert not re.search(r"\bml\.|select |grant|=>|plpy|alter ", json.dumps(error), re.IGNORECASE), error
        assert served.role not in answer.text


def test_one_tenants_load_does_not_starve_another(served: Served) -> None:
    rows = json.dumps({"input_data": [[n % 100, 0.5] for n in range(10_000)]}).encode()
    rouge, blue = served.keys["rouge", "predict"], served.keys["blue", "predict"]
    headers = {"Authorization": f"Bearer {rouge}", "Content-Type": "application/json"}
    url = served.server.url + "/api/ml/predict_batch/m"
    until = time.monotonic() + 8

    def flood(_: int) -> set[int]:
        seen = set()
        while time.monotonic() < until:
            seen.add(httpx.post(url, content=rows, headers=headers, timeout=30).status_code)
        return seen

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        floods = [pool.submit(flood, n) for n in range(12)]
        time.sleep(1)
        answers = []
        while time.monotonic() < until - 1:
            answers.append(served.ask("POST", PREDICT, blue, json=ROW))
        statuses = set().union(*(future.result() for future in floods))
    assert {answer.status_code for answer in answers} == {200}, "the other tenant is served, never turned away"
    assert len(answers) >= 3
    assert statuses <= {200, 503}
    assert 503 in statuses, "the flood is bounded by its own share"


def test_unknown_keys_do_not_starve_those_that_count(served: Served) -> None:
    blue = served.keys["blue", "predict"]
    until = time.monotonic() + 4

    def knock(n: int) -> None:
        count = 0
        while time.monotonic() < until:
            count += 1
            served.ask("POST", PREDICT, f"mlk_{n}_{count}", json=ROW)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for n in range(16):
            pool.submit(knock, n)
        statuses = []
        while time.monotonic() < until - 0.5:
            statuses.append(served.ask("POST", PREDICT, blue, json=ROW).status_code)
    assert set(statuses) == {200}


def sent_until_closed(client: socket.socket, most: int) -> int:
    """Send until the other side closes, and return how many bytes it took."""
    for sent in range(0, most, 4096):
        try:
            client.sendall(b"a" * 4096)
        except OSError:
            return sent
        time.sleep(0.001)
    return most


def test_a_head_without_an_end_is_let_go(served: Served) -> None:
    with socket.create_connection((served.server.host, served.server.port), 30) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert sent_until_closed(client, 100 * HEAD_BYTES) < 20 * HEAD_BYTES
    assert served.ask("GET", "/health", None).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_what_a_page_of_another_site_may_send_is_no_json(served: Served, kind: str) -> None:
    headers = {"Authorization": f"Bearer {served.keys['blue', 'predict']}", "Content-Type": kind}
    answer = httpx.post(served.server.url + PREDICT, content=json.dumps(ROW), headers=headers)
    assert answer.status_code == 415


def test_the_page_of_docs_needs_nothing_from_elsewhere(served: Served) -> None:
    page = served.ask("GET", "/docs", None)
    assert page.status_code == 200
    assert not re.search(r"<script|https?:|//|<link|<img|@import|url\(", page.text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "/api/ml/predict/{model_id}" in page.text
    with create_model_server(served.manager, port=0, docs=False) as closed:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert httpx.get(closed.url + path).status_code in (401, 404)
