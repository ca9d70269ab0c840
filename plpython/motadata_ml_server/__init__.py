"""The server side of motadata_ml: everything a SQL function body calls."""

import os

__version__ = "0.3.0"

# Libraries read these when they are first loaded, so they stand before anything can import one.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""ONNX Runtime's wheel would report to its vendor: a look-up of a host, a thread, a database in the user's cache."""
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
"""A session keeps one thread: OpenBLAS and OpenMP would start one for each processor and keep them. Workers are told
theirs; what divides rows among threads ends them with the call."""
