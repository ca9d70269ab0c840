"""List what each image installs as CycloneDX, from an environment that its lock file makes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from tools.supply import licences, locks

FOLDER = locks.ROOT / "dist"
IMAGES = ("server", "serving")
FORMAT = "${Package} ${Version} ${Architecture}\n"


def write(name: str, folder: Path, debian: Sequence[dict[str, str]] = ()) -> Path:
    """Write the list of one image's packages, each Python package with its licence; returns where it is."""
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
    listed["components"] += debian
    written.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    return written


def debian_packages(text: str) -> list[dict[str, str]]:
    """Return CycloneDX's components for what `dpkg-query --show --showformat` printed in `FORMAT`."""
    components = []
    for line in text.splitlines():
        name, version, architecture = line.split()
        purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}"
        components.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return components


def main(arguments: list[str]) -> None:
    """Write every list; an argument names a file with the Debian packages of the server's image."""
    debian = debian_packages(Path(arguments[0]).read_text(encoding="utf-8")) if arguments else []
    for image in IMAGES:
        sys.stdout.write(f"wrote {write(image, FOLDER, debian if image == 'server' else [])}\n")
    if not arguments:
        sys.stdout.write("without the packages from Debian, which `make sbom-image` asks the built image for\n")


if __name__ == "__main__":
    main(sys.argv[1:])
