"""Where a measurement was taken: what a figure is worth depends on it."""

import os
import platform
import time
from pathlib import Path
from typing import Any

from livecore import __version__


def _first(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def _library(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def facts() -> dict[str, Any]:
    """Processor, cores, memory, kernel, Python and the libraries that matter, load at the start. Nothing personal: no host name."""
    memory_kib = _first("/proc/meminfo", "MemTotal").split()
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mib": int(memory_kib[0]) // 1024 if memory_kib else None,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "livecore": __version__,
        "libraries": {name: _library(name) for name in ("uvloop", "aiohttp", "python-socketio", "aiortc", "pylibsrtp", "sqlalchemy")},
        "load_average": round(os.getloadavg()[0], 2),
    }


def date() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
