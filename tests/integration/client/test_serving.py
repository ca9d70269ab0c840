"""The serving process over real HTTP, against the real server."""

from __future__ import annotations

import concurrent.futures
import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system, errors
from motadata_ml.model_serving import (
    ModelServer,
    create_api_key,
    create_model_server,
    list_api_keys,
    revoke_api_key,
)


@pytest.fixture(scope="module")
def serving(trained: MLSystem) -> Iterator[ModelServer]:
    with create_model_server(trained.model_manager, "127.0.0.1", 0, max_batch_rows=50) as running:
        yield running


@pytest.fixture(scope="module")
def key(trained: MLSystem) -> str:
    return create_api_key(trained.model_manager, "tests", "default")


@pytest.fixture
def http(serving: ModelServer, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serving.url, headers=_bearer(key), timeout=30) as client:
        yield client


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _row(tickets: pd.DataFrame, position: int = 1) -> dict[str, Any]:
    row = tickets.drop(columns="category").iloc[position]
    return {
        str(name): (None if pd.isna(value) else str(value) if name == "opened" else value)
        for name, value in row.to_dict().items()
    }


def test_prediction_over_http_equals_the_clients(http: httpx.Client, trained: MLSystem, tickets: pd.DataFrame) -> None:
    row = _row(tickets)
    answer = http.post("/api/ml/predict/tickets", json={"input_data": row})
    assert answer.status_code == 200
    assert answer.json() == trained.predict("tickets", row)
    many = http.post("/api/ml/predict_batch/tickets", json={"input_data": [row, row]})
    assert many.status_code == 200, many.text
    assert many.json()["rows"] == 2
    assert many.json()["predictions"][0]["prediction"] == answer.json()["prediction"]


def test_models_are_listed_and_described(http: httpx.Client) -> None:
    assert "tickets" in [model["model_id"] for model in http.get("/api/ml/models").json()["models"]]
    assert http.get("/api/ml/models/tickets").json()["algorithm"] == "LogisticRegression"


