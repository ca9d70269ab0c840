"""Strings to codes: the same as one string at a time with a dict, whatever their lengths and number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motadata_ml_server.ingest import string_codes
from motadata_ml_server.ingest.string_codes import StringIndex

strings = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=14)
short = st.sampled_from(["", "a", "b", "aa", "été", "United", "Atlantic", "Atlantic ", "a" * 31, "a" * 32])
chunks = st.lists(st.lists(st.one_of(strings, short), max_size=30), max_size=6)


def compare(given_chunks: list[list[str]]) -> None:
    index, codes = StringIndex(), dict[str, int]()
    for chunk in given_chunks:
        encoded = [string.encode() for string in chunk]
        found = index.encode(b"".join(encoded), np.array([len(string) for string in encoded], np.int32))
        assert found.tolist() == [codes.setdefault(string, len(codes)) for string in chunk]
        assert found.dtype == np.int32
    assert index.strings == list(codes)


@given(chunks)
def test_codes_are_those_of_a_dict(given_chunks: list[list[str]]) -> None:
    compare(given_chunks)


def test_many_distinct_strings() -> None:
    many = [f"N{number % 40_000:05d}" for number in range(60_000)]
    compare([many[start : start + 5_000] for start in range(0, len(many), 5_000)])


def test_long_strings_between_short_ones() -> None:
    compare([["a", "b"], ["a", "x" * 33, "b"], ["b", "x" * 33], ["a" * 9, "c"]])


def test_strings_of_one_sum_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """With factors of zero, all strings that begin with the same eight bytes have one sum."""
    monkeypatch.setattr(string_codes, "_FACTORS", np.array([1, 0, 0, 0], np.uint64))
    compare([["departure", "departures", "departed"], ["departures", "departure", "departing"], ["departing"] * 3])
