"""Dictionary encoding of strings that lie one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD = 8
"""Bytes compared at a time."""

MAX_WORDS = 4
"""Chunks with strings of more bytes than these words hold are taken string by string."""

MAX_KNOWN = 1 << 14
"""With more distinct strings than these, chunks are taken string by string."""

_SLOT_BITS = 15
"""Twice as many slots as known strings at the most."""

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(WORD + 1)], np.uint64)
_FACTORS = np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

Words = NDArray[np.uint64]


class StringIndex:
    """Codes of strings, in order of first appearance over all chunks.

    Short strings are looked up all at once: as machine words, by a sum of them that names a candidate, which is then
    compared word by word. Two different strings of one sum end that for good, as do too many distinct ones. Where
    a sum lies among the sorted ones, a table of slots guesses; wrong guesses are searched for.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._keys = np.empty(0, np.uint64)
        self._slots = np.zeros(1 << _SLOT_BITS, np.int32)
        self._words = np.empty((0, MAX_WORDS), np.uint64)
        self._places = np.empty(0, np.int32)
        self._at_once = True

    @property
    def strings(self) -> list[str]:
        """The distinct strings, each at the place of its code."""
        return list(self._codes)

    def encode(self, data: bytes, sizes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the code of each string of a chunk.

        Parameters
        ----------
        data : bytes
            UTF-8 without NUL bytes, as PostgreSQL's text is.
        sizes : ndarray of int32, shape (n,)
            Bytes of each string.

        Returns
        -------
        ndarray of int32, shape (n,)
        """
        if len(sizes) and self._at_once and sizes.max() <= WORD * MAX_WORDS:
            codes = self._look_up(_words(data, sizes))
            if codes is not None:
                return codes
        return self._one_by_one(data, sizes)

    def _look_up(self, words: Words) -> NDArray[np.int32] | None:
        keys = words[:, 0].copy()
        for number in range(1, words.shape[1]):
            keys += words[:, number] * _FACTORS[number]
        codes, known = self._find(keys, words)
        if not known.all():
            learned = self._learn(keys[~known], words[~known])
            self._at_once = learned is not None and len(self._codes) <= MAX_KNOWN
            if learned is None:
                return None
            codes[~known] = learned
        return codes

    def _find(self, keys: Words, words: Words) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the code of each key's candidate, and whether it is the same string."""
        if not len(self._keys):
            return np.zeros(len(keys), np.int32), np.zeros(len(keys), bool)
        found = self._slots[_slots_of(keys)]
        known = self._keys[found] == keys
        if not known.all():
            missed = ~known
            found[missed] = np.minimum(np.searchsorted(self._keys, keys[missed]), len(self._keys) - 1)
            known[missed] = self._keys[found[missed]] == keys[missed]
        for number in range(MAX_WORDS if words.shape[1] > 1 or self._words[:, 1:].any() else 0):
            further = words[:, number] if number < words.shape[1] else np.uint64(0)
            known &= self._words[found, number] == further
        return self._places[found], known

    def _learn(self, keys: Words, words: Words) -> NDArray[np.int32] | None:
        """Add the strings of keys that are new and return their codes; None, and nothing added, where a key has two."""
        added, first, where = np.unique(keys, return_index=True, return_inverse=True)
        before = np.searchsorted(self._keys, added)
        taken = len(self._keys) > 0 and self._keys[np.minimum(before, len(self._keys) - 1)] == added
        if np.any(taken) or (words[first[where]] != words).any():
            return None
        fresh = np.zeros((len(added), MAX_WORDS), np.uint64)
        fresh[:, : words.shape[1]] = words[first]
        order = np.argsort(first)
        places = np.empty(len(added), np.int32)
        places[order] = self._add([string.decode() for string in fresh[order].view("S32").ravel().tolist()])
        self._keys = np.insert(self._keys, before, added)
        self._slots[_slots_of(self._keys)] = np.arange(len(self._keys))
        self._words = np.insert(self._words, before, fresh, axis=0)
        self._places = np.insert(self._places, before, places)
        return places[where]

    def _one_by_one(self, data: bytes, sizes: NDArray[np.int32]) -> NDArray[np.int32]:
        text = data.decode()
        source: str | bytes = text if len(text) == len(data) else data
        pieces = []
        begin = 0
        for end in np.cumsum(sizes, dtype=np.int64).tolist():
            piece = source[begin:end]
            pieces.append(piece if isinstance(piece, str) else piece.decode())
            begin = end
        return self._add(pieces)

    def _add(self, strings: list[str]) -> NDArray[np.int32]:
        codes = self._codes
        found = []
        for string in strings:
            code = codes.get(string)
            if code is None:
                code = codes[string] = len(codes)
            found.append(code)
        return np.array(found, np.int32)


def _slots_of(keys: Words) -> NDArray[np.intp]:
    slots: NDArray[np.intp] = (keys * _FACTORS[1] >> np.uint64(64 - _SLOT_BITS)).astype(np.intp)
    return slots


def _words(data: bytes, sizes: NDArray[np.int32]) -> Words:
    """Return each string as little-endian words, zeros behind its end: shape (n, words)."""
    starts = np.cumsum(sizes, dtype=np.int64) - sizes
    count = max(1, -(-int(sizes.max()) // WORD))
    padded = data + bytes(WORD * (count + 1))
    at: Words = np.ndarray((len(data) + WORD * count,), np.dtype("<u8"), padded, strides=(1,))
    words = np.empty((len(sizes), count), np.uint64)
    for number in range(count):
        left = np.clip(sizes - WORD * number, 0, WORD)
        words[:, number] = at[starts + WORD * number] & _MASKS[left]
    return words
