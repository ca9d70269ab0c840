"""Runs to an MLflow server, over its REST interface (version 2.0)."""

from __future__ import annotations

import base64
import datetime
import json
import math
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPMessage
from typing import IO, Any

from motadata_ml._calls import Row
from motadata_ml.errors import InvalidArgumentError, MLError

_TAG = "motadata_ml.run_id"
_BATCH = 100
"""MLflow takes no more parameters in one request."""
_LONGEST = 6000
"""MLflow takes no longer parameter, in characters."""


class MlflowError(MLError):
    """The MLflow server could not be reached or refused a request."""

    condition = "mlflow_error"


def export(tracking_uri: str, experiment: str, rows: Sequence[Row], history: Mapping[str, Sequence[Row]]) -> int:
    """Create what is missing, and return how many runs that were.

    Parameters
    ----------
    tracking_uri : str
        The server.
    experiment : str
        Found or created by its name.
    rows : sequence of mapping
        Ended runs.
    history : mapping
        Every logged value of a run, by its id; trainings have their metrics only.
    """
    server = _Server(tracking_uri)
    experiment_id = server.experiment(experiment)
    there = server.exported(experiment_id)
    new = [row for row in rows if row["run_id"] not in there]
    for row in new:
        _export_one(server, experiment_id, row, history.get(row["run_id"], ()))
    return len(new)


def _export_one(server: _Server, experiment_id: str, row: Row, history: Sequence[Row]) -> None:
    """Create one run; the tag that marks it as exported comes last."""
    created = server.post(
        "runs/create",
        {
            "experiment_id": experiment_id,
            "run_name": row["name"] or f"run {row['run_id']}",
            "start_time": _milliseconds(row["started_at"]),
            "tags": [{"key": "mlflow.user", "value": row["created_by"]}],
        },
    )
    run_id = created["run"]["info"]["run_id"]
    ended = _milliseconds(row["ended_at"])
    metrics = [
        {"key": m["name"], "value": m["value"], "timestamp": _milliseconds(m["logged_at"]), "step": m["step"]}
        for m in history
        if math.isfinite(m["value"])
    ] or [
        {"key": name, "value": value, "timestamp": ended, "step": 0}
        for name, value in row["metrics"].items()
        if isinstance(value, int | float)
    ]
    params = [{"key": name, "value": _text(value)} for name, value in row["params"].items()]
    tags = [{"key": name, "value": _text(value)} for name, value in row["tags"].items()]
    for kind, items in (("metrics", metrics), ("params", params), ("tags", tags)):
        for start in range(0, len(items), _BATCH):
            server.post("runs/log-batch", {"run_id": run_id, kind: items[start : start + _BATCH]})
    status = "FINISHED" if row["status"] == "finished" else "FAILED"
    server.post("runs/update", {"run_id": run_id, "status": status, "end_time": ended})
    server.post("runs/set-tag", {"run_id": run_id, "key": _TAG, "value": row["run_id"]})


class _SameServerOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to another server: the login, and the runs, would go along."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request to the new address, where that is on the server that was named."""
        if _origin(newurl) != _origin(req.full_url):
            fp.close()
            there = urllib.parse.urlsplit(newurl)
            raise MlflowError(
                f"MLflow at {_origin(req.full_url)} redirects to another server, {there.scheme}://{there.netloc}",
                hint="name that one as tracking_uri, where you trust it with the login and the runs",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(url: str) -> str:
    """Return scheme, host and port of an address, written in one way."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class _Server:
    """An MLflow server."""

    def __init__(self, tracking_uri: str) -> None:
        scheme = urllib.parse.urlsplit(tracking_uri).scheme
        if scheme not in {"http", "https"}:
            raise InvalidArgumentError(
                f"tracking_uri must begin with http:// or https://, got {tracking_uri!r}",
                hint="start a server: mlflow server --port 5000",
            )
        self._root = tracking_uri.rstrip("/") + "/api/2.0/mlflow/"
        self._headers = {"Content-Type": "application/json", **_authorization()}
        self._opener = urllib.request.build_opener(_SameServerOnly)

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, created if need be."""
        query = urllib.parse.urlencode({"experiment_name": name})
        try:
            found = self._send(f"experiments/get-by-name?{query}", None)
        except MlflowError as error:
            if "RESOURCE_DOES_NOT_EXIST" not in (error.detail or ""):
                raise
            return str(self.post("experiments/create", {"name": name})["experiment_id"])
        return str(found["experiment"]["experiment_id"])

    def exported(self, experiment_id: str) -> set[str]:
        """Return the ids of the runs that were exported before."""
        return {
            tag["value"]
            for run in self._runs(experiment_id)
            for tag in run["data"].get("tags", ())
            if tag["key"] == _TAG
        }

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer."""
        return self._send(path, json.dumps(body).encode())

    def _runs(self, experiment_id: str) -> Iterator[dict[str, Any]]:
        """Yield the runs of an experiment, page by page."""
        body: dict[str, Any] = {"experiment_ids": [experiment_id], "max_results": 1000}
        while True:
            page = self.post("runs/search", body)
            yield from page.get("runs", ())
            if not page.get("next_page_token"):
                return
            body["page_token"] = page["next_page_token"]

    def _send(self, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(self._root + path, body, self._headers)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=60) as answer:
                found: dict[str, Any] = json.loads(answer.read() or b"{}")
                return found
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise MlflowError(
                f"MLflow refused {path.partition('?')[0]}: {error.code}",
                hint="see the detail; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD log in",
                detail=text[:2000],
            ) from error
        except (OSError, ValueError) as error:
            raise MlflowError(
                f"no MLflow server answers at {self._root}: {error}", hint="check tracking_uri"
            ) from error


def _authorization() -> dict[str, str]:
    """Return the login as MLflow's own client takes it from the environment."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if token:
        return {"Authorization": f"Bearer {token}"}
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{part}") for part in ("USERNAME", "PASSWORD"))
    if user and password:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {}


def _milliseconds(moment: datetime.datetime) -> int:
    """Return a moment as MLflow counts it."""
    return round(moment.timestamp() * 1000)


def _text(value: Any) -> str:
    """Return a parameter as text."""
    return (value if isinstance(value, str) else json.dumps(value))[:_LONGEST]
