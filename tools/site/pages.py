"""Lay out the pages for the site: what they link to beside pages is in the repository."""

from __future__ import annotations

import posixpath
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
BESIDE = ("migrations/README.md", "plpython/motadata_ml_server/persistence/FORMATS.md", "pyclient/compat/README.md")
"""Pages that are neither in docs/ nor on top of the project."""

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Start": ("README.md", "docs/install.md", "docs/troubleshooting.md", "docs/index.md"),
    "Use it": ("docs/client.md", "docs/drivers.md", "docs/algorithms.md", "docs/glossary.md", "docs/sql-reference.md"),
    "Run it": (
        *("docs/operations.md", "docs/security.md", "docs/faults.md", "docs/benchmarks.md", "docs/profiles.md"),
        *("docs/licences.md", "CHANGELOG.md", "docs/roadmap.md", "SUPPORT.md", "SECURITY.md"),
    ),
    "Change it": (
        *("CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "docs/architecture.md", "docs/feature-kinds.md"),
        *("docs/decisions/README.md", "docs/releasing.md", *BESIDE),
    ),
}
"""The navigation: headings, and the pages below each. Decisions are reached from their list."""

_LINK = re.compile(r"(\]\()([^()\s#]+)((?:#[^()\s]*)?\))")


def found() -> list[str]:
    """Return every page that the site has, by its path in the project."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in BESIDE)]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def repository() -> str:
    """Return the address of the project's files."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return f"{read['project']['urls']['Repository']}/blob/main"


def linked(text: str, page: str) -> str:
    """Return a page's text with links to what the site does not have leading into the repository.

    Parameters
    ----------
    text : str
        The page.
    page : str
        Its path in the project.
    """
    pages, files = set(found()), repository()

    def lead(match: re.Match[str]) -> str:
        target = match[2]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        here = path in pages or path.endswith(".svg") or re.match(r"[a-z]+:", target)
        return match[0] if here else f"{match[1]}{files}/{path}{match[3]}"

    return _LINK.sub(lead, text)


def lay_out(folder: Path) -> None:
    """Write every page, and the pictures, below a folder.

    Parameters
    ----------
    folder : Path
        Where to.
    """
    for page in found():
        path = folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(linked((ROOT / page).read_text(encoding="utf-8"), page), encoding="utf-8")
    for picture in (ROOT / "docs").rglob("*.svg"):
        path = folder / picture.relative_to(ROOT)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, path)
