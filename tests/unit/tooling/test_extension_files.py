"""The extension's files: what they hold, and how they come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from motadata_ml import __version__
from motadata_ml.install import SetupError, extension_files, remove_files, write_files
from motadata_ml.install.script import default_version, sources


def test_install_script_is_every_source_in_order() -> None:
    script = extension_files()[f"motadata_ml--{__version__}.sql"]
    positions = [
        script.index(path.read_text(encoding="utf-8").strip("\n")) for path in sorted(sources()[0].glob("[0-9]*.sql"))
    ]
    assert len(positions) > 10
    assert positions == sorted(positions)


def test_install_script_stops_psql_on_its_first_line() -> None:
    first = extension_files()[f"motadata_ml--{__version__}.sql"].split("\n", 1)[0]
    assert first.startswith("\\echo Use ")
    assert first.endswith("\\quit")


def test_control_file_names_the_packages_version() -> None:
    assert default_version(extension_files()["motadata_ml.control"]) == __version__


def test_control_file_without_a_version_is_refused() -> None:
    with pytest.raises(SetupError, match="default_version"):
        default_version("comment = 'nothing'\n")


def test_files_are_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "share" / "extension"
    assert {path.name for path in write_files(folder)} == set(extension_files())
    assert write_files(folder) == []


def test_changed_file_is_written_again(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "motadata_ml.control").write_text("", encoding="utf-8")
    assert write_files(tmp_path) == [tmp_path / "motadata_ml.control"]


def test_files_of_other_extensions_stay_when_ours_are_removed(tmp_path: Path) -> None:
    other = tmp_path / "motadata.control"
    other.touch()
    write_files(tmp_path)
    assert len(remove_files(tmp_path)) == len(extension_files())
    assert list(tmp_path.iterdir()) == [other]


def test_folder_closed_to_the_caller_is_explained(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(SetupError) as caught:
        write_files(in_the_way / "extension")
    assert "sudo" in caught.value.remedy
