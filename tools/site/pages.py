"""Lay out the pages for the site: what they link to beside pages is in the repository."""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path

from tools.dist.packages import project
from tools.site.notebooks import as_markdown

ROOT = Path(__file__).parents[2]
BESIDE = ("migrations/README.md", "plpython/motadata_ml_server/persistence/FORMATS.md", "pyclient/compat/README.md")
"""Pages that are neither in docs/ nor on top of the project."""

INDEX = "docs/index.md"
"""The page that lists the others, by what they are for: the navigation is read from it."""

_LINK = re.compile(r"(\]\()([^()\s#]+)((?:#[^()\s]*)?\))")


def found() -> list[str]:
    """Return every page that the site has, by its path in the project."""
    notebooks = (ROOT / "docs").rglob("*.ipynb")
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *notebooks, *(ROOT / name for name in BESIDE)]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def sections() -> dict[str, list[str]]:
    """Return the navigation: the index's headings, and the pages that it lists below each, once."""
    text = (ROOT / INDEX).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    pages, listed = set(found()), {INDEX}
    navigation = {}
    for title, part in zip(parts[1::2], parts[2::2], strict=True):
        paths = [posixpath.normpath(posixpath.join("docs", match[2])) for match in _LINK.finditer(part)]
        below = list(dict.fromkeys(path for path in paths if path in pages - listed))
        listed.update(below)
        navigation[title] = [built(path) for path in below]
    return navigation


def built(page: str) -> str:
    """Return a page's path on the site: a notebook is laid out as a page of Markdown."""
    return re.sub(r"\.ipynb$", ".md", page)


def repository() -> str:
    """Return the address of the project's files."""
    return f"{project()['urls']['Repository']}/blob/main"


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
        return f"{match[1]}{built(target)}{match[3]}" if here else f"{match[1]}{files}/{path}{match[3]}"

    return _LINK.sub(lead, text)


def lay_out(folder: Path) -> None:
    """Write every page, and the pictures, below a folder.

    Parameters
    ----------
    folder : Path
        Where to.
    """
    for page in found():
        path = folder / built(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = page.endswith(".ipynb")
        text = as_markdown(ROOT / page) if notebook else (ROOT / page).read_text(encoding="utf-8")
        path.write_text(linked(text, page), encoding="utf-8")
    for picture in (ROOT / "docs").rglob("*.svg"):
        path = folder / picture.relative_to(ROOT)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, path)
