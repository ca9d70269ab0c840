"""A private cluster's server is known by its command line, which everybody may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from motadata_ml.cluster.postmaster import serves

PROGRAM = b"/usr/lib/postgresql/15/bin/postgres"


def test_server_of_the_folder_is_recognised(tmp_path: Path) -> None:
    assert serves([PROGRAM, b"-D", bytes(tmp_path), b""], tmp_path)


def test_server_started_through_a_link_is_recognised(tmp_path: Path) -> None:
    data, link = tmp_path / "data", tmp_path / "link"
    data.mkdir()
    link.symlink_to(data)
    assert serves([PROGRAM, b"-D", bytes(link), b""], data)


@pytest.mark.parametrize(
    "arguments",
    [
        [b""],  # ended, not yet collected by its parent
        [b"postgres: postgres motadata [local] idle", b""],
        [b"/usr/bin/vim", b"-D", b"%data", b""],
        [PROGRAM, b"-D", b"/srv/another/data", b""],
        [PROGRAM, b"%data", b""],
    ],
)
def test_other_process_is_not_the_server(tmp_path: Path, arguments: list[bytes]) -> None:
    assert not serves([argument.replace(b"%data", bytes(tmp_path)) for argument in arguments], tmp_path)
