"""Random and damaged arrays for the compiled loops: what `test_native_memory` runs in a process with sanitizers.

Whatever the arrays hold, a loop either refuses them with an ordinary error or keeps to its own memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motadata_ml_native import _loops
from motadata_ml_server.loops.quadrature import gauss_legendre
from tests.unit.loops import forests

EXAMPLES = int(os.environ.get("MOTADATA_ML_FUZZ_EXAMPLES", "1500"))
MANY = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))

REFUSALS = (ValueError, TypeError, MemoryError, OverflowError)

CELLS: dict[str, Any] = {
    "i": st.one_of(st.integers(-3, 60), st.integers(-(2**31), 2**31 - 1)),
    "u": st.integers(0, 2**32 - 1),
    "f": st.one_of(st.floats(), st.sampled_from(forests.NUMBERS)),
    "b": st.booleans(),
}


def damage(data: st.DataObject, arguments: dict[str, Any]) -> dict[str, Any]:
    """Change some cells, sizes and layouts."""
    damaged = dict(arguments)
    for _ in range(data.draw(st.integers(0, 4))):
        name = data.draw(st.sampled_from(sorted(damaged)))
        array = damaged[name]
        if isinstance(array, np.ndarray):
            damaged[name] = _damaged_array(data, array.copy())
        elif name in {"features", "outputs"}:
            damaged[name] = data.draw(st.one_of(st.integers(-1, 9), st.sampled_from([2**31 - 1, 2**31, 2**62])))
        elif name == "divide":
            damaged[name] = data.draw(st.floats())
    return damaged


def _damaged_array(data: st.DataObject, array: Any) -> Any:
    how = data.draw(st.sampled_from(["cell", "cell", "cell", "shorter", "longer", "strided", "unaligned", "none"]))
    if how == "none":
        return None
    if how == "shorter":
        return array[: max(0, len(array) - data.draw(st.integers(1, 3)))]
    if how == "longer":
        return np.concatenate([array, array[:1]])
    if how == "strided":
        return np.repeat(array, 2, axis=0)[::2]
    if how == "unaligned" and array.size:
        return np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)
    if array.size:
        cell = data.draw(CELLS[array.dtype.kind])
        with contextlib.suppress(OverflowError):
            array.flat[data.draw(st.integers(0, array.size - 1))] = cell
    return array


def use(trees: Any, seed: int, count: int) -> None:
    """Ask for everything that trees answer."""
    features, outputs = trees.features, trees.outputs
    if features > 64 or outputs > 64:
        return
    rows = forests.random_rows(seed, count, features)
    out = np.empty((count, outputs))
    trees.table(rows, out)
    trees.table(np.asfortranarray(rows), out, count // 2, count)
    row = np.zeros(features)
    bound = trees.bind(row)
    for at in range(min(count, 3)):
        row[:] = rows[at]
        bound.scores()
    if trees.expected is not None:
        trees.reasons(rows[:5], np.empty((min(count, 5), outputs, features)), *gauss_legendre(trees.path_features))


@MANY
@given(st.data(), forests.trees(), st.integers(0, 2**32), st.integers(0, 40))
def fuzz_trees(data: st.DataObject, arguments: dict[str, Any], seed: int, count: int) -> None:
    try:
        trees = _loops.Trees(**damage(data, arguments))
    except REFUSALS:
        return
    use(trees, seed, count)


@MANY
@given(st.data(), st.integers(-2, 50), st.integers(-2, 50), st.integers(0, 45))
def fuzz_ranges(data: st.DataObject, start: int, stop: int, count: int) -> None:
    arguments = forests.random_trees(1, trees=20, features=4, outputs=2, wide=True, sets=1, nodes=20)
    trees = _loops.Trees(**arguments)
    shape = data.draw(st.sampled_from([(count, 2), (count, 3), (count + 1, 2), (count,), (2, count), ()]))
    rows = forests.random_rows(1, count, data.draw(st.integers(3, 5)))
    rows = data.draw(st.sampled_from([rows, rows[::-1], rows.T, np.broadcast_to(rows[:1], rows.shape)]))
    with contextlib.suppress(*REFUSALS):
        trees.table(rows, np.zeros(shape), start, stop)
    with contextlib.suppress(*REFUSALS):
        points = np.array(data.draw(st.lists(st.floats(0, 1), max_size=9)))
        trees.reasons(rows, np.zeros((count, 2, 4)), points, points, start, stop)


@MANY
@given(st.data(), st.integers(0, 5), st.integers(0, 9))
def fuzz_rows(data: st.DataObject, width: int, columns: int) -> None:
    codes = st.dictionaries(st.sampled_from("abcd"), st.integers(-2, 6) | st.integers() | st.none(), max_size=4)

    def table(*most: int) -> Any:
        return np.zeros([data.draw(st.integers(0, size)) for size in most])

    def column(name: str) -> tuple[Any, ...]:
        at, number = data.draw(st.integers(-1, 6)), data.draw(st.floats())
        return data.draw(
            st.sampled_from(
                [
                    ("number", name, at, number, number, number),
                    ("category", name, at, data.draw(codes), table(5, 3), str),
                    ("onehot", name, at, data.draw(codes), table(4), table(4), str),
                    ("call", name, repr),
                    ("number", name, number, number, table(5)),
                    ("category", name, data.draw(codes), table(5, 5), str),
                    ("call", name, lambda value: [1.0] * at),
                    (name,),
                    (),
                ]
            )
        )

    given_columns = [column(f"c{at}") for at in range(columns)]
    values: st.SearchStrategy[Any] = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "b", "z"]) | st.just([])
    )
    rows = [
        {f"c{at}": data.draw(values) for at in range(columns)},
        [data.draw(values) for _ in range(columns)],
        {},
        None,
    ]
    makers: list[Callable[[], Any]] = [
        lambda: _loops.RowEncoder(given_columns, width).fill,
        lambda: _loops.LinearRow(given_columns, np.zeros(width)).scores,
    ]
    for make in makers:
        try:
            ask = make()
        except REFUSALS:
            continue
        for row in rows:
            with contextlib.suppress(*REFUSALS):
                ask(row)


@MANY
@given(st.data(), st.integers(0, 40), st.integers(0, 3), st.integers(-2, 50), st.integers(-2, 50))
def fuzz_linear(data: st.DataObject, rows: int, outputs: int, start: int, stop: int) -> None:
    columns: list[Any] = []
    for _ in range(data.draw(st.integers(0, 4))):
        count = rows + data.draw(st.sampled_from([0, 0, 0, -1, 1]))
        width = outputs + data.draw(st.sampled_from([0, 0, 0, -1, 1]))
        if data.draw(st.booleans()):
            columns.append((np.zeros(max(0, count)), 1.0, 2.0, np.ones(max(0, width))))
        else:
            codes = np.array(data.draw(st.lists(CELLS["i"], min_size=max(0, count), max_size=max(0, count))), np.int32)
            columns.append((codes, np.zeros((data.draw(st.integers(0, 3)), max(0, width)))))
    with contextlib.suppress(*REFUSALS):
        _loops.linear_scores(columns, np.zeros(outputs), np.zeros((rows, outputs)), start, stop)


@MANY
@given(st.binary(max_size=200), st.lists(st.integers(-1, 30) | CELLS["i"], max_size=40), st.integers(0, 41))
def fuzz_strings(text: bytes, sizes: list[int], count: int) -> None:
    made = _loops.StringCodes()
    for _ in range(2):
        with contextlib.suppress(*REFUSALS):
            made.encode(text, np.array(sizes, np.int32), np.zeros(count, np.int32))
        with contextlib.suppress(*REFUSALS):
            made.encode(text, np.array(sizes, np.int32), np.zeros(len(sizes), np.int32))
    with contextlib.suppress(UnicodeDecodeError):
        assert len(made.strings) == len(set(made.strings))


if __name__ == "__main__":
    print(_loops.__file__)
    for fuzz in (fuzz_trees, fuzz_ranges, fuzz_rows, fuzz_linear, fuzz_strings):
        fuzz()
        print(fuzz.__name__, flush=True)
