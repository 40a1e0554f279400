"""How much of the processors other programs use while something is measured.

Source: proc(5), /proc/stat. Where there is none (not Linux), no other program is seen. Time that a hypervisor took away
(steal) counts as another program's; a machine that runs slower as a whole cannot be seen from inside.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")


@dataclass(frozen=True)
class Snapshot:
    """Seconds of all processors together since the system started: all, those at work, and this process's own."""

    all: float
    busy: float
    own: float


def take_snapshot(stat: Path = STAT) -> Snapshot:
    times = os.times()
    own = times.user + times.system
    try:
        ticks = [int(word) for word in stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
        user, nice, system, idle, wait, interrupts, soft, stolen = ticks
    except (OSError, ValueError):
        return Snapshot(0, 0, own)
    second = os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + interrupts + soft + stolen
    return Snapshot((busy + idle + wait) / second, busy / second, own)


def compute_others_share(before: Snapshot, after: Snapshot) -> float:
    """Share of the processors' time that this process did not use and that was used; 0 where it is not known."""
    passed = after.all - before.all
    if passed <= 0:
        return 0.0
    share = ((after.busy - before.busy) - (after.own - before.own)) / passed
    return min(1.0, max(0.0, share))  # differences of large numbers: a share may come out a little above 1
