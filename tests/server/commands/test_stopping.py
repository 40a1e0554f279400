"""Told to stop under load, and killed: no request that was taken is lost, and a new process takes the port at once."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Callable, List

import httpx
import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.http_server import run_http_server

WITHIN_S = 30.0  # a guard against hanging
CLIENTS = 8

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither of these signals")


class Load:
    """Clients that ask again and again, each until its first failure. statuses and failures: what they saw."""

    def __init__(self, url: str, image: bytes, kept: bool) -> None:
        self.statuses: List[int] = []
        self.failures: List[httpx.TransportError] = []
        self._headers = {} if kept else {"Connection": "close"}
        self._threads = [threading.Thread(target=self._ask, args=(url, image)) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str, image: bytes) -> None:
        try:
            with httpx.Client(timeout=WITHIN_S) as client:
                while True:
                    answer = client.post(f"{url}/v1/classify", files={"file": image}, headers=self._headers)
                    self.statuses.append(answer.status_code)
        except httpx.TransportError as failure:
            self.failures.append(failure)

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(WITHIN_S)
            assert not thread.is_alive()


def until(found: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.01)


@pytest.mark.parametrize("kept", [True, False])
def test_sigterm_under_load(tiny: Path, tmp_path: Path, cat: bytes, kept: bool) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--drain-delay", "1000") as server:
        load = Load(server.url, cat, kept)
        until(lambda: len(load.statuses) > 50, "the load never began")
        server.process.terminate()
        until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503, "it stayed ready")
        assert "stopping" in httpx.get(f"{server.url}/v2/health/ready").json()["error"]
        assert httpx.get(f"{server.url}/livez").status_code == 200
        before = len(load.statuses)
        until(lambda: len(load.statuses) > before, f"requests were no more taken while draining: {load.failures}")
        server.process.terminate()  # the second ends the draining, so that this test waits for no clock
        assert server.process.wait(WITHIN_S) == 0
        load.finish()
        assert set(load.statuses) == {200}
        check_failures(load)
        assert answered(server) == len(load.statuses)
        assert "Traceback" not in server.log.read_text()


def check_failures(load: Load) -> None:
    """A client is refused or, where it was not accepted yet, reset; `answered` counts those that were taken.

    A reset while httpx writes is swallowed by it, and its next read then finds the end of the connection.
    """
    for failure in load.failures:
        reset = "reset" in str(failure) or "disconnected without sending" in str(failure)
        assert isinstance(failure, httpx.ConnectError) or reset, repr(failure)


def answered(server: ServerProcess) -> int:
    """How many requests the server took, whatever became of them."""
    return len(re.findall(r"POST /v1/classify \d+ ", server.log.read_text()))


def test_a_second_signal_ends_the_draining(tiny: Path, tmp_path: Path) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--drain-delay", "1000") as server:
        server.process.send_signal(signal.SIGINT)
        until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503, "it stayed ready")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(WITHIN_S) == 0


def test_killed_and_started_again_on_the_same_port(tiny: Path, tmp_path: Path, cat: bytes) -> None:
    """As a supervisor does it; clients' connections of the dead process must not hold the port."""
    with run_http_server(tmp_path / "first", "--models", str(tiny)) as first:
        load = Load(first.url, cat, kept=True)
        until(lambda: len(load.statuses) > 50, "the load never began")
        first.process.kill()
        first.process.wait(WITHIN_S)
        load.finish()
        with run_http_server(tmp_path / "second", "--models", str(tiny), "--port", str(first.port)) as second:
            assert second.port == first.port
            assert httpx.get(f"{second.url}/readyz").status_code == 200
            assert httpx.post(f"{second.url}/v1/classify", files={"file": cat}).status_code == 200
