"""What a fork server imports before it forks: what the algorithm of the training that it forks for needs, no more.

None of it may start a thread as it is imported. skl2onnx does, so it stays for the process that is forked.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

import motadata_ml_server
from motadata_ml_server.persistence.light_sklearn import without_unneeded

TREES: Final = ("sklearn.tree", "sklearn.ensemble")
"""Modules of estimators whose compiled form is written for ONNX Runtime, and compared there."""


def preload(algorithm: str) -> None:
    """Import what a training by an algorithm needs.

    What cannot be imported is left to the training, which fails of it with its own words.

    Parameters
    ----------
    algorithm : str
        Its name in the catalogue, or ``auto``.
    """
    with contextlib.suppress(Exception), without_unneeded():
        import joblib  # noqa: F401 - before the sandbox: it makes a semaphore, in a folder that is closed afterwards

        from motadata_ml_server.algorithms import catalogue
        from motadata_ml_server.persistence.audit import allowed_types
        from motadata_ml_server.worker import artifacts, estimators, fit, sandbox, training_process  # noqa: F401
        from motadata_ml_server.worker.compile import compare  # noqa: F401

        entry = catalogue.load().get(algorithm)
        if entry is not None:
            estimators.estimator_class(entry)
        if entry is None or entry.requires is None:
            allowed_types()
        if entry is None or entry.requires is not None or entry.module.startswith(TREES):
            import onnx  # noqa: F401

            from motadata_ml_server.prediction.runtimes import onnx_library
            from motadata_ml_server.worker.compile import onnx_trees, tree_arrays  # noqa: F401

            onnx_library.load()


def environment_state() -> tuple[tuple[str, int], ...]:
    """Return what changes when packages are installed, so that one process never mixes two states of them."""
    folders = [path for path in sys.path if os.path.isdir(path)] + list(motadata_ml_server.__path__)
    return tuple((folder, os.stat(folder).st_mtime_ns) for folder in folders)
