"""The threads that compute, and the places for requests: work never blocks the event loop nor piles up without end."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Callable, Iterator, TypeVar

from .errors import Busy

Result = TypeVar("Result")


class Workers:
    """`concurrency` threads, and places for `max_waiting` requests more. Use it from one event loop."""

    def __init__(self, concurrency: int, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="worker")
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
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Wait for the threads to finish what they have begun."""
        self._pool.shutdown()
