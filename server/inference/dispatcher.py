"""From the event loop to a model's queue and back: deadlines, and clients that leave."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator, List

import numpy as np
from starlette.requests import ClientDisconnect, Request

from ..errors import Late
from ..metrics.metrics import Metrics
from ..settings import Settings
from .request import InferenceRequest
from .served_model import ServedModel
from .workers import Job, Workers

PATIENCE_S = 0.02  # a request that takes longer is watched for its client's leaving; watching costs a task
BIG_BYTES = 1 << 18  # bodies from here on count as big: a JPEG of this size takes some 10 ms to decode


class Dispatcher:
    """The one way by which a request reaches an engine."""

    def __init__(self, settings: Settings, workers: Workers, metrics: Metrics) -> None:
        self._settings = settings
        self._workers = workers
        self._metrics = metrics

    async def infer(self, request: InferenceRequest[Any], served: ServedModel, client: Request) -> np.ndarray:
        """Logits float32 (N, K) of a request, which may run together with others of the same model.

        served: in use by the caller. client: the HTTP request, whose body must have been read. Raises what preparing
        the request or running the engine raised; Late past the deadline; ClientDisconnect once the client has gone.
        Big bodies leave threads to small ones.
        """
        milliseconds = self._settings.deadline_ms
        request.deadline = time.monotonic() + milliseconds / 1000
        assert request.reply is not None
        job = Job(partial(served.batcher.process, request), request.size >= BIG_BYTES)
        self._workers.submit(job)
        try:
            late = Late(f"there was no answer within {milliseconds} ms: send less at once, or try again later")
            with watch(request.reply.future, client, request.deadline, late):
                return await request.reply.future
        except Exception:
            self._metrics.get_statistics(request.model.name).add_failure(request.times.timings_ms()["total"])
            raise
        finally:
            request.abandon()
            self._workers.withdraw(job)
            served.batcher.withdraw(request)


@contextmanager
def watch(answer: asyncio.Future[np.ndarray], client: Request, deadline: float, late: Late) -> Iterator[None]:
    """Within it `answer` fails with `late` at the deadline, in seconds of time.monotonic, and with ClientDisconnect
    once the client has closed the connection.

    Most answers come within PATIENCE_S and cost no more than one timer.
    """
    loop = asyncio.get_running_loop()
    timers: List[asyncio.TimerHandle] = []
    watchers: List[asyncio.Task[None]] = []

    def fail(error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)

    async def watch_client() -> None:
        await wait_until_gone(client)
        fail(ClientDisconnect())

    def lose_patience() -> None:
        timers.append(loop.call_later(deadline - time.monotonic(), fail, late))
        watchers.append(loop.create_task(watch_client()))

    timers.append(loop.call_later(PATIENCE_S, lose_patience))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def wait_until_gone(client: Request) -> None:
    while (await client.receive())["type"] != "http.disconnect":
        pass
