"""How fast the processors are at this moment, in the time of a fixed piece of work on two of them at once.

The processors of a virtual machine may be threads of one core, and shared with other machines: two of them then do
the work of one, for minutes, and nothing inside tells of it but the time it takes. Found on a machine where layers took
0.75 and at other times 1.3 ms: work on one processor took 0.5 ms throughout, on two at once 0.62 and 1.1.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

WORK = bytes(1 << 20)
TRIES = 9
ALIKE = 1.15  # yardsticks further apart are of different speeds; on a quiet machine they differ by a few per cent


def yardstick_ms() -> float:
    """The median of a few tries; about ten milliseconds in all. Hashing lets go of Python's lock."""
    with ThreadPoolExecutor(2) as pool:
        return statistics.median(_once(pool) for _ in range(TRIES))


def _once(pool: ThreadPoolExecutor) -> float:
    start = time.perf_counter()
    for done in [pool.submit(hashlib.sha256, WORK) for _ in range(2)]:
        done.result()
    return 1000 * (time.perf_counter() - start)
