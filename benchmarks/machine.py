"""What a run was made on: machine, versions, date."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.server import BINDIR

LIBRARIES = (
    "scikit-learn",
    "numpy",
    "onnxruntime",
    "adbc-driver-postgresql",
    "pyarrow",
    "pandas",
    "fastapi",
    "uvicorn",
    "asyncpg",
)


def describe(mode: str, seconds: float, **tables: int) -> dict[str, str | int]:
    """Return what results.json begins with."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "mode": mode,
        "machine": f"{os.cpu_count()} cores of {_cpu()}, {_memory_gb()} GB",
        "cpu": _cpu(),
        "system": f"{_system()}, Linux {platform.release()}, {platform.machine()}",
        "postgresql": _said([str(BINDIR / "postgres"), "--version"]).split()[2],
        "pgbouncer": _said(["/usr/sbin/pgbouncer", "--version"]).split()[1],
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
        **tables,
        "seconds": round(seconds),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "CPU part"):
            return value.strip()
    return platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
