from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

INTERFACE: int

Numbers: TypeAlias = NDArray[np.float64]
NumberCell: TypeAlias = tuple[str, str, int, float, float, float]
CategoryCells: TypeAlias = tuple[str, str, int, Mapping[str, int], Numbers, Callable[[Any], str | None]]
OnehotCells: TypeAlias = tuple[str, str, int, Mapping[str, int], Numbers, Numbers, Callable[[Any], str | None]]
NumberShare: TypeAlias = tuple[str, str, float, float, Numbers]
CategoryShare: TypeAlias = tuple[str, str, Mapping[str, int], Numbers, Callable[[Any], str | None]]
Call: TypeAlias = tuple[str, str, Callable[[Any], Any]]

class Trees:
    features: int
    outputs: int
    trees: int
    nodes: int
    depth: int
    path_features: int
    nbytes: int
    expected: list[float] | None
    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        starts: NDArray[np.int64],
        feature: NDArray[np.int32],
        threshold: Numbers,
        left: NDArray[np.int32],
        right: NDArray[np.int32],
        missing_left: NDArray[np.bool_] | NDArray[np.uint8],
        values: Numbers,
        target: NDArray[np.int32] | None = None,
        base: Numbers | None = None,
        cover: Numbers | None = None,
        category: NDArray[np.int32] | None = None,
        set_starts: NDArray[np.int64] | None = None,
        set_words: NDArray[np.uint32] | None = None,
        outside_left: NDArray[np.bool_] | NDArray[np.uint8] | None = None,
        divide: float = 1.0,
    ) -> None: ...
    def table(self, rows: Numbers, out: Numbers, start: int = 0, stop: int | None = None) -> None: ...
    def reasons(
        self, rows: Numbers, out: Numbers, points: Numbers, weights: Numbers, start: int = 0, stop: int | None = None
    ) -> None: ...
    def bind(self, row: Numbers | RowEncoder) -> TreesRow: ...

class TreesRow:
    def scores(self) -> list[float]: ...

class RowEncoder:
    def __init__(
        self,
        columns: Iterable[NumberCell | CategoryCells | OnehotCells | Call],
        width: int,
        row: Numbers | None = None,
    ) -> None: ...
    def fill(self, row: Mapping[str, Any] | Sequence[Any]) -> bool: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class LinearRow:
    def __init__(self, columns: Iterable[NumberShare | CategoryShare | Call], intercepts: Numbers) -> None: ...
    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> list[float] | None: ...

class StringCodes:
    strings: list[str]
    def __init__(self) -> None: ...
    def encode(self, data: bytes, sizes: NDArray[np.int32], codes: NDArray[np.int32]) -> None: ...

def linear_scores(
    columns: Iterable[tuple[Numbers, float, float, Numbers] | tuple[NDArray[np.int32], Numbers]],
    intercepts: Numbers,
    out: Numbers,
    start: int = 0,
    stop: int | None = None,
) -> None: ...
