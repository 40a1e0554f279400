"""The queue of one model: images of several requests run as one batch. Threads only, no event loop and no HTTP."""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import Callable, Deque, List, Optional, Tuple

import numpy as np

from ..backends.backend import Backend, infer_in_parts, noop
from ..errors import Late
from ..stage_times import Stages
from .workers import Reply


class Item:
    """One request's images on their way. deadline: in seconds of time.monotonic. stages: gets queue and inference.

    owner: the model, which an item keeps from being closed while it is on its way.
    """

    def __init__(self, reply: Reply[np.ndarray], deadline: float, stages: Stages, owner: object) -> None:
        self.owner = owner
        self.reply = reply
        self.deadline = deadline
        self.stages = stages
        self.tensor: np.ndarray = np.empty(0, np.float32)  # float32 (N, 3, S, S) once it is prepared
        self.since = time.perf_counter()  # when it began to wait

    def dropped(self) -> bool:
        """True where it need not run: nobody waits for it, or it is late, which it answers."""
        if self.reply.wanted and time.monotonic() > self.deadline:
            self.reply.fail(Late("the deadline passed before the model ran: send less at once, or try again later"))
            return True
        return not self.reply.wanted

    def waited(self, until: float) -> None:
        self.stages.add("queue", until - self.since)

    def fits(self, other: Item) -> bool:
        """Whether the two can be one batch; a wrong shape must fail alone."""
        return self.tensor.shape[1:] == other.tensor.shape[1:] and self.tensor.dtype == other.tensor.dtype


class Batcher:
    """Gathers the items of one engine into batches of at most `limit` images.

    The thread that prepared an item runs the engine itself, or has the engine's own thread do so, unless others (`runs`
    of them) already do: a lone request changes threads as seldom as can be. A thread that runs the engine goes on until
    the queue is empty, so that the batches grow by themselves with the load. delay_s: how long a batch that is not full
    waits for images which another thread is preparing at that moment; without such there is no wait. observe: gets the
    images of each batch, and the seconds it took.
    """

    def __init__(
        self, backend: Backend, limit: int, delay_s: float, runs: int, observe: Callable[[int, float], None]
    ) -> None:
        self._backend = backend
        self._limit = min(limit, backend.max_batch or limit)
        self._delay_s = delay_s
        self._runs = runs
        self._observe = observe
        self._changed = threading.Condition()  # guards all below; told when an item comes, or will not come
        self._waiting: Deque[Item] = deque()
        self._running = 0
        self._preparing = 0

    @property
    def depth(self) -> int:
        """How many requests are prepared and wait for the engine."""
        return len(self._waiting)

    def work(self, item: Item, prepare: Callable[[], np.ndarray]) -> None:
        """Prepare an item and see that it runs. Every outcome goes to its reply."""
        item.waited(time.perf_counter())
        if item.dropped():
            return
        with self._changed:
            self._preparing += 1
        try:
            item.tensor = prepare()
        except BaseException as error:
            item.reply.fail(error)
            self._enter(None)
            del item  # Python 3.8's errors hold this frame: a circle would keep the images until it is collected
            return
        item.since = time.perf_counter()
        if self._enter(item):
            self._backend.start(self._lead)

    def withdraw(self, item: Item) -> None:
        """Forget an item that nobody waits for; one that runs already runs on."""
        with self._changed:
            if item in self._waiting:
                self._waiting.remove(item)

    def _enter(self, item: Optional[Item]) -> bool:
        """Queue what was prepared, None where that failed; whether the caller is to run the queue."""
        with self._changed:
            self._preparing -= 1
            if item is not None:
                self._waiting.append(item)
            self._changed.notify_all()
            if item is None or self._running >= self._runs:
                return False
            self._running += 1
            return True

    def _lead(self) -> None:
        """Run batches until the queue is empty. A batch is answered while the next one runs: its answers wake up the
        event loop, which then has Python's lock, and the engine must not wait for that."""
        done = Answers([])
        items = self._take()
        while items:
            done = self._run(items, done)
            if self._delay_s:
                done.give()  # what follows may wait
            items = self._take()
        done.give()

    def _take(self) -> List[Item]:
        """The next batch. Empty where the queue is: under the same lock the caller has then ceased to run it."""
        taken: List[Item] = []
        images = 0
        with self._changed:
            self._wait_for_more()
            while self._waiting:
                item = self._waiting[0]
                if not item.dropped():
                    if taken and (images + len(item.tensor) > self._limit or not item.fits(taken[0])):
                        break
                    taken.append(item)
                    images += len(item.tensor)
                self._waiting.popleft()
            if not taken:
                self._running -= 1
        return taken

    def _wait_for_more(self) -> None:
        end = time.monotonic() + self._delay_s
        while self._delay_s and self._waiting and self._preparing:
            left = end - time.monotonic()
            if left <= 0 or sum(len(item.tensor) for item in self._waiting) >= self._limit:
                return
            self._changed.wait(left)

    def _run(self, items: List[Item], before: Answers) -> Answers:
        """The answers of a batch, which are to be given; those of the one before are given meanwhile."""
        start = time.perf_counter()
        for item in items:
            item.waited(start)
        try:
            batch = items[0].tensor if len(items) == 1 else np.concatenate([item.tensor for item in items])
            logits = infer_in_parts(self._backend, batch, self._limit, before.give)
            seconds = time.perf_counter() - start
        except BaseException as error:
            for item in items:
                item.reply.fail(error)
            return Answers([])
        finally:
            before.give()
        answers = []
        begin = 0
        for item in items:
            item.stages.add("inference", seconds)
            answers.append((item.reply, logits[begin : begin + len(item.tensor)]))
            begin += len(item.tensor)
        return Answers(answers, partial(self._observe, len(batch), seconds))


class Answers:
    """The answers of a batch, given once. then: called after that, what nobody should wait for."""

    def __init__(self, answers: List[Tuple[Reply[np.ndarray], np.ndarray]], then: Callable[[], None] = noop) -> None:
        self._answers = answers
        self._then = then

    def give(self) -> None:
        answers, self._answers = self._answers, []
        if answers:
            Reply.give_all(answers)
            self._then()
