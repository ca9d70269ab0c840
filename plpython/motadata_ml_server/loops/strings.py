"""Codes of strings that lie one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class StringCodes:
    """Codes of strings, in order of first appearance over all chunks."""

    def __init__(self) -> None:
        self._codes: dict[bytes, int] = {}

    @property
    def strings(self) -> list[str]:
        """The distinct strings, each at the place of its code."""
        return [string.decode() for string in self._codes]

    def encode(self, data: bytes, sizes: NDArray[np.int32], codes: NDArray[np.int32]) -> None:
        """Write the code of each string of a chunk.

        Parameters
        ----------
        data : bytes
            UTF-8.
        sizes : ndarray of int32, shape (n,)
            Bytes of each string.
        codes : ndarray of int32, shape (n,)
            Overwritten.

        Raises
        ------
        ValueError
            If the sizes add up to more than there is, or there are not as many codes.
        """
        if len(codes) != len(sizes):
            raise ValueError(f"codes must have {len(sizes)} rows, got {len(codes)}")
        begin = 0
        for at, size in enumerate(sizes.tolist()):
            if size < 0 or begin + size > len(data):
                raise ValueError(f"sizes must add up to at most the bytes of data; they do not at {at}")
            codes[at] = self._codes.setdefault(data[begin : begin + size], len(self._codes))
            begin += size
