"""What the tests of the written pages share: which pages there are, what they link to, what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("docs", "migrations", "plpython", ".github", "benchmarks")
"""Folders with pages, beside the root itself."""

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
_PATH = re.compile(r"\.?[\w*.-]+(?:/[\w*.-]+)*/?")
_FILES = ("Makefile", "LICENSE")
_ENDINGS = (".py", ".sql", ".md", ".toml", ".yml", ".yaml", ".json", ".sha256", ".lock", ".control")


def pages() -> list[Path]:
    """Return every page of the project that is written in Markdown."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *found])


def prose(page: Path) -> str:
    """Return a page's text without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(text: str) -> Iterator[str]:
    """Yield what a text links to, code apart, web addresses left out."""
    for target in _LINK.findall(text):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_paths(text: str) -> set[str]:
    """Return what a text names in code that is a path of files: with a folder, or with a known ending."""
    found = set()
    for code in _CODE.findall(text):
        if _PATH.fullmatch(code) and ("/" in code or code in _FILES or code.endswith(_ENDINGS)):
            found.add(code)
    return found


def exists(path: str, *bases: Path) -> bool:
    """Tell whether a path, which may hold `*`, is there below one of some folders."""
    return any(any(base.glob(path.rstrip("/"))) for base in bases)
