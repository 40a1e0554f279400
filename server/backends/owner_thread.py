"""A thread that owns what may be used in one thread only: others hand calls over and wait for the results."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Callable, Optional, Tuple, TypeVar

Result = TypeVar("Result")
HANGS_S = 20.0  # a call that takes longer hangs, as a GPU may: the process must still come to its end


class Call:
    def __init__(self, work: Callable[..., Any], arguments: Tuple[Any, ...]) -> None:
        self.work = work
        self.arguments = arguments
        self.result: Any = None
        self.error: Optional[BaseException] = None
        self.done = threading.Lock()  # a tenth of what an Event costs
        self.done.acquire()


class OwnerThread:
    """Runs calls one after another. idle: what it does every `idle_s` seconds without a call."""

    def __init__(self, name: str, idle: Callable[[], None], idle_s: float) -> None:
        self._inbox: SimpleQueue[Optional[Call]] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._last: Optional[Callable[[], None]] = None
        self._idle = idle
        self._idle_s = idle_s
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """The result of `work(*arguments)`, run in the thread; what it raises is raised here.

        From within the thread it is run at once, after the calls that others have handed over meanwhile.
        """
        if threading.current_thread() is self._thread:
            self._answer_waiting()
            return work(*arguments)
        asked = self.post(work, *arguments)
        asked.done.acquire()
        if asked.error is not None:
            raise asked.error
        result: Result = asked.result
        return result

    def post(self, work: Callable[..., Any], *arguments: Any) -> Call:
        """Have `work(*arguments)` run in the thread, without waiting."""
        asked = Call(work, arguments)
        with self._closing:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._inbox.put(asked)
        return asked

    def free_at_exit(self, last: Callable[[], None]) -> None:
        """See that `last` runs in the thread as its last call: at `close`, or at the process's exit if that is
        first."""
        self._last = last
        atexit.register(self.close)

    def close(self) -> None:
        """Run the calls handed over so far, then `last`, and end the thread. May be called again, and by the thread
        itself, as the garbage collector does."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._inbox.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(HANGS_S)
        atexit.unregister(self.close)

    def _serve(self) -> None:
        while True:
            try:
                asked = self._inbox.get(timeout=self._idle_s)
            except Empty:
                self._idle()
                continue
            if asked is None:
                break
            self._answer(asked)
            asked = None  # an idle thread must not keep a request's images
        if self._last is not None:
            self._last()

    def _answer_waiting(self) -> None:
        with suppress(Empty):
            asked = self._inbox.get_nowait()
            while asked is not None:
                self._answer(asked)
                asked = self._inbox.get_nowait()
            self._inbox.put(None)  # the end, which `_serve` must see

    @staticmethod
    def _answer(asked: Call) -> None:
        try:
            asked.result = asked.work(*asked.arguments)
        except BaseException as error:
            # Without tracebacks: they would hold this thread's frames, and what those own, in another thread.
            error.__cause__ = error.__context__ = None
            asked.error = error.with_traceback(None)
        finally:
            asked.done.release()
