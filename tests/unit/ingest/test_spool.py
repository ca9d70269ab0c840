"""Chunks put aside: all of them, in order, in memory or in a file without a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from motadata_ml_server.ingest.chunk import Chunk
from motadata_ml_server.ingest.spool import spooled
from motadata_ml_server.postgres.database import DatabaseError, ResultColumn, Row

CHUNKS = [Chunk(n, [bytes([n]) * n, b"", b"x" * 100]) for n in range(1, 50)]


class Limited:
    """A database that knows one setting."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    def query(self, sql: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> list[Row]:
        assert "temp_file_limit" in sql
        return [{"bytes": self.limit}]

    def describe(self, sql: str) -> list[ResultColumn]:
        raise AssertionError(sql)

    def notice(self, message: str, detail: str | None = None) -> None:
        raise AssertionError(message)

    def warning(self, message: str, hint: str | None = None) -> None:
        raise AssertionError(message)


@pytest.mark.parametrize("memory", [1, 200, 1 << 20])
def test_chunks_come_back_in_their_order(tmp_path: Path, memory: int) -> None:
    assert list(spooled(Limited(), iter(CHUNKS), memory=memory, folder=tmp_path)) == CHUNKS


def test_no_chunk_gives_none(tmp_path: Path) -> None:
    assert list(spooled(Limited(), iter([]), folder=tmp_path)) == []


def test_all_are_read_before_the_first_comes_back(tmp_path: Path) -> None:
    seen: list[int] = []

    def watched() -> Iterator[Chunk]:
        for chunk in CHUNKS:
            seen.append(chunk.rows)
            yield chunk
        seen.append(-1)

    assert next(spooled(Limited(), watched(), folder=tmp_path)) == CHUNKS[0]
    assert seen[-1] == -1


def test_the_file_has_no_name_and_goes_with_the_iterator(tmp_path: Path) -> None:
    def files() -> list[str]:
        links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
        return [target for link in links if (target := _target(link)).startswith(str(tmp_path))]

    chunks = spooled(Limited(), iter(CHUNKS), memory=1, folder=tmp_path)
    next(chunks)
    assert len(files()) == 1
    assert list(tmp_path.iterdir()) == []
    del chunks
    assert files() == []


def test_more_than_temp_file_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="temp_file_limit") as caught:
        next(spooled(Limited(1024), iter(CHUNKS), memory=1, folder=tmp_path))
    assert caught.value.sqlstate == "53400"
    assert list(spooled(Limited(1024), iter(CHUNKS[:5]), memory=1, folder=tmp_path)) == CHUNKS[:5]


def test_what_fits_into_memory_asks_for_no_file(tmp_path: Path) -> None:
    assert list(spooled(Limited(0), iter(CHUNKS), folder=tmp_path / "absent")) == CHUNKS


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the descriptor of the listing itself
        return ""
