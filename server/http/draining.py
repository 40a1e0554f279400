"""Stopping without losing a request: say no to readiness first, take what still comes, then close."""

from __future__ import annotations

import asyncio
import socket
import time
from types import FrameType
from typing import Callable, List, Optional

import uvicorn


class DrainingServer(uvicorn.Server):
    """uvicorn's server with the phase that load balancers need between SIGTERM and the end of listening.

    drain: called once, when the first signal is seen; requests are still taken for `delay_s` after it.
    tick: called by the event loop every 0.1 s.
    A second signal ends that phase; a second Ctrl-C also leaves requests in flight unanswered.
    """

    def __init__(
        self, config: uvicorn.Config, delay_s: float, drain: Callable[[], None], tick: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._delay_s = delay_s
        self._drain = drain
        self._tick = tick
        self._close_at: Optional[float] = None  # of time.monotonic

    def fail(self) -> None:
        """Stop without a phase of draining: there is nothing to serve."""
        self._delay_s = 0
        self.should_exit = True

    def handle_exit(self, sig: int, frame: Optional[FrameType]) -> None:
        if self._close_at is not None:
            self._close_at = 0.0
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Asked every 0.1 s whether to stop."""
        self._tick()
        if not await super().on_tick(counter):
            return False
        if self._close_at is None:
            self._close_at = time.monotonic() + self._delay_s
            self._drain()
        return time.monotonic() >= self._close_at

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """Stop listening, answer what was accepted, end.

        asyncio drops a connection without a word where its listener is closed between accepting it and making its
        transport, one turn of the loop later. So nothing more is accepted first, and that turn is waited for. (uvloop
        drops none, and what is done for asyncio does nothing to its listeners.)
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        for _ in range(2):  # the turn may have begun already
            await asyncio.sleep(0)
        await super().shutdown(sockets)
