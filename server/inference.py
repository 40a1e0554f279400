"""From the event loop to a model's queue and back: deadlines, and clients that leave."""

from __future__ import annotations

import asyncio
import time
import weakref
from functools import partial
from typing import Any, Callable, MutableMapping, Set

import numpy as np
from starlette.requests import ClientDisconnect, Request

from .batching import Batcher, Item
from .errors import Late
from .metrics import Metrics
from .model import Model
from .settings import Settings
from .stages import Stages
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
            if await waited_for(reply.future, request, item.deadline):
                return reply.future.result()
            raise Late(f"there was no answer within {milliseconds} ms: send less at once, or try again later")
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


async def waited_for(answer: asyncio.Future[np.ndarray], request: Request, deadline: float) -> bool:
    """Whether `answer` came by the deadline, in seconds of time.monotonic.

    Raises ClientDisconnect once the client has closed the connection; the request's body must have been read.
    """
    left = deadline - time.monotonic()
    waiting: Set[asyncio.Future[Any]] = {answer}
    await asyncio.wait(waiting, timeout=min(left, PATIENCE_S))
    if answer.done() or left <= PATIENCE_S:
        return answer.done()
    leaving = asyncio.ensure_future(client_left(request))
    try:
        done, _ = await asyncio.wait(
            {*waiting, leaving}, timeout=deadline - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        leaving.cancel()
    if leaving in done and not answer.done():
        raise ClientDisconnect
    return answer.done()


async def client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
