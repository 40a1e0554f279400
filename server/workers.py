"""The threads that compute, and the places for requests: work never blocks the event loop nor piles up without end."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator, Optional, TypeVar

import anyio
from anyio import to_thread

from .errors import Busy

Result = TypeVar("Result")


class Workers:
    """`concurrency` threads, and places for `max_waiting` requests more. Use it from one event loop.

    Work goes to the thread that was idle last, whose core still has the engine in its caches; a ThreadPoolExecutor
    takes turns, which cost a lone client 0.2 to 0.4 ms a request.
    """

    def __init__(self, concurrency: int, max_waiting: int) -> None:
        self._threads = concurrency
        self._limit: Optional[anyio.CapacityLimiter] = None  # made within the event loop
        self._places = concurrency + max_waiting
        self.taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; taken before a body is read, so that places bound the memory. Raises Busy if none is left."""
        if self.taken >= self._places:
            raise Busy(f"{self.taken} requests are being worked on, which is all this server takes: try again later")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """The result of `work(*arguments)`, computed in a thread as soon as one is free."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._limiter())

    async def close(self) -> None:
        """Wait for the threads to finish what they have begun."""
        for _ in range(self._threads):
            await self._limiter().acquire_on_behalf_of(object())

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(self._threads)
        return self._limit
