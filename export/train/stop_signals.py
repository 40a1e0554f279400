"""Ctrl-C, SIGTERM and the end of the time allowed as a request that a loop can answer when it suits."""

from __future__ import annotations

import math
import signal
import time
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED, TIME_IS_UP = 130, 75  # exit statuses: that of Ctrl-C in a shell, and sysexits.h's "try again later"


class Interrupted(Exception):
    """The run was asked to stop; its state is saved. `status` is the exit status that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Interruption:
    """While entered, the first SIGINT or SIGTERM only sets `requested`; a second one acts as ever.

    It is requested as well when `seconds` (0: any number) have passed since this object was made.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._signalled = False
        self._end = time.monotonic() + seconds if seconds else math.inf
        self._before: dict[signal.Signals, object] = {}

    @property
    def requested(self) -> bool:
        return self._signalled or time.monotonic() >= self._end

    @property
    def status(self) -> int:
        return INTERRUPTED if self._signalled else TIME_IS_UP

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
