"""What systemd is told of a `Type=notify` unit: ready, what it is doing, and that it is alive (sd_notify(3)).

The protocol is one datagram of VARIABLE=value lines to the socket that NOTIFY_SOCKET names; without it nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import List, Mapping, Optional, Protocol


class WatchedModels(Protocol):
    """What is reported on: a catalogue of models."""

    @property
    def loaded(self) -> bool: ...

    @property
    def problem(self) -> Optional[str]: ...


class Supervisor:
    """Call `tick` from the event loop, several times a second: a loop that hangs stops answering the watchdog.

    The signs of life follow neither load nor the models' state: a restart would mend neither.
    """

    def __init__(self, watched: WatchedModels, environment: Mapping[str, str] = os.environ) -> None:
        self._watched = watched
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._every_s = read_watchdog_s(environment)
        self._ready = False
        self._said = ""
        self._next_sign = 0.0  # of time.monotonic

    def tick(self) -> None:
        if not self._address:
            return
        lines = self._news()
        now = time.monotonic()
        if self._every_s and now >= self._next_sign:
            self._next_sign = now + self._every_s
            lines.append("WATCHDOG=1")
        self._send(lines)

    def notify_stopping(self) -> None:
        self._send(["STOPPING=1", "STATUS=stopping"])

    def _news(self) -> List[str]:
        lines = []
        status = self._watched.problem or "serving"
        if status != self._said:
            self._said = status
            lines.append("STATUS=" + " ".join(status.split()))
        if not self._ready and self._watched.loaded:
            self._ready = True
            lines.append("READY=1")
        return lines

    def _send(self, lines: List[str]) -> None:
        if not lines or not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a supervisor that does not read must not hold the event loop
            sender.sendto("\n".join(lines).encode(), address)


def read_watchdog_s(environment: Mapping[str, str]) -> float:
    """Seconds between two signs of life, 0 where none is asked for: a third of the time allowed."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # meant for another process
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 3e6
    except ValueError:
        return 0.0
