"""An ONNX model that reaches beyond its own bytes is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.persistence.onnx_intake import _NUMBERS, _fields, check_onnx


def model(*, domain: str = "", weights: TensorProto | None = None, node: Any = None) -> bytes:
    """Return a model of one node."""
    inner = node or helper.make_node("Identity", ["x"], ["y"], domain=domain)
    graph = helper.make_graph(
        [inner],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        initializer=[weights] if weights is not None else [],
    )
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    return content


PLAIN = model(weights=numpy_helper.from_array(np.arange(300.0), "w"))


def test_a_plain_model_is_accepted() -> None:
    check_onnx(PLAIN)


def test_operators_of_another_domain_are_refused() -> None:
    with pytest.raises(ArtifactError, match=r"'com\.example'"):
        check_onnx(model(domain="com.example"))


def test_operators_of_another_domain_in_a_subgraph_are_refused() -> None:
    inner = helper.make_graph([helper.make_node("Foo", [], ["z"], domain="com.example")], "b", [], [])
    with pytest.raises(ArtifactError, match=r"'com\.example'"):
        check_onnx(model(node=helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)))


def test_tensors_in_a_file_are_refused() -> None:
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    with pytest.raises(ArtifactError, match="outside of itself"):
        check_onnx(model(weights=outside))


def test_functions_of_its_own_are_refused() -> None:
    from onnx import ModelProto

    content = ModelProto.FromString(PLAIN)
    content.functions.add().name = "f"
    with pytest.raises(ArtifactError, match="functions"):
        check_onnx(content.SerializeToString())


def test_empty_bytes_are_refused() -> None:
    with pytest.raises(ArtifactError, match="no graph"):
        check_onnx(b"")


@pytest.mark.parametrize(
    "numbers", [[0], [-1, 1 << 62, 300], [0.5, -1.0], list(range(-50_000, 50_000)), [7, 0x4A, 0x3D]]
)
def test_what_stands_behind_numbers_is_read(numbers: list[Any]) -> None:
    inner = helper.make_graph([helper.make_node("Foo", [], ["z"], domain="com.example")], "b", [], [])
    node = helper.make_node("Op", ["x"], ["y"], both=numbers)
    node.attribute[0].graphs.append(inner)  # field 11, written after the numbers, 7 and 8
    with pytest.raises(ArtifactError, match=r"'com\.example'"):
        check_onnx(model(node=node))


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(width=32))), st.binary(max_size=40))
def test_numbers_are_passed_over_as_they_are_read(numbers: list[int | float], rest: bytes) -> None:
    fields = AttributeProto(
        ints=[number for number in numbers if isinstance(number, int)],
        floats=[number for number in numbers if isinstance(number, float)],
    )
    message = memoryview(fields.SerializeToString() + rest)
    try:
        wanted: Any = [field for field in _fields(message) if field[1] is not None]
    except IndexError as error:
        wanted = str(error)
    try:
        found: Any = [field for field in _fields(message, _NUMBERS) if field[1] is not None]
    except IndexError as error:
        found = str(error)
    assert found == wanted


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PLAIN) - 1), st.integers(1, 255), st.booleans())
def test_damaged_bytes_raise_only_the_artifact_error(at: int, flip: int, cut: bool) -> None:
    damaged = PLAIN[:at] if cut else PLAIN[:at] + bytes([PLAIN[at] ^ flip]) + PLAIN[at + 1 :]
    with contextlib.suppress(ArtifactError):
        check_onnx(damaged)
