"""The one place that imports ONNX Runtime, which calls home unless it is told not to before it is loaded."""

from __future__ import annotations

import os
from types import ModuleType


def load() -> ModuleType:
    """Import ONNX Runtime with its telemetry off, in this process and in those that it starts.

    The wheel looks up a host of its vendor's, keeps a thread and writes a database under the user's cache folder as it
    is loaded; `disable_telemetry_events`, called afterwards, comes too late. It reads the variable while it is loaded.

    Returns
    -------
    module
        ``onnxruntime``.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    library: ModuleType = onnxruntime
    return library
