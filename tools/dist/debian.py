"""A Debian package: the extension's files, the environment, and what shows it to one major version of PostgreSQL.

`python -m tools.dist.debian [MAJOR]` builds it into dist/. Every file in it is dpkg's, and no script of ours runs as root
when it is installed, upgraded or removed.
"""

from __future__ import annotations

import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from motadata_ml.install.environment import MODULE
from motadata_ml.install.lean import size_mb, trim_packages
from motadata_ml.install.script import write_files
from tools.dist import bundle, packages

PYTHON = "/usr/bin/python3"
HOME = Path("usr/lib/motadata-ml")
CONTROL = """\
Package: postgresql-{major}-motadata-ml
Version: {version}
Architecture: {architecture}
Maintainer: The maintainers of motadata_ml <motadata_ml@localhost>
Section: database
Priority: optional
Installed-Size: {kilobytes}
Depends: postgresql-{major}, postgresql-plpython3-{major}, python3 (>= {python}), python3 (<< {next_python}), libc6
Homepage: {homepage}
Description: machine learning inside PostgreSQL
 Trains scikit-learn models on rows and predicts with them in SQL. Brings the
 libraries that it was tested with, for this server's PL/Python alone. Then, as
 superuser in a database: create extension motadata_ml cascade.
"""


def build(own: Sequence[Path], folder: Path, major: int = 15, version: str = packages.VERSION) -> Path:
    """Build the package.

    Parameters
    ----------
    own : sequence of Path
        Our wheels.
    folder : Path
        Where to.
    major : int
        The major version of PostgreSQL.
    version : str
        The package's version.

    Returns
    -------
    Path
        The package.

    Raises
    ------
    subprocess.CalledProcessError
        A package of others cannot be had, or the build fails.
    """
    architecture = subprocess.run(
        ("dpkg", "--print-architecture"), capture_output=True, text=True, check=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch, "root")
        top.mkdir(mode=0o755)
        _environment(own, top, Path(scratch))
        _extension(top, major)
        control = top / "DEBIAN" / "control"
        control.parent.mkdir(mode=0o755)
        minor = sys.version_info.minor
        control.write_text(
            CONTROL.format(
                major=major,
                version=version,
                architecture=architecture,
                kilobytes=size_mb(top) * 1024,
                python=f"3.{minor}",
                next_python=f"3.{minor + 1}",
                homepage=packages.project()["urls"]["Homepage"],
            ),
            encoding="utf-8",
        )
        folder.mkdir(parents=True, exist_ok=True)
        package = folder / f"postgresql-{major}-motadata-ml_{version}_{architecture}.deb"
        command = ("dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", str(top), str(package))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return package


def _environment(own: Sequence[Path], top: Path, scratch: Path) -> None:
    """Make the environment, as if it lay where the package puts it."""
    home, wheels = top / HOME, scratch / "wheels"
    home.parent.mkdir(parents=True)
    wheels.mkdir()
    bundle.download(wheels)
    for wheel in own:
        shutil.copy(wheel, wheels)
    pins = scratch / "requirements.txt"
    pins.write_text(bundle.requirements(own), encoding="utf-8")
    subprocess.run((PYTHON, "-m", "venv", "--without-pip", str(home)), check=True)
    options = ("--no-index", "--find-links", str(wheels), "--no-deps", "--no-compile", "--require-hashes", "-q")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(home / "bin" / "python"))
    subprocess.run((*pip, "install", *options, "-r", str(pins)), check=True)
    config = home / "pyvenv.cfg"
    config.write_text(config.read_text(encoding="utf-8").replace(str(top), ""), encoding="utf-8")
    for path in (home / "bin").iterdir():
        if path.name == "motadata-ml":
            path.write_text(path.read_text(encoding="utf-8").replace(str(top), ""), encoding="utf-8")
        elif not path.name.startswith("python"):
            path.unlink()
    (site,) = home.glob("lib/python3*/site-packages")
    trim_packages(site, installed=Path("/", site.relative_to(top)))
    (top / "usr" / "bin").mkdir()
    (top / "usr" / "bin" / "motadata-ml").symlink_to(Path("..", HOME.relative_to("usr"), "bin", "motadata-ml"))


def _extension(top: Path, major: int) -> None:
    """Lay out the extension's files, and the two that show the environment to the server's Python."""
    write_files(top / "usr" / "share" / "postgresql" / str(major) / "extension")
    shown = top / "usr" / "lib" / "python3" / "dist-packages"
    shown.mkdir(parents=True)
    (site,) = (top / HOME).glob("lib/python3*/site-packages")
    name = f"motadata_ml_postgresql_{major}"
    server, found = f"/usr/lib/postgresql/{major}/bin/postgres", str(Path("/", site.relative_to(top)))
    module = shown / f"{name}.py"
    module.write_text(MODULE.format(server=server, packages=found), encoding="utf-8")
    # else root's first Python would write it, and dpkg would not know of it
    py_compile.compile(str(module), dfile=str(Path("/", module.relative_to(top))), doraise=True)
    (shown / f"{name}.pth").write_text(f"import {name}\n", encoding="utf-8")
    doc = top / "usr" / "share" / "doc" / f"postgresql-{major}-motadata-ml"
    doc.mkdir(parents=True)
    shutil.copy(packages.ROOT / "LICENSE", doc / "copyright")


if __name__ == "__main__":
    target = packages.ROOT / "dist"
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    made = build([path for path in packages.build(target) if path.suffix == ".whl"], target, wanted)
    sys.stdout.write(f"{made.stat().st_size / 1e6:8.1f} MB  {made.relative_to(packages.ROOT)}\n")
