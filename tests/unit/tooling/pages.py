"""What the tests of the written pages share: which pages there are, what they link to, what they name."""

from __future__ import annotations

import re
import shlex
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
    """Return the anchors of a page: of its headings, as GitHub makes them, and those that it sets itself."""
    text = prose(page)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    own = set(re.findall(r'^<a id="([\w-]+)"></a>$', text, re.MULTILINE))
    return own | {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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


def sections(page: Path) -> dict[str, str]:
    """Return the texts below the headings of the second level, by heading."""
    parts = re.split(r"^## (.+)$", prose(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, its head left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def linked_code(text: str) -> list[tuple[str, str]]:
    """Return text and target of the links whose text is code: those that name a file."""
    return re.findall(r"\[`([^`]+)`\]\(([^)#\s]+)\)", text)


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def commands(page: Path) -> list[str]:
    """Return the lines of a page's blocks of code and what stands in code within its text."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in _FENCE.finditer(text) for line in block[0].splitlines()]
    return [*blocks, *_CODE.findall(_FENCE.sub("", text))]


def called_targets(command: str) -> set[str]:
    """Return the targets of a command that calls make: `make ARGS="tests/unit -x" pytest` calls one."""
    words = shlex.split(command, comments=True)
    if words[:1] != ["make"]:
        return set()
    return {word for word in words[1:] if "=" not in word and not word.startswith("-")}
