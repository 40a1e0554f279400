"""The queue of one model: images of several requests run as one batch. Threads only, no event loop and no HTTP."""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import Any, Callable, Deque, List, Optional, Tuple

import numpy as np

from ..backends.backend import Backend, infer_in_parts, noop
from .reply import Reply
from .request import InferenceRequest

Request = InferenceRequest[Any]


class Batcher:
    """Gathers the requests of one engine into batches of at most `limit` images.

    The thread that prepared a request runs the engine itself, or has the engine's own thread do so, unless others
    (`runs` of them) already do: a lone request changes threads as seldom as can be. A thread that runs the engine goes
    on until the queue is empty, so that the batches grow by themselves with the load. delay_s: how long a batch that is
    not full waits for images which another thread is preparing at that moment; without such there is no wait.
    count_run: is called with the images of each batch, and the seconds it took, once its requests are answered.
    """

    def __init__(
        self, backend: Backend, limit: int, delay_s: float, runs: int, count_run: Callable[[int, float], None]
    ) -> None:
        self._backend = backend
        self._limit = min(limit, backend.max_batch or limit)
        self._delay_s = delay_s
        self._runs = runs
        self._count_run = count_run
        self._changed = (
            threading.Condition()
        )  # guards all below; notified when a request comes, will not come, or a run ends
        self._waiting: Deque[Request] = deque()
        self._running = 0
        self._preparing = 0

    @property
    def depth(self) -> int:
        """How many requests are prepared and wait for the engine."""
        return len(self._waiting)

    def process(self, request: Request) -> None:
        """Prepare a request and see that it runs. Every outcome goes to its reply."""
        request.end_wait(time.perf_counter())
        with self._changed:
            self._preparing += 1
        if request.drop_if_useless():
            self._enqueue(None)
            return
        try:
            request.load_tensor()
        except BaseException as error:
            request.fail(error)
            self._enqueue(None)
            return
        if self._enqueue(request):
            self._backend.start(self._lead)

    def withdraw(self, request: Request) -> None:
        """Forget a request that nobody waits for; one that runs already runs on."""
        with self._changed:
            if request in self._waiting:
                self._waiting.remove(request)

    def wait_until_idle(self) -> None:
        """Return once nothing is prepared, queued or running; new requests must not come meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._running or self._preparing or self._waiting))

    def _enqueue(self, request: Optional[Request]) -> bool:
        """Queue what was prepared, None where that failed; whether the caller is to run the queue."""
        with self._changed:
            self._preparing -= 1
            if request is not None:
                self._waiting.append(request)
            self._changed.notify_all()
            if request is None or self._running >= self._runs:
                return False
            self._running += 1
            return True

    def _lead(self) -> None:
        """Run batches until the queue is empty. A batch is answered while the next one runs: its replies wake up the
        event loop, which then holds the GIL, and the engine must not wait for that."""
        pending = PendingReplies([])
        batch = self._take_batch()
        while batch:
            pending = self._run(batch, pending)
            if self._delay_s:
                pending.give()  # what follows may wait
            batch = self._take_batch()
        pending.give()

    def _take_batch(self) -> List[Request]:
        """The next batch. Empty where the queue is: under the same lock the caller has then ceased to run it."""
        taken: List[Request] = []
        images = 0
        with self._changed:
            self._wait_for_more()
            while self._waiting:
                request = self._waiting[0]
                if not request.drop_if_useless():
                    if taken and (images + len(request.tensor) > self._limit or not request.fits(taken[0])):
                        break
                    taken.append(request)
                    images += len(request.tensor)
                self._waiting.popleft()
            if not taken:
                self._running -= 1
                self._changed.notify_all()
        return taken

    def _wait_for_more(self) -> None:
        end = time.monotonic() + self._delay_s
        while self._delay_s and self._waiting and self._preparing:
            left = end - time.monotonic()
            if left <= 0 or sum(len(request.tensor) for request in self._waiting) >= self._limit:
                return
            self._changed.wait(left)

    def _run(self, requests: List[Request], before: PendingReplies) -> PendingReplies:
        """The replies of a batch, which are to be given; those of the one before are given meanwhile."""
        start = time.perf_counter()
        for request in requests:
            request.end_wait(start)
        try:
            tensors = [request.tensor for request in requests]
            batch = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
            logits = infer_in_parts(self._backend, batch, self._limit, before.give)
        except BaseException as error:
            for request in requests:
                request.fail(error)
            return PendingReplies([])
        finally:
            before.give()
        seconds = time.perf_counter() - start
        for request in requests:
            request.times.add("inference", seconds)
        return PendingReplies(pair_replies(requests, logits), partial(self._count_run, len(batch), seconds))


Pair = Tuple[Reply[np.ndarray], np.ndarray]


def pair_replies(requests: List[Request], logits: np.ndarray) -> List[Pair]:
    """The reply of every request that is still waited for, with its own rows of the batch's logits (N, K)."""
    pairs: List[Pair] = []
    begin = 0
    for request in requests:
        end = begin + len(request.tensor)
        if request.reply is not None:
            pairs.append((request.reply, logits[begin:end]))
        begin = end
    return pairs


class PendingReplies:
    """The replies of a batch, given once. then: called after that, for what no client should wait for."""

    def __init__(self, pairs: List[Pair], then: Callable[[], None] = noop) -> None:
        self._pairs = pairs
        self._then = then

    def give(self) -> None:
        pairs, self._pairs = self._pairs, []
        then, self._then = self._then, noop
        if pairs:
            Reply.give_all(pairs)
        then()
