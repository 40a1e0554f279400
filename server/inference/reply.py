"""The answer to one request, from the thread that computes it to the event loop that waits for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Callable, Dict, Generic, List, Sequence, Tuple, TypeVar

Result = TypeVar("Result")


class Reply(Generic[Result]):
    """Make it within the event loop that awaits `future`; the other methods may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Result] = self._loop.create_future()

    @property
    def wanted(self) -> bool:
        """False once it is given or nobody waits any more."""
        return not self.future.done()

    def give(self, result: Result) -> None:
        self._post(self.future.set_result, result)

    @staticmethod
    def give_all(results: Sequence[Tuple[Reply[Result], Result]]) -> None:
        """Several at once. The loop is woken up once: every time it is, it may take the GIL for a while."""
        by_loop: Dict[asyncio.AbstractEventLoop, List[Tuple[Reply[Result], Result]]] = {}
        for reply, result in results:
            by_loop.setdefault(reply._loop, []).append((reply, result))
        for loop, pairs in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_set_all, pairs)

    def fail(self, error: BaseException) -> None:
        self._post(self.future.set_exception, error)

    def _post(self, setter: Callable[[Any], None], value: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._set, setter, value)

    def _set(self, setter: Callable[[Any], None], value: Any) -> None:
        if self.wanted:
            setter(value)


def _set_all(results: Sequence[Tuple[Reply[Result], Result]]) -> None:
    for reply, result in results:
        reply._set(reply.future.set_result, result)
