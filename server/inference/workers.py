"""The threads that compute, and the places for requests: work never blocks the event loop nor piles up without end."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, Callable, Deque, Iterator, List, Optional, TypeVar

from anyio import to_thread

from ..errors import Busy
from .reply import Reply

Result = TypeVar("Result")


class Job:
    """Work for a thread. big: it may take long, so that it must not hold all threads."""

    def __init__(self, work: Callable[[], None], big: bool = False) -> None:
        self.work = work
        self.big = big


class Workers:
    """`concurrency` threads, and places for `max_waiting` requests more.

    Work goes to the thread that was idle last, whose core still has the engine in its caches; a ThreadPoolExecutor
    takes turns, which cost a lone client 0.2 to 0.4 ms a request. Big jobs leave one thread (of several) to the others.
    """

    def __init__(self, concurrency: int, max_waiting: int) -> None:
        self._most = concurrency
        self._most_big = max(1, concurrency - 1)
        self._places = concurrency + max_waiting
        self.taken = 0
        self._lock = threading.Lock()  # guards all below
        self._threads: List[threading.Thread] = []
        self._idle: List[SimpleQueue[Optional[Job]]] = []  # a thread's inbox each
        self._waiting: Deque[Job] = deque()
        self._big = 0
        self._closed = False

    @contextmanager
    def hold_place(self) -> Iterator[None]:
        """Hold a place; taken before a body is read, so that places bound the memory.

        Raises Busy if none is left or the server is stopping. Use it from one event loop.
        """
        if self._closed:
            raise Busy("the server is stopping: try again in a second, which may reach its successor")
        if self.taken >= self._places:
            raise Busy(f"{self.taken} requests are being worked on, which is all this server takes: try again later")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[..., Result], *arguments: Any, big: bool = False) -> Result:
        """The result of `work(*arguments)`, computed in a thread as soon as one is free."""
        reply: Reply[Result] = Reply()

        def answer() -> None:
            try:
                reply.give(work(*arguments))
            except BaseException as error:
                reply.fail(error)

        job = Job(answer, big)
        self.submit(job)
        try:
            return await reply.future
        finally:
            self.withdraw(job)

    def submit(self, job: Job) -> None:
        """Have a thread do `job`; what it raises is lost, so it must answer by itself."""
        with self._lock:
            if self._closed:
                raise Busy("the server has stopped: ask its successor")
            self._waiting.append(job)
            if not self._idle and len(self._threads) < self._most:
                self._start_thread()
            elif self._idle and self._may_start(job):
                self._waiting.pop()
                self._idle.pop().put(self._start(job))

    def withdraw(self, job: Job) -> None:
        """Forget `job` unless it has begun."""
        with self._lock, suppress(ValueError):
            self._waiting.remove(job)

    async def close(self) -> None:
        """Take no more work, and wait for the threads to finish what there is."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)
        await to_thread.run_sync(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"worker-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        inbox: SimpleQueue[Optional[Job]] = SimpleQueue()
        job = self._next(inbox, False)
        while job is not None:
            with suppress(Exception):
                job.work()
            big, job = job.big, None  # an idle thread must not keep a request's images
            job = self._next(inbox, big)

    def _next(self, inbox: SimpleQueue[Optional[Job]], big_done: bool) -> Optional[Job]:
        """The oldest job that may begin, waited for in `inbox`; None at the end."""
        with self._lock:
            self._big -= big_done
            for job in self._waiting:
                if self._may_start(job):
                    self._waiting.remove(job)
                    return self._start(job)
            if self._closed:
                return None
            self._idle.append(inbox)
        return inbox.get()

    def _may_start(self, job: Job) -> bool:
        return not job.big or self._big < self._most_big

    def _start(self, job: Job) -> Job:
        self._big += job.big
        return job
