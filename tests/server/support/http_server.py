"""A real server process on a free port, for tests that need sockets, signals or memory figures."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Sequence

from benchmarks.harness.server_process import SERVER, ServerProcess, run_server

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def run_http_server(
    log: Path, *flags: str, module: Sequence[str] = SERVER, **variables: str
) -> Iterator[ServerProcess]:
    """`run_server` with its log in a file of the test's, without FWHT_ settings that the developer may have set."""
    with run_server(*flags, log=log, module=module, environment=make_environment(**variables)) as server:
        yield server


def make_environment(**variables: str) -> dict[str, str]:
    """This process's environment with `variables`, without its FWHT_ settings but for the choice of kernels."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FWHT_")}
    return {**kept, "FWHT_NATIVE": os.environ["FWHT_NATIVE"], **variables}


def read_memory(server: ServerProcess, field: str = "VmRSS") -> int:
    """Resident bytes of the process now, or at the highest with field VmHWM (Linux)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found, status
    return int(found[1]) * 1024
