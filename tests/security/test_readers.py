"""The readers of stored bytes, given random bytes and changes of good ones: accepted whole, or the artifact error."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from motadata_ml_server import _native
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.background import Background
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.profile import Profile
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.onnx_intake import check_onnx
from motadata_ml_server.persistence.skops_store import dump, load
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel
from motadata_ml_server.worker.compile.compare import compile_estimator

X = np.arange(60, dtype=np.float64).reshape(30, 2) % 7
Y = (X[:, 0] > 3).astype(int)
FOREST = dump(RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y))
BOOSTED = dump(HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2, random_state=0).fit(X, Y))
ONNX: bytes = to_onnx(LogisticRegression().fit(X, Y), X[:1]).SerializeToString()
GROUPED = GroupedModels(
    "classification", 2, {0: GroupModel("linear", b"{}", [0, 1]), 1: GroupModel("onnx", ONNX, [1])}
).to_bytes()
TREES = compile_estimator(RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y), "classification", X).trees
LINEAR = LinearModel(np.ones((1, 2)), np.zeros(1), "logistic", {}).to_bytes()
BACKGROUND = Background({-1: np.ones(2)}, {0: np.ones((3, 2))}).to_bytes()
PLAN = json.dumps({"version": 1, "columns": [{"name": "x", "kind": "number", "source": "number", "width": 1}]}).encode()
PROFILE = json.dumps(
    {"version": 1, "columns": [{"name": "x", "kind": "number", "edges": [1.0], "categories": [], "counts": [1, 2]}]}
).encode()

READERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "forest": (load, FOREST),
    "boosted": (load, BOOSTED),
    "onnx": (check_onnx, ONNX),
    "trees": (lambda data: TreeModel.from_bytes(data).open(_native.loops()), TREES),
    "grouped": (GroupedModels.from_bytes, GROUPED),
    "background": (Background.from_bytes, BACKGROUND),
    "linear": (LinearModel.from_bytes, LINEAR),
    "plan": (lambda data: read_json(data, "feature plan", FeaturePlan.from_json), PLAN),
    "profile": (lambda data: read_json(data, "profile", Profile.from_json), PROFILE),
}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["os", "system", "builtins", "eval", "ObjectNode", "FunctionNode", "TreeNode",
                     "JsonNode", "../x.npy"]),
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def accepted_or_refused(read: Callable[[bytes], Any], data: bytes) -> Any:
    """Read, letting the artifact error alone pass."""
    try:
        return read(data)
    except ArtifactError:
        return None


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes(name: str, data: st.DataObject) -> None:
    read, good = READERS[name]
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(changed) - 1)))
        how = data.draw(st.sampled_from(["set", "cut", "insert", "repeat"]))
        if how == "set" and changed:
            changed[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del changed[at : at + data.draw(st.integers(1, 50))]
        elif how == "insert":
            changed[at:at] = data.draw(st.binary(max_size=20))
        else:
            changed[at:at] = changed[at : at + 40]
    accepted_or_refused(read, bytes(changed))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes(name: str, data: bytes) -> None:
    accepted_or_refused(READERS[name][0], data)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to every value inside a value."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((*path, key))
        found += places(inner, (*path, key))
    return found


def changed_json(good: Any, data: st.DataObject) -> Any:
    """Return a value some of whose parts are others."""
    changed = copy.deepcopy(good)
    for _ in range(data.draw(st.integers(1, 3))):
        paths = places(changed)
        if not paths:
            break
        *way, last = data.draw(st.sampled_from(paths))
        holder = changed
        for key in way:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[last]
        else:
            holder[last] = data.draw(values)
    return changed


@pytest.mark.parametrize("name", ["linear", "plan", "profile"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_json(name: str, data: st.DataObject) -> None:
    read, good = READERS[name]
    accepted_or_refused(read, json.dumps(changed_json(json.loads(good), data)).encode())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_head_of_a_model_per_group(data: st.DataObject) -> None:
    length = int.from_bytes(GROUPED[:8], "little")
    head = json.dumps(changed_json(json.loads(GROUPED[8 : 8 + length]), data)).encode()
    read = accepted_or_refused(GroupedModels.from_bytes, len(head).to_bytes(8, "little") + head + GROUPED[8 + length :])
    if read is not None:
        assert all(len(model.payload) <= len(GROUPED) for model in read.models.values())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_head_of_trees(data: st.DataObject) -> None:
    length = int.from_bytes(TREES[:8], "little")
    head = json.dumps(changed_json(json.loads(TREES[8 : 8 + length]), data)).encode()
    changed = len(head).to_bytes(8, "little") + head + TREES[8 + length :]
    accepted_or_refused(lambda stored: TreeModel.from_bytes(stored).open(_native.loops()), changed)


@pytest.mark.parametrize("stored", [FOREST, BOOSTED], ids=["forest", "boosted"])
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_changed_description_of_an_estimator(stored: bytes, data: st.DataObject) -> None:
    """What the audit lets pass is an estimator of scikit-learn or plain data, never another object."""
    source, target = zipfile.ZipFile(io.BytesIO(stored)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "schema.json":
                content = json.dumps(changed_json(json.loads(content), data)).encode()
            archive.writestr(entry.filename, content)
    read = accepted_or_refused(load, target.getvalue())
    assert read is None or type(read).__module__.partition(".")[0] in ("sklearn", "numpy", "builtins", "collections")
