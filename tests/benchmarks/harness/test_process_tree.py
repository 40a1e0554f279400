"""A process with its children: what it uses is added up, and all of it is ended."""

from __future__ import annotations

import os
import sys
import time

import pytest

from benchmarks.harness.process_tree import find_free_port, run_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

BUSY_CHILD = """
import subprocess, sys, time
child = "import time\\nend = time.process_time() + 0.3\\nwhile time.process_time() < end: pass\\ntime.sleep(60)"
subprocess.Popen([sys.executable, "-c", child])
print("started", flush=True)
time.sleep(60)
"""


def test_a_child_counts_and_is_ended() -> None:
    with run_process([sys.executable, "-c", BUSY_CHILD], {}) as process:
        end = time.monotonic() + 30
        while process.tree.read_cpu_s() < 0.3 and time.monotonic() < end:
            time.sleep(0.05)
        pids = process.tree.list_pids()
        assert len(pids) == 2 and pids[0] == process.tree.pid
        assert process.tree.read_cpu_s() >= 0.3 and process.tree.read_memory() > 5_000_000
        assert process.log.read_text() == "started\n"
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            end = time.monotonic() + 10
            while time.monotonic() < end:  # whoever adopted the child has to collect it
                os.kill(pid, 0)
                time.sleep(0.05)


def test_the_environment_is_handed_on() -> None:
    code = "import os, time; print(os.environ['RIVAL_PORT'], flush=True); time.sleep(60)"
    with run_process([sys.executable, "-c", code], {"RIVAL_PORT": "7"}) as process:
        end = time.monotonic() + 30
        while not process.log.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        assert process.log.read_text() == "7\n"


def test_free_ports_differ() -> None:
    assert len({find_free_port() for _ in range(5)}) > 1
