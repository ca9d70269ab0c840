"""Stored models that were exchanged: by users, who cannot, and with the owner's rights and every digest made to fit."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from onnx import TensorProto, helper

from motadata_ml_server.models.artifacts import digest_of
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel
from tests.security.conftest import Actors, Session, refusal, state


def plant(db: Session, model_id: str, kind: str, data: bytes) -> None:
    """Exchange an artifact as an attacker with all rights on the tables would, every digest made to fit.

    Trees in a form of their own serve before any other form: they go, so that the one planted is read.
    """
    found = db.execute(
        "select v.id from ml.model_version v join ml.model m on m.deployed_version_id = v.id "
        "where m.tenant_id = 'rouge' and m.model_id = %s",
        [model_id],
    ).fetchone()
    assert found
    version = found[0]
    unread = [kind] if kind == "plan" else [kind, "trees"]
    db.execute("delete from ml.artifact where version_id = %s and kind = any (%s)", [version, unread])
    db.execute(
        "insert into ml.artifact (version_id, kind, chunk, digest, data) values (%s, %s, 0, %s, %s)",
        [version, kind, hashlib.sha256(data).hexdigest(), data],
    )
    digests = db.execute("select kind, digest from ml.artifact where version_id = %s and chunk = 0", [version])
    db.execute(
        "update ml.model_version set digest = %s, runtime = case when %s then runtime else "
        "jsonb_set(runtime, '{name}', to_jsonb(%s::text)) end where id = %s",
        [digest_of([(row[0], row[1]) for row in digests.fetchall()]), kind in ("plan", "trees"), kind, version],
    )


def onnx(node: Any = None, weights: TensorProto | None = None) -> bytes:
    """Return a model of one node."""
    graph = helper.make_graph(
        [node or helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        initializer=[weights] if weights else [],
    )
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    return content


def outside(path: str) -> TensorProto:
    """Return a tensor whose data lies in a file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", path
    return tensor


def skops(schema: Any, **files: bytes) -> bytes:
    """Return an archive with a description."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def node(module: str, name: str, loader: str, **more: Any) -> dict[str, Any]:
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, "content": {}, **more}


def trees(features: int = 2, **changed: list[int]) -> bytes:
    """Return a tree of one split and two leaves in its stored form, with arrays exchanged."""
    arrays: dict[str, Any] = {
        "starts": np.array([0, 3]),
        "feature": np.zeros(3, np.int32),
        "threshold": np.zeros(3),
        "left": np.array([1, -1, -1], np.int32),
        "right": np.array([2, -1, -1], np.int32),
        "missing_left": np.zeros(3, np.uint8),
        "values": np.ones((3, 1)),
    }
    arrays |= {name: np.array(values, np.int32) for name, values in changed.items()}
    return TreeModel(features, 1, "logit", 1.0, arrays).to_bytes()


def bomb() -> bytes:
    """Return an archive of a megabyte that unpacks to a gigabyte, more than it may at that ratio."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "[" + " " * (300 << 20) + "]")
    return target.getvalue()


