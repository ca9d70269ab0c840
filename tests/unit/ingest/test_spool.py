"""Chunks put aside: all of them, in order, in memory or in a file without a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motadata_ml_server.ingest.chunk import Chunk
from motadata_ml_server.ingest.spool import spooled
from motadata_ml_server.postgres.database import DatabaseError
from motadata_ml_server.postgres.fake_database import FakeDatabase

CHUNKS = [Chunk(n, [bytes([n]) * n, b"", b"x" * 100]) for n in range(1, 50)]


def limited(limit: int | None = None) -> FakeDatabase:
    """Return a database that knows one setting."""
    db = FakeDatabase([])
    db.answer("temp_file_limit", [{"bytes": limit}])
    return db


@pytest.mark.parametrize("memory", [1, 200, 1 << 20])
def test_chunks_come_back_in_their_order(tmp_path: Path, memory: int) -> None:
    assert list(spooled(limited(), iter(CHUNKS), memory=memory, folder=tmp_path)) == CHUNKS


def test_no_chunk_gives_none(tmp_path: Path) -> None:
    assert list(spooled(limited(), iter([]), folder=tmp_path)) == []


def test_all_are_read_before_the_first_comes_back(tmp_path: Path) -> None:
    seen: list[int] = []

    def watched() -> Iterator[Chunk]:
        for chunk in CHUNKS:
            seen.append(chunk.rows)
            yield chunk
        seen.append(-1)

    assert next(spooled(limited(), watched(), folder=tmp_path)) == CHUNKS[0]
    assert seen[-1] == -1


def test_the_file_has_no_name_and_goes_with_the_iterator(tmp_path: Path) -> None:
    def files() -> list[str]:
        links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
        return [target for link in links if (target := _target(link)).startswith(str(tmp_path))]

    chunks = spooled(limited(), iter(CHUNKS), memory=1, folder=tmp_path)
    next(chunks)
    assert len(files()) == 1
    assert list(tmp_path.iterdir()) == []
    del chunks
    assert files() == []


def test_more_than_temp_file_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="temp_file_limit") as caught:
        next(spooled(limited(1024), iter(CHUNKS), memory=1, folder=tmp_path))
    assert caught.value.sqlstate == "53400"
    assert list(spooled(limited(1024), iter(CHUNKS[:5]), memory=1, folder=tmp_path)) == CHUNKS[:5]


def test_what_fits_into_memory_asks_for_no_file(tmp_path: Path) -> None:
    assert list(spooled(limited(0), iter(CHUNKS), folder=tmp_path / "absent")) == CHUNKS


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the descriptor of the listing itself
        return ""