def test_process_says_how_it_is(http: httpx.Client, serving: ModelServer) -> None:
    assert httpx.get(serving.url + "/health").json() == {"status": "ok"}
    assert httpx.get(serving.url + "/ready").json() == {"status": "ready"}
    assert 'motadata_ml_requests_total{route="/health",status="200"}' in http.get("/metrics").text
    assert httpx.get(serving.url + "/openapi.json").json()["info"]["title"] == "motadata_ml"
    assert httpx.get(serving.url + "/docs").is_success


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mlk_wrong"}, {"Authorization": "Basic wrong"}])
@pytest.mark.parametrize("path", ["/api/ml/models", "/api/ml/models/tickets", "/metrics"])
def test_without_a_key_there_is_no_answer(serving: ModelServer, headers: dict[str, str], path: str) -> None:
    answer = httpx.get(serving.url + path, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


def test_revoked_and_expired_keys_stop_at_once(serving: ModelServer, trained: MLSystem) -> None:
    manager = trained.model_manager
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    short = create_api_key(manager, "short", expires_at=past)
    assert httpx.get(serving.url + "/api/ml/models", headers=_bearer(short)).status_code == 401
    key = create_api_key(manager, "to revoke")
    assert httpx.get(serving.url + "/api/ml/models", headers=_bearer(key)).status_code == 200
    (found,) = [row for row in list_api_keys(manager) if row["name"] == "to revoke"]
    assert revoke_api_key(manager, found["id"]) is True
    assert httpx.get(serving.url + "/api/ml/models", headers=_bearer(key)).status_code == 401
    assert revoke_api_key(manager, found["id"]) is False


def test_keys_are_stored_as_digests_and_made_by_administrators(
    trained: MLSystem, module_db: psycopg.Connection[Any], key: str, make_role: Any
) -> None:
    stored = module_db.execute("select k::text from ml.api_key k").fetchall()
    assert not [row for row in stored if key in row[0] or key[4:] in row[0]]
    with DatabaseConnection(make_role("shop")) as db, pytest.raises(errors.InsufficientPrivilegeError):
        create_api_key(create_ml_system(db).model_manager, "mine")
    with DatabaseConnection(make_role("shop", admin=True)) as db:
        manager = create_ml_system(db).model_manager
        create_api_key(manager, "mine")
        assert [row["name"] for row in list_api_keys(manager)] == ["mine"]
        with pytest.raises(errors.MLError):
            create_api_key(manager, "theirs", "default")


def test_key_decides_the_tenant(trained: MLSystem, serving: ModelServer, make_role: Any) -> None:
    make_role("apart")
    other = create_api_key(trained.model_manager, "other", "apart")
    headers = _bearer(other)
    assert httpx.get(serving.url + "/api/ml/models", headers=headers).json() == {"models": []}
    assert httpx.get(serving.url + "/api/ml/models/tickets", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/ml/predict/nothing", {"input_data": {"a": 1}}, 404, "model_not_found"),
        ("/api/ml/predict/tickets", {"input_data": {"a": 1}}, 409, "invalid_input"),
        ("/api/ml/predict/tickets", {"input_data": [1, 2]}, 409, "invalid_input"),
        ("/api/ml/predict/tickets", {"input_data": {"a": "\0"}}, 409, "invalid_input"),
        ("/api/ml/predict/tickets", {"input_data": {"a": 10**400}}, 409, "invalid_input"),
        ("/api/ml/predict/tickets", {"rows": 1}, 422, "invalid_request"),
        ("/api/ml/predict/tickets", {"input_data": {"a": 1}, "version": "1"}, 422, "invalid_request"),
        ("/api/ml/predict/tickets", {"input_data": {"a": 1}, "version": "9.9.9"}, 404, "version_not_found"),
        ("/api/ml/predict_batch/tickets", {"input_data": "select 1"}, 422, "invalid_request"),
        ("/api/ml/predict_batch/tickets", {"input_data": []}, 422, "invalid_request"),
        ("/api/ml/predict_batch/tickets", {"input_data": [{"a": 1}] * 51}, 409, "invalid_input"),
        ("/api/ml/predict_batch/tickets", {"input_data": [{"a": 1}, {"b": 1}]}, 409, "invalid_argument"),
        ("/nowhere", {}, 404, "http_error"),
    ],
)
def test_bad_request_is_answered_in_one_form(
    http: httpx.Client, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = http.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]


def test_body_that_is_not_json_is_answered_with_400(http: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert http.post("/api/ml/predict/tickets", content=b"{", headers=headers).status_code == 400


def test_body_beyond_the_limit_is_refused_announced_or_not(trained: MLSystem, key: str) -> None:
    headers = {**_bearer(key), "Content-Type": "application/json"}
    with create_model_server(trained, port=0, max_body_bytes=1000) as server:
        url = server.url + "/api/ml/predict/tickets"
        assert httpx.post(url, content=b"x" * 1001, headers=headers).status_code == 413

        def chunks() -> Iterator[bytes]:
            for _ in range(20):
                yield b"x" * 100

        assert httpx.post(url, content=chunks(), headers=headers).status_code == 413


def test_slow_prediction_is_cancelled_and_answered_with_504(
    trained: MLSystem, key: str, tickets: pd.DataFrame, module_db: psycopg.Connection[Any]
) -> None:
    with create_model_server(trained, port=0, timeout_seconds=0.5) as server, _KeyTableLocked(module_db):
        answer = httpx.get(server.url + "/api/ml/models", headers=_bearer(key), timeout=20)
        assert answer.status_code == 504
    busy = (
        "select count(*) from pg_stat_activity "
        "where state = 'active' and query like '%api_key%' and pid <> pg_backend_pid()"
    )
    time.sleep(0.2)
    assert module_db.execute(busy).fetchall() == [(0,)]


def test_more_requests_than_may_wait_are_turned_away_at_once(
    trained: MLSystem, key: str, module_db: psycopg.Connection[Any]
) -> None:
    with (
        create_model_server(trained, port=0, max_concurrent=1, max_waiting=1) as server,
        concurrent.futures.ThreadPoolExecutor(6) as pool,
    ):

        def ask(_: int) -> httpx.Response:
            return httpx.get(server.url + "/api/ml/models", headers=_bearer(key), timeout=20)

        with _KeyTableLocked(module_db):
            waiting = [pool.submit(ask, n) for n in range(6)]
            time.sleep(1)
        answers = [future.result() for future in waiting]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 503, 503, 503, 503]
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 503)


