"""List what each image installs as CycloneDX, from an environment that its lock file makes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from supply import licences, locks

FOLDER = locks.ROOT / "dist"
IMAGES = ("server", "serving")


def write(name: str, folder: Path) -> Path:
    """Write the list of one image's packages, each with its licence; returns where it is."""
    folder.mkdir(exist_ok=True)
    written = folder / f"motadata-ml-{name}.cdx.json"
    with tempfile.TemporaryDirectory() as made:
        python = Path(made) / "bin" / "python"
        uv = (sys.executable, "-m", "uv", "-q")
        for command in (
            (*uv, "venv", "--clear", "--python", "/usr/bin/python3", made),
            (*uv, "pip", "sync", "--require-hashes", "--python", str(python), str(locks.path(name))),
            (*uv, "pip", "install", "--no-deps", "--python", str(python), str(locks.ROOT)),
            (
                *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON"),
                *("--pyproject", str(locks.ROOT / "pyproject.toml"), "-o", str(written), str(python)),
            ),
        ):
            subprocess.run(command, check=True)
    listed = json.loads(written.read_text(encoding="utf-8"))
    for part in listed["components"]:
        part.setdefault("licenses", [{"expression": licences.licence(part["name"])}])
    written.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    return written


if __name__ == "__main__":
    for image in IMAGES:
        sys.stdout.write(f"wrote {write(image, FOLDER)}\n")
