"""PGXN's archive: META.json has what the specification 1.0.0 demands, and the files that it names are there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from motadata_ml.install import extension_files
from tools.dist import pgxn

TERM = re.compile(r"[^\s/\\\x00-\x1f\x7f]{2,}")
SEMANTIC_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-?[a-zA-Z][0-9A-Za-z-]*)?")
LICENCES = {"agpl_3", "apache_1_1", "apache_2_0", "bsd", "mit", "gpl_2", "gpl_3", "postgresql", "restricted"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pgxn.build(tmp_path / "dist")


def read(archive: Path) -> dict[str, Any]:
    with zipfile.ZipFile(archive) as packed:
        found: dict[str, Any] = json.loads(packed.read(f"{archive.stem}/META.json"))
    return found


def test_required_fields_have_their_form(archive: Path) -> None:
    meta = read(archive)
    assert {"abstract", "maintainer", "license", "provides", "name", "version", "meta-spec"} <= set(meta)
    assert TERM.fullmatch(meta["name"])
    assert SEMANTIC_VERSION.fullmatch(meta["version"])
    assert meta["license"] in LICENCES
    assert meta["maintainer"].strip()
    assert meta["abstract"].strip()
    assert meta["meta-spec"]["version"] == "1.0.0"
    assert meta["release_status"] in {"stable", "testing", "unstable"}
    for tag in meta["tags"]:
        assert 0 < len(tag) < 256
        assert not re.search(r"[/\\\x00-\x1f\x7f]", tag)


def test_every_extension_that_is_provided_has_its_files(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
    for name, provided in read(archive)["provides"].items():
        assert TERM.fullmatch(name)
        assert SEMANTIC_VERSION.fullmatch(provided["version"])
        assert {f"{archive.stem}/{provided[kind]}" for kind in ("file", "docfile")} <= names
    assert {f"{archive.stem}/extension/{name}" for name in extension_files()} <= names


def test_make_install_copies_the_extensions_files(archive: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(archive, tmp_path)
    config = tmp_path / "pg_config"
    config.write_text("#!/bin/sh\necho /usr/share/postgresql/15\n")
    config.chmod(0o755)
    command = ["make", "-s", "install", f"PG_CONFIG={config}", f"DESTDIR={tmp_path / 'root'}"]
    subprocess.run(command, cwd=tmp_path / archive.stem, check=True)
    folder = tmp_path / "root" / "usr" / "share" / "postgresql" / "15" / "extension"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == extension_files()


def test_same_sources_make_the_same_archive(archive: Path, tmp_path: Path) -> None:
    assert pgxn.build(tmp_path / "again").read_bytes() == archive.read_bytes()
