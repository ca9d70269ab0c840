"""Execute one notebook from top to bottom: `python execute.py FROM TO`, where nbclient is installed.

It is read by that environment's Python alone, so it imports nothing of the project.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat  # type: ignore[import-not-found]
from nbclient import NotebookClient  # type: ignore[import-not-found]

SECONDS = 300


def execute(source: Path, to: Path) -> None:
    """Run every cell in a fresh kernel; the first that fails fails the run.

    Parameters
    ----------
    source : Path
        The notebook.
    to : Path
        Where it is written with its outputs: without times, counters and addresses of the run.
    """
    notebook = nbformat.read(source, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3").execute(cwd=str(source.parent))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, to)


if __name__ == "__main__":
    execute(Path(sys.argv[1]), Path(sys.argv[2]))