def test_running_requests_are_finished_at_shutdown(
    trained: MLSystem, key: str, module_db: psycopg.Connection[Any]
) -> None:
    server = create_model_server(trained, port=0).start()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with _KeyTableLocked(module_db):
            future = pool.submit(httpx.get, server.url + "/api/ml/models", headers=_bearer(key), timeout=20)
            time.sleep(0.5)
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            time.sleep(0.3)
        assert future.result().status_code == 200
        stopping.join()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/health")


def test_anonymous_requests_need_a_loopback_host_and_the_option(trained: MLSystem) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="loopback"):
        create_model_server(trained, "0.0.0.0", anonymous_loopback=True)  # noqa: S104 - refused
    with create_model_server(trained, port=0, anonymous_loopback=True) as server:
        assert httpx.get(server.url + "/api/ml/models").status_code == 200
        rebound = httpx.get(server.url + "/api/ml/models", headers={"Host": "evil.example"})
        assert rebound.status_code == 400


def test_unknown_option_and_taken_port_are_refused(trained: MLSystem, serving: ModelServer) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="no option 'speed'"):
        create_model_server(trained, speed=1)  # type: ignore[call-arg]  # a type checker refuses it, too
    with pytest.raises(errors.InvalidArgumentError, match="cannot listen"):
        create_model_server(trained, port=serving.port).start()


def test_answers_conform_to_the_openapi_description(serving: ModelServer, key: str) -> None:
    schema = schemathesis.openapi.from_url(serving.url + "/openapi.json")

    found: Any
    for found in schema.get_all_operations():
        _try_operation(found.ok(), key)


def _try_operation(operation: Any, key: str) -> None:
    """Send generated requests, half of them to a model that exists."""

    @given(case=operation.as_strategy())
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def conforms(case: Any) -> None:
        parameters = case.path_parameters
        if parameters and "model_id" in parameters and len(str(parameters["model_id"])) % 2:
            parameters["model_id"] = "tickets"
        case.call_and_validate(headers=_bearer(key))

    conforms()


def test_ten_thousand_requests_at_8_connections_leave_no_error_and_no_growth(
    serving: ModelServer, key: str, tickets: pd.DataFrame
) -> None:
    body = {"input_data": _row(tickets)}

    def work(count: int) -> list[int]:
        with httpx.Client(base_url=serving.url, headers=_bearer(key), timeout=30) as client:
            return [client.post("/api/ml/predict/tickets", json=body).status_code for _ in range(count)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {status for part in pool.map(work, [40] * 8) for status in part} == {200}
        before = _resident_bytes()
        assert {status for part in pool.map(work, [1250] * 8) for status in part} == {200}
    assert _resident_bytes() - before < 20 * 1024 * 1024


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class _KeyTableLocked:
    """Hold a lock that makes every look-up of a key wait."""

    def __init__(self, module_db: psycopg.Connection[Any]) -> None:
        info = module_db.info
        config = DatabaseConfig(info.host, info.port, info.dbname, info.user, info.password or None)
        self._connection = psycopg.connect(config.conninfo())

    def __enter__(self) -> None:
        self._connection.execute("lock table ml.api_key in access exclusive mode")

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()
