"""From the event loop to a model's queue and back: deadlines, and clients that leave."""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import contextmanager
from functools import partial
from typing import Callable, Iterator, List, MutableMapping

import numpy as np
from starlette.requests import ClientDisconnect, Request

from ..errors import Late
from ..metrics.metrics import Metrics
from ..models.model import Model
from ..settings import Settings
from ..stage_times import Stages
from .batching import Batcher, Item
from .workers import Job, Reply, Workers

PATIENCE_S = 0.02  # a request that takes longer is watched for its client's leaving; watching costs a task
BIG_BYTES = 1 << 18  # bodies from here on count as big: a JPEG of this size takes some 10 ms to decode


class Inference:
    """The one way by which a request reaches an engine."""

    def __init__(self, settings: Settings, workers: Workers, metrics: Metrics) -> None:
        self._settings = settings
        self._workers = workers
        self._metrics = metrics
        self._batchers: MutableMapping[Model, Batcher] = weakref.WeakKeyDictionary()

    async def logits(
        self, request: Request, model: Model, prepare: Callable[[], np.ndarray], stages: Stages, size: int
    ) -> np.ndarray:
        """See Service.infer."""
        batcher = self._batcher(model)
        milliseconds = self._settings.deadline_ms
        reply: Reply[np.ndarray] = Reply()
        item = Item(reply, time.monotonic() + milliseconds / 1000, stages, model)
        job = Job(partial(batcher.work, item, prepare), size >= BIG_BYTES)
        self._workers.submit(job)
        try:
            late = Late(f"there was no answer within {milliseconds} ms: send less at once, or try again later")
            with guarded(reply.future, request, item.deadline, late):
                return await reply.future
        except Exception:
            self._metrics.statistics(model.name).failed(stages.timings_ms()["total"])
            raise
        finally:
            reply.future.cancel()
            self._workers.withdraw(job)
            batcher.withdraw(item)
            del reply, item, job  # Python 3.8's errors hold this frame: a circle would keep the images

    def _batcher(self, model: Model) -> Batcher:
        batcher = self._batchers.get(model)
        if batcher is None:
            chosen = self._settings
            observe = partial(self._metrics.batch, model.name)
            limits = (chosen.batch_limit, chosen.batch_delay_ms / 1000, chosen.parallel_batches)
            batcher = self._batchers[model] = Batcher(model.backend, *limits, observe)
            self._metrics.watch_queue(model.name, batcher)
        return batcher


@contextmanager
def guarded(answer: asyncio.Future[np.ndarray], request: Request, deadline: float, late: Late) -> Iterator[None]:
    """Within it `answer` fails with `late` at the deadline, in seconds of time.monotonic, and with ClientDisconnect
    once the client has closed the connection; the request's body must have been read.

    Most answers come within PATIENCE_S and cost no more than one timer.
    """
    loop = asyncio.get_running_loop()
    timers: List[asyncio.TimerHandle] = []
    watchers: List[asyncio.Task[None]] = []

    def fail(error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)

    async def watch() -> None:
        await client_left(request)
        fail(ClientDisconnect())

    def lose_patience() -> None:
        timers.append(loop.call_later(deadline - time.monotonic(), fail, late))
        watchers.append(loop.create_task(watch()))

    timers.append(loop.call_later(PATIENCE_S, lose_patience))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
