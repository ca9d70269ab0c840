"""Sessions of psql that a page shows: what was typed after the prompts, and what psql printed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PROMPT = re.compile(r"^motadata[=-]# ", re.MULTILINE)
_BLOCK = re.compile(r"(?<=^```psql\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_LONGEST = 120


def shown(page: str) -> tuple[list[str], list[str]]:
    """Return the statements of a page, and the text that it shows below each."""
    statements: list[list[str]] = []
    texts: list[list[str]] = []
    for line in "".join(_BLOCK.findall(page)).splitlines():
        if line.startswith("motadata=# "):
            statements.append([])
            texts.append([])
        if PROMPT.match(line):
            statements[-1].append(PROMPT.sub("", line))
        else:
            texts[-1].append(line)
    return ["\n".join(lines) for lines in statements], ["\n".join(lines).strip("\n") for lines in texts]


def printed(dsn: str, statements: list[str]) -> list[str]:
    """Run the statements in one psql; returns what it prints of each."""
    script = "\n".join("\\echo @@@\n" + statement for statement in statements)
    run = subprocess.run(["psql", "-X", dsn], input=script, capture_output=True, text=True, check=True)
    assert run.stderr == "", run.stderr
    return [part.strip("\n") for part in run.stdout.split("@@@\n")[1:]]


def require_true(dsn: str, path: Path) -> None:
    """Expect a page's sessions to be what psql prints; with MOTADATA_ML_WRITE_DOCS=1, write them so."""
    page = path.read_text(encoding="utf-8")
    statements, texts = shown(page)
    assert statements
    real = printed(dsn, statements)
    if os.environ.get("MOTADATA_ML_WRITE_DOCS"):
        path.write_text(_written(page, dict(zip(statements, real, strict=True))), encoding="utf-8")
    else:
        assert real == texts
        assert max(len(line) for text in real for line in text.split("\n")) <= _LONGEST


def _written(page: str, answers: dict[str, str]) -> str:
    def block(match: re.Match[str]) -> str:
        lines = []
        for statement in shown(f"```psql\n{match[0]}```\n")[0]:
            first, *more = statement.split("\n")
            lines += [f"motadata=# {first}", *(f"motadata-# {line}" for line in more)]
            if answers[statement]:
                lines += [*answers[statement].split("\n"), ""]
        return "\n".join(lines).rstrip("\n") + "\n"

    return _BLOCK.sub(block, page)
