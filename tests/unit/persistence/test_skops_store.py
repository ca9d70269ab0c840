"""What is stored can be read back; what was not stored by us is refused before it is built."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import Birch, BisectingKMeans, KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, PoissonRegressor, SGDClassifier, TweedieRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from motadata_ml_server.errors import ArtifactError, UnsupportedOperationError
from motadata_ml_server.persistence.skops_store import dump, load
from motadata_ml_server.persistence.trusted import TRUSTED_GROUPS, TRUSTED_TYPES

X, y = load_iris(return_X_y=True)
TREE = dump(DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y))


def rewritten(data: bytes, edit: Callable[[dict[str, Any]], None]) -> bytes:
    """Return an archive whose description has been edited."""
    source = zipfile.ZipFile(io.BytesIO(data))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "schema.json":
                schema = json.loads(content)
                edit(schema)
                content = json.dumps(schema).encode()
            archive.writestr(entry.filename, content)
    return target.getvalue()


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=1000),
        SGDClassifier(random_state=0),
        PoissonRegressor(max_iter=1000),
        TweedieRegressor(max_iter=1000),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
        IsolationForest(n_estimators=5, random_state=0),
        GaussianProcessClassifier(random_state=0),
        KNeighborsClassifier(),
        MLPClassifier((4,), tol=0.1, random_state=0),
        KMeans(3, random_state=0),
        BisectingKMeans(3, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_round_trip_predicts_the_same(estimator: Any) -> None:
    fitted = estimator.fit(X, y)
    assert np.array_equal(load(dump(fitted)).predict(X), fitted.predict(X))


def test_every_trusted_type_exists_in_the_installed_libraries() -> None:
    import importlib

    for name in TRUSTED_TYPES:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_every_group_of_trusted_types_gives_its_reason() -> None:
    assert all(reason and names for reason, names in TRUSTED_GROUPS.values())


def test_dump_refuses_an_estimator_that_cannot_be_stored() -> None:
    with pytest.raises(UnsupportedOperationError, match="Birch"):
        dump(Birch().fit(X))


def test_load_refuses_an_untrusted_type_before_importing_it(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "motadata_trap.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)

    def set_trap(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["criterion"] = {
            "__class__": "Trap",
            "__module__": "motadata_trap",
            "__loader__": "ObjectNode",
            "__id__": 1,
        }

    with pytest.raises(ArtifactError, match=r"motadata_trap\.Trap"):
        load(rewritten(TREE, set_trap))
    assert "motadata_trap" not in sys.modules


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("builtins", "getattr")],
)
def test_load_refuses_functions_that_run_code(module: str, name: str) -> None:
    def call(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["criterion"] = {
            "__class__": name,
            "__module__": module,
            "__loader__": "FunctionNode",
            "__id__": 1,
        }

    with pytest.raises(ArtifactError, match=name):
        load(rewritten(TREE, call))


@pytest.mark.parametrize("loader", ["MethodNode", "PartialNode", "OperatorFuncNode", "NoSuchNode"])
def test_load_refuses_loaders_that_name_code(loader: str) -> None:
    def relabel(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["criterion"]["__loader__"] = loader

    with pytest.raises(ArtifactError, match=loader):
        load(rewritten(TREE, relabel))


def test_load_refuses_an_archive_that_unpacks_to_far_more_than_it_has() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(3):
            archive.writestr(f"{at}.npy", b"\0" * (40 << 20))
        archive.writestr("schema.json", "{}")
    bomb = bytearray(target.getvalue())
    # the directory of the archive claims 4 GB per entry
    at = bomb.find(b"PK\x01\x02")
    while at >= 0:
        bomb[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        at = bomb.find(b"PK\x01\x02", at + 4)
    with pytest.raises(ArtifactError, match="claim to unpack"):
        load(bytes(bomb))


def test_load_refuses_an_array_whose_header_claims_more_than_is_there() -> None:
    source = zipfile.ZipFile(io.BytesIO(TREE))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith(".npy"):
                header = io.BytesIO()
                np.lib.format.write_array_header_1_0(
                    header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
                )
                content = header.getvalue()
            archive.writestr(entry.filename, content)
    with pytest.raises(ArtifactError, match="header and size disagree"):
        load(target.getvalue())


@pytest.mark.parametrize("child", [-7, 0, 10_000])
def test_load_refuses_a_tree_that_points_outside_of_itself(child: int) -> None:
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    tree.tree_.children_left[0] = child
    with pytest.raises(ArtifactError, match="points outside"):
        load(dump(tree))


def test_load_refuses_a_boosted_tree_that_points_outside_of_itself() -> None:
    model = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, y)
    model._predictors[0][0].nodes["left"][0] = 4_000_000
    with pytest.raises(ArtifactError, match="points outside"):
        load(dump(model))


def test_load_refuses_a_deeply_nested_description() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "[" * 200_000 + "]" * 200_000)
    with pytest.raises(ArtifactError):
        load(target.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_load_of_random_bytes_raises_only_the_artifact_error(data: bytes) -> None:
    with pytest.raises(ArtifactError):
        load(data)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TREE) - 1), st.integers(1, 255), st.booleans())
def test_load_of_damaged_bytes_raises_only_the_artifact_error(at: int, flip: int, cut: bool) -> None:
    damaged = TREE[:at] if cut else TREE[:at] + bytes([TREE[at] ^ flip]) + TREE[at + 1 :]
    with contextlib.suppress(ArtifactError):
        load(damaged)