class Touch:
    """What a pickle runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.path), "w")


CANARY = Path("/tmp/motadata_ml_artifact_was_run")  # noqa: S108 - nothing may ever write it

FORGED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("skops", lambda: b""),
    "pickle": ("skops", lambda: pickle.dumps(Touch(CANARY))),
    "pickle for linear": ("linear", lambda: pickle.dumps(Touch(CANARY))),
    "pickle for onnx": ("onnx", lambda: pickle.dumps(Touch(CANARY))),
    "pickle in an archive": (
        "skops",
        lambda: skops(node("builtins", "dict", "JsonNode", content="x"), **{"a.pkl": pickle.dumps(Touch(CANARY))})[:-8],
    ),
    "function": ("skops", lambda: skops(node("os", "system", "FunctionNode"))),
    "type": ("skops", lambda: skops(node("subprocess", "Popen", "TypeNode"))),
    "object": ("skops", lambda: skops(node("antigravity", "Trap", "ObjectNode"))),
    "reduce": ("skops", lambda: skops(node("builtins", "eval", "ReduceNode"))),
    "method": ("skops", lambda: skops(node("sklearn.svm._classes", "SVC", "MethodNode"))),
    "partial": ("skops", lambda: skops(node("functools", "partial", "PartialNode"))),
    "zip bomb": ("skops", bomb),
    "external data": ("onnx", lambda: onnx(weights=outside("/etc/passwd"))),
    "external data beside": ("onnx", lambda: onnx(weights=outside("PG_VERSION"))),
    "custom operator": ("onnx", lambda: onnx(helper.make_node("Run", ["x"], ["y"], domain="com.example"))),
    "unknown operator": ("onnx", lambda: onnx(helper.make_node("NoSuchOperator", ["x"], ["y"]))),
    "huge tensor": (
        "onnx",
        lambda: onnx(weights=TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40], raw_data=b"\0" * 8)),
    ),
    "linear of another format": ("linear", lambda: json.dumps({"format": 99}).encode()),
    "grouped of another format": ("grouped", lambda: (2).to_bytes(8, "little") + b"{}"),
    "grouped, head beyond the end": ("grouped", lambda: (1 << 60).to_bytes(8, "little") + b"{}"),
    "pickle for trees": ("trees", lambda: pickle.dumps(Touch(CANARY))),
    "trees, head beyond the end": ("trees", lambda: (1 << 60).to_bytes(8, "little") + b"{}"),
    "trees that walk in a circle": ("trees", lambda: trees(left=[0, -1, -1])),
    "trees that leave their arrays": ("trees", lambda: trees(left=[1 << 30, -1, -1])),
    "trees of a feature that is none": ("trees", lambda: trees(feature=[7, 0, 0])),
    "trees of endless features": ("trees", lambda: trees(features=1 << 40)),
    "plan of another format": ("plan", lambda: json.dumps({"version": 99, "columns": []}).encode()),
    "plan that is none": ("plan", lambda: b"\x80\x04."),
    "plan without columns": ("plan", lambda: b"{}"),
    "plan of a list": ("plan", lambda: b"[]"),
    "plan nested": ("plan", lambda: b"[" * 100_000),
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_artifact_is_refused_and_runs_nothing(actors: Actors, attack: str) -> None:
    kind, make = FORGED[attack]
    db = actors.superuser
    before = state(db)
    with db.transaction(force_rollback=True):
        plant(db, "only rouge", kind, make())
        db.execute("select ml.cache_clear()")
        with pytest.raises(psycopg.Error) as caught, db.transaction():
            db.execute("select ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')")
        assert caught.value.sqlstate == "ML018", str(caught.value)
        assert db.execute("select 1").fetchone() == (1,)
    assert not CANARY.exists()
    assert state(db) == before
    db.execute("select ml.cache_clear()")
    assert actors.red.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of rouge",)


@pytest.mark.parametrize(
    "damage",
    [
        "update ml.artifact set data = substring(data for length(data) - 1)",
        "update ml.artifact set data = data || data",
        "update ml.artifact set data = set_byte(data, 0, get_byte(data, 0) # 1)",
        "update ml.artifact set chunk = chunk + 1",
        "update ml.artifact set digest = encode(sha256(data || 'x'), 'hex')",
        "update ml.artifact set kind = 'other' where kind = 'profile'",
        "delete from ml.artifact where kind = 'plan'",
        """update ml.artifact a set data = b.data, digest = b.digest from ml.artifact b, ml.model_version v,
            ml.model_version w where v.id = a.version_id and w.id = b.version_id and a.kind = b.kind
            and v.tenant_id <> w.tenant_id""",
    ],
)
def test_bytes_that_do_not_fit_their_digest_are_refused(actors: Actors, damage: str) -> None:
    db = actors.superuser
    with db.transaction(force_rollback=True):
        db.execute(damage.encode())
        db.execute("select ml.cache_clear()")
        with pytest.raises(psycopg.Error, match="digest") as caught, db.transaction():
            db.execute("select ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')")
        assert caught.value.sqlstate == "ML018"


@pytest.mark.parametrize(
    "attempt",
    [
        "select data from ml.artifact",
        "select count(*) from ml.artifact",
        "insert into ml.artifact select * from ml.artifact",
        "insert into ml.artifact (version_id, kind, chunk, digest, data) values (1, 'skops', 0, '', '')",
        "update ml.artifact set data = ''",
        "delete from ml.artifact",
        "truncate ml.artifact",
        "copy ml.artifact to stdout",
        "create table blue_own.copy as table ml.artifact",
        "do $$ begin create view blue_own.peek as select * from ml.artifact; perform * from blue_own.peek; end $$",
        "create rule r as on insert to ml.artifact do nothing",
        "alter table ml.artifact disable row level security",
    ],
)
def test_users_neither_read_nor_write_artifacts(actors: Actors, attempt: str) -> None:
    before = state(actors.superuser)
    assert refusal(actors.blue, attempt).sqlstate in ("42501", "0A000")
    assert refusal(actors.chief, attempt).sqlstate in ("42501", "0A000")
    assert state(actors.superuser) == before
