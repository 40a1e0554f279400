"""The machine a measurement was made on: what names it, and its processors."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Dict, Set

BOARD = Path("/proc/device-tree/model")  # Jetson and other boards
CPUS = Path("/proc/cpuinfo")
TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def describe_machine() -> Dict[str, Any]:
    """Processor (or board), number of usable cores, operating system and Python version."""
    return {
        "cpu": _read_cpu(),
        "cores": len(list_cpus()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def list_cpus() -> Set[int]:
    """The logical processors that this process may use, by their numbers."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def count_physical_cores(topology: str = TOPOLOGY) -> int:
    """How many cores the processors of this process belong to; where the system does not say, each counts as one."""
    return len({_read_siblings(Path(topology.format(cpu))) or str(cpu) for cpu in list_cpus()})


def _read_siblings(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _read_cpu() -> str:
    try:
        if BOARD.is_file():
            return BOARD.read_text(errors="replace").strip("\0\n ")
        for line in CPUS.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
