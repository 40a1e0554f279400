"""The queue of a model, and requests that enter it in the order and the state which a test wants."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import numpy as np

from server.inference.batching import Batcher, Item
from server.inference.workers import Reply
from server.stage_times import Stages
from tests.server.support.gated_engine import GUARD_S, GatedEngine, until

HOUR = 3600.0


def images(*values: int, side: int = 2) -> np.ndarray:
    """One image per value, filled with it."""
    return np.stack([np.full((3, side, side), value, np.float32) for value in values])


class Line:
    """A batcher, and requests that enter it from threads of their own; use it within an event loop."""

    def __init__(self, engine: GatedEngine, limit: int = 16, delay_s: float = 0.0, runs: int = 1) -> None:
        self.engine = engine
        self.observed: list[int] = []
        self.batcher = Batcher(engine, limit, delay_s, runs, lambda images, _: self.observed.append(images))
        self.pool = ThreadPoolExecutor(64)
        self.items: list[Item] = []

    def send(self, given: Callable[[], np.ndarray] | np.ndarray, within_s: float = HOUR) -> asyncio.Future[np.ndarray]:
        item = Item(Reply(), time.monotonic() + within_s, Stages(), self)
        self.items.append(item)
        self.pool.submit(self.batcher.work, item, given if callable(given) else lambda: given)
        return item.reply.future

    def hold(self) -> asyncio.Future[np.ndarray]:
        """A request of one image that keeps the engine busy until the gate is set."""
        self.engine.gate.clear()
        future = self.send(images(99))
        until(lambda: len(self.engine.runs) == 1, "the engine is busy")
        return future

    def queued(self, tensor: np.ndarray) -> asyncio.Future[np.ndarray]:
        """A request that waits in the queue, behind those before it."""
        before = self.batcher.depth
        future = self.send(tensor)
        until(lambda: self.batcher.depth == before + 1, "it is queued")
        return future


async def values(future: asyncio.Future[np.ndarray]) -> list[float]:
    """The images' values, as the engine answered them."""
    logits = await asyncio.wait_for(future, GUARD_S)
    return [float(value) / 10 for value in logits[:, 0]]
