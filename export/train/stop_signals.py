"""Ctrl-C, SIGTERM and the end of the time allowed, as a request that a loop answers at a point of its choice."""

from __future__ import annotations

import math
import signal
import time
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# That of Ctrl-C in a shell, and sysexits.h's "try again later".
EXIT_INTERRUPTED, EXIT_TIME_IS_UP = 130, 75


class StopRequested(Exception):
    """The run was asked to stop; its state is saved. `exit_status` says why."""

    def __init__(self, exit_status: int) -> None:
        super().__init__(exit_status)
        self.exit_status = exit_status


class StopSignals:
    """While entered, the first SIGINT or SIGTERM only sets `stop_requested`; a second one acts as usual.

    A stop is requested as well when `seconds` (0: no limit) have passed since this object was made.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._signalled = False
        self._end = time.monotonic() + seconds if seconds else math.inf
        self._before: dict[signal.Signals, object] = {}

    @property
    def stop_requested(self) -> bool:
        return self._signalled or time.monotonic() >= self._end

    @property
    def exit_status(self) -> int:
        return EXIT_INTERRUPTED if self._signalled else EXIT_TIME_IS_UP

    def __enter__(self) -> StopSignals:
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
