"""The machine a measurement was made on, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Dict

BOARD = Path("/proc/device-tree/model")  # Jetson and other boards
CPUS = Path("/proc/cpuinfo")


def machine() -> Dict[str, Any]:
    """Processor (or board), number of usable cores, operating system and Python version."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        if BOARD.is_file():
            return BOARD.read_text(errors="replace").strip("\0\n ")
        for line in CPUS.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
