"""The extension's files, as PostgreSQL wants them: a control file, an install script, upgrade scripts."""

from __future__ import annotations

import re
from pathlib import Path

import motadata_ml
from motadata_ml._version import WHEEL
from motadata_ml.install.errors import SetupError

NAME = "motadata_ml"
GUARD = f'\\echo Use "CREATE EXTENSION {NAME} CASCADE" to load this file. \\quit'
"""Keeps psql from running the install script as if it were an ordinary one."""


def sources() -> tuple[Path, Path]:
    """Return the folders of the SQL sources and of the upgrade scripts.

    Returns
    -------
    tuple of Path
        Those shipped inside the package, or those of the checkout where the package runs from one.

    Raises
    ------
    SetupError
        The package was installed without them.
    """
    package = Path(motadata_ml.__file__).resolve().parent
    for base in (package / "extension", package.parents[1]):
        if (base / "sql" / f"{NAME}.control").is_file():
            return base / "sql", base / "migrations"
    raise SetupError(
        f"the SQL sources of {NAME} are not in {package / 'extension'}",
        remedy=f"Install the package again: pip install --force-reinstall {WHEEL}",
    )


def default_version(control: str) -> str:
    """Read the version that CREATE EXTENSION installs out of a control file's text.

    Parameters
    ----------
    control : str
        The text of the control file.

    Raises
    ------
    SetupError
        It names none.
    """
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    if found is None:
        raise SetupError("the control file names no default_version", remedy="Install the package again.")
    return found[1]


def extension_files() -> dict[str, str]:
    """Assemble the extension's files.

    Returns
    -------
    dict
        File name to text: the control file, the install script (all of ``sql/[0-9]*.sql`` in the
        order of their names), the install script of the oldest release and every upgrade script.
    """
    sql, migrations = sources()
    control = (sql / f"{NAME}.control").read_text(encoding="utf-8")
    parts = [GUARD, *(path.read_text(encoding="utf-8").strip("\n") for path in sorted(sql.glob("[0-9]*.sql")))]
    files = {
        f"{NAME}.control": control,
        f"{NAME}--{default_version(control)}.sql": "\n\n".join(parts) + "\n",
    }
    for path in sorted(migrations.glob(f"{NAME}--*.sql")):
        files[path.name] = path.read_text(encoding="utf-8")
    return files


def write_files(folder: Path) -> list[Path]:
    """Write the extension's files into a folder, which is made where it is missing.

    Parameters
    ----------
    folder : Path
        Where to. A file appears whole or not at all.

    Returns
    -------
    list of Path
        The files whose content was not there already.

    Raises
    ------
    SetupError
        The folder cannot be written to.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in extension_files().items():
            path, beside = folder / name, folder / f".{name}.new"
            if path.is_file() and path.read_bytes() == text.encode():
                continue
            beside.write_text(text, encoding="utf-8")
            beside.chmod(0o644)
            beside.replace(path)
            written.append(path)
    except OSError as error:
        raise SetupError(
            f"cannot write the extension's files to {folder}: {error.strerror}",
            remedy="Run the same command with the rights of the folder's owner, usually with sudo.",
        ) from error
    return written


def remove_files(folder: Path) -> list[Path]:
    """Remove the extension's files, of every version, from a folder.

    Parameters
    ----------
    folder : Path
        Where from.

    Returns
    -------
    list of Path
        The files removed.

    Raises
    ------
    SetupError
        The folder cannot be written to.
    """
    removed = []
    for path in sorted([*folder.glob(f"{NAME}.control"), *folder.glob(f"{NAME}--*.sql")]):
        try:
            path.unlink()
        except OSError as error:
            raise SetupError(
                f"cannot remove {path}: {error.strerror}",
                remedy="Run the same command with the rights of the folder's owner, usually with sudo.",
            ) from error
        removed.append(path)
    return removed
