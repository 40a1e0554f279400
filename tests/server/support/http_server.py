"""A real server process on a free port, for tests that need sockets, signals or memory figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[3]
START_S = 60.0  # generous: the process imports ONNX Runtime on a machine that may be busy


@dataclass
class HttpServer:
    """url: http://127.0.0.1:<port>. log: the file that holds its stderr."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def memory(self, field: str = "VmRSS") -> int:
        """Resident bytes now, or at the highest with field VmHWM (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        assert found, status
        return int(found[1]) * 1024


def command(*flags: str, module: Sequence[str] = ("server",)) -> list[str]:
    return [sys.executable, "-m", *module, *flags]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with `variables`, without FWHT_ settings that the developer may have set."""
    return {**{key: value for key, value in os.environ.items() if not key.startswith("FWHT_")}, **variables}


@contextmanager
def http_server(log: Path, *flags: str, module: Sequence[str] = ("server",), **variables: str) -> Iterator[HttpServer]:
    """Start `python -m server`, or another module with its arguments, wait until it serves, and stop it at the end."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command("--port", "0", *flags, module=module), cwd=ROOT, stderr=stderr, env=environment(**variables)
        )
    try:
        yield HttpServer(process, _wait_for_url(process, log), log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        found = re.search(r"serving at ([^\s\"]+)", log.read_text())
        if found:
            return found[1]
        assert process.poll() is None, f"the server stopped: {log.read_text()}"
        time.sleep(0.05)
    raise AssertionError(f"the server did not start within {START_S} s: {log.read_text()}")
