"""Device nodes that CUDA opens when it starts, and whether this user may: what CUDA itself says is only "operation not
supported" (801) or "no CUDA-capable device" (100).

The nodes are those of docker/gpu_nodes.txt, which names its sources; of every platform, as only those that are here
count.
"""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path
from typing import Optional

OPENED = (
    "dev/nvhost-gpu",
    "dev/nvhost-ctrl",
    "dev/nvhost-ctrl-gpu",
    "dev/nvmap",
    "dev/nvgpu/igpu0/power",
    "dev/nvgpu/igpu0/ctrl",
    "dev/host1x-fence",
    "dev/dri/renderD*",
    "dev/nvidiactl",
    "dev/nvidia[0-9]*",
    "dev/nvidia-uvm",
    "dev/dxg",
)


def closed_nodes(root: Path = Path("/")) -> Optional[str]:
    """Which of them this user may not use, the groups that may, and the cure, as a sentence; None where there is none.

    Only nodes of a GPU of NVIDIA count: a render node alone may be another maker's.
    """
    nodes = [node for pattern in OPENED for node in sorted(root.glob(pattern))]
    if all("renderD" in node.name for node in nodes):
        return None
    closed = [node for node in nodes if not may_use(node)]
    if not closed:
        return None
    groups = sorted({node.stat().st_gid for node in closed})
    return (
        f"user {os.geteuid()} may not use {', '.join(map(str, closed))}: add the groups that own them,"
        f" {', '.join(map(name_group, groups))} (a container: {' '.join(f'--group-add {group}' for group in groups)};"
        " Kubernetes: supplementalGroups; a login: sudo usermod -aG GROUP $USER, and log in again)"
    )


def may_use(node: Path) -> bool:
    """As the group that owns it may: /dev/nvmap is writable for nobody on some systems."""
    writable = bool(node.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return os.access(node, os.R_OK) and (os.access(node, os.W_OK) or not writable)


def name_group(group: int) -> str:
    """As in "104 (render)"."""
    try:
        return f"{group} ({grp.getgrgid(group).gr_name})"
    except KeyError:
        return str(group)
