"""A notebook as a page of the site: its texts, its code, and what each cell showed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


def as_markdown(path: Path) -> str:
    """Return a notebook's cells with their outputs as Markdown.

    Parameters
    ----------
    path : Path
        The notebook, in Jupyter's format 4.
    """
    read = json.loads(path.read_text(encoding="utf-8"))
    parts = []
    for cell in read["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            parts += filter(None, map(_shown, cell["outputs"]))
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = output["data"]
    if "text/html" in data:  # one block of HTML ends at the first empty line
        html = _STYLE.sub("", "".join(data["text/html"]))
        return "\n".join(line for line in html.splitlines() if line.strip())
    return f"```text\n{''.join(data['text/plain']).rstrip()}\n```"
