"""What systemd is told, on a real datagram socket in its place."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Iterator, Optional

import pytest

from server.commands.supervisor import Supervisor, read_watchdog_s
from tests.server.support.http_server import run_http_server

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX") or sys.platform == "win32", reason="needs Unix sockets")


class Watched:
    loaded = False
    problem: Optional[str] = "the models are still loading"


class Socket:
    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def lines(self) -> list[str]:
        """Of all messages that are there."""
        self._socket.setblocking(False)
        found: list[str] = []
        try:
            while True:
                found += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return found

    def until(self, line: str) -> list[str]:
        self._socket.settimeout(60)
        found: list[str] = []
        while line not in found:
            found += self._socket.recv(4096).decode().splitlines()
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Socket]:
    monkeypatch.chdir(tmp_path)  # the address of a Unix socket is at most 107 bytes long
    found = Socket("notify")
    yield found
    found.close()


def test_ready_once_the_models_are_there(systemd: Socket) -> None:
    watched = Watched()
    supervisor = Supervisor(watched, {"NOTIFY_SOCKET": "notify"})
    supervisor.tick()
    assert systemd.lines() == ["STATUS=the models are still loading"]
    supervisor.tick()
    assert systemd.lines() == []
    watched.problem = "building the engine of cat:\nREADY=1"  # no line of its own can come from a message
    supervisor.tick()
    assert systemd.lines() == ["STATUS=building the engine of cat: READY=1"]
    watched.loaded, watched.problem = True, None
    supervisor.tick()
    assert systemd.lines() == ["STATUS=serving", "READY=1"]
    watched.problem = "cat: fell back to the CPU"
    supervisor.tick()
    assert systemd.lines() == ["STATUS=cat: fell back to the CPU"]
    supervisor.notify_stopping()
    assert systemd.lines() == ["STOPPING=1", "STATUS=stopping"]


def test_signs_of_life_come_only_from_ticks(systemd: Socket, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    supervisor = Supervisor(Watched(), {"NOTIFY_SOCKET": "notify", "WATCHDOG_USEC": "30000000"})
    supervisor.tick()
    assert systemd.lines()[-1] == "WATCHDOG=1"
    now = 109.9
    supervisor.tick()
    assert systemd.lines() == []
    now = 110.1
    supervisor.tick()
    assert systemd.lines() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment, seconds",
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "3000000"}, 1.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({"WATCHDOG_USEC": "-5"}, 0.0),
    ],
)
def test_watchdog_interval(environment: dict[str, str], seconds: float) -> None:
    assert read_watchdog_s(environment) == seconds


def test_nobody_to_tell() -> None:
    Supervisor(Watched(), {}).tick()
    supervisor = Supervisor(Watched(), {"NOTIFY_SOCKET": "/nowhere/at/all"})
    supervisor.tick()
    supervisor.notify_stopping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_a_real_server_tells_its_supervisor(tiny: Path, tmp_path: Path) -> None:
    name = f"fwht-test-{os.getpid()}"
    systemd = Socket(f"\0{name}")
    try:
        variables = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "300000"}
        with run_http_server(tmp_path / "log", "--models", str(tiny), **variables):
            assert "STATUS=serving" in systemd.until("READY=1")
            systemd.until("WATCHDOG=1")
        assert "STOPPING=1" in systemd.lines()
    finally:
        systemd.close()
