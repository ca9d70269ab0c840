"""The archive for PGXN: the extension's files, and META.json as its specification 1.0.0 wants it."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from motadata_ml.install import extension_files
from tools.dist import packages
from tools.dist.packages import ROOT, VERSION

NAME = "motadata_ml"
ARCHIVE = f"{NAME}-{VERSION}.zip"
MAKEFILE = """\
# Installs the extension's files; docs/install.md has how the Python packages come to the server.
PG_CONFIG ?= pg_config
FOLDER = $(DESTDIR)$(shell $(PG_CONFIG) --sharedir)/extension

all:

install:
	mkdir -p "$(FOLDER)"
	install -m 644 extension/* "$(FOLDER)"

installcheck:

.PHONY: all install installcheck
"""
_TIME = (1980, 1, 1, 0, 0, 0)


def meta() -> dict[str, Any]:
    """Return what META.json says, drawn from pyproject.toml."""
    project = packages.project()
    urls = project["urls"]
    return {
        "name": NAME,
        "abstract": project["description"],
        "version": VERSION,
        "maintainer": "The maintainers of motadata_ml",
        "license": "apache_2_0",
        "provides": {
            NAME: {
                "abstract": project["description"],
                "file": f"extension/{NAME}--{VERSION}.sql",
                "docfile": "docs/install.md",
                "version": VERSION,
            }
        },
        "prereqs": {"runtime": {"requires": {"PostgreSQL": "15.0.0", "plpython3u": 0}}},
        "resources": {
            "homepage": urls["Homepage"],
            "bugtracker": {"web": urls["Issues"]},
            "repository": {"url": f"{urls['Repository']}.git", "web": urls["Repository"], "type": "git"},
        },
        "tags": ["machine learning", "scikit-learn", "prediction", "plpython"],
        "release_status": "unstable" if VERSION.startswith("0.") else "stable",
        "generated_by": "make dist",
        "meta-spec": {"version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt"},
    }


def build(folder: Path) -> Path:
    """Write the archive; the same sources make the same bytes.

    Parameters
    ----------
    folder : Path
        Where to.

    Returns
    -------
    Path
        The archive.
    """
    files = {f"extension/{name}": text for name, text in extension_files().items()}
    files |= {"META.json": json.dumps(meta(), indent=2) + "\n", "Makefile": MAKEFILE}
    files |= {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "LICENSE", "CHANGELOG.md")}
    files["docs/install.md"] = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    archive, beside = folder / ARCHIVE, folder / f".{ARCHIVE}.new"
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{NAME}-{VERSION}/{name}", _TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, text)
    os.replace(beside, archive)
    return archive
