"""The queue of a model, and requests that enter it in the order and the state which a test wants."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, cast

import numpy as np

from server.inference.batching import Batcher
from server.inference.request import InferenceRequest
from server.models.model import Model
from tests.server.support.gated_engine import GUARD_S, GatedEngine, wait_until

HOUR = 3600.0
NO_MODEL = cast(Model, None)  # which a batcher does not ask for


def make_images(*values: int, side: int = 2) -> np.ndarray:
    """One image per value, filled with it."""
    return np.stack([np.full((3, side, side), value, np.float32) for value in values])


class GivenRequest(InferenceRequest[None]):
    """Its tensor is what a test gives, at once or by a call."""

    def __init__(self, given: Callable[[], np.ndarray] | np.ndarray, model: Model = NO_MODEL) -> None:
        super().__init__(model, 0)
        self.given = given

    def prepare(self) -> tuple[np.ndarray, None]:
        return (self.given() if callable(self.given) else self.given), None


class BatcherClient:
    """A batcher, and requests that enter it from threads of their own; use it within an event loop."""

    def __init__(self, engine: GatedEngine, limit: int = 16, delay_s: float = 0.0, runs: int = 1) -> None:
        self.engine = engine
        self.observed: list[int] = []
        self.batcher = Batcher(engine, limit, delay_s, runs, lambda images, _: self.observed.append(images))
        self.pool = ThreadPoolExecutor(64)
        self.requests: list[GivenRequest] = []

    def send(self, given: Callable[[], np.ndarray] | np.ndarray, within_s: float = HOUR) -> asyncio.Future[np.ndarray]:
        request = GivenRequest(given)
        request.deadline = time.monotonic() + within_s
        self.requests.append(request)
        self.pool.submit(self.batcher.process, request)
        assert request.reply is not None
        return request.reply.future

    def hold(self) -> asyncio.Future[np.ndarray]:
        """A request of one image that keeps the engine busy until the gate is set."""
        self.engine.gate.clear()
        future = self.send(make_images(99))
        wait_until(lambda: len(self.engine.runs) == 1, "the engine is busy")
        return future

    def queue(self, tensor: np.ndarray) -> asyncio.Future[np.ndarray]:
        """A request that waits in the queue, behind those before it."""
        before = self.batcher.depth
        future = self.send(tensor)
        wait_until(lambda: self.batcher.depth == before + 1, "it is queued")
        return future


async def read_values(future: asyncio.Future[np.ndarray]) -> list[float]:
    """The images' values, as the engine answered them."""
    logits = await asyncio.wait_for(future, GUARD_S)
    return [float(value) / 10 for value in logits[:, 0]]
