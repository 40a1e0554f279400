"""How long a batch waits for more images: only for such as are being prepared, and only until it is full."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from server.errors import BadRequest
from tests.server.support.batcher_client import HOUR, BatcherClient, make_images, read_values
from tests.server.support.gated_engine import GUARD_S, GatedEngine


def test_a_batch_waits_for_images_that_are_being_prepared() -> None:
    async def wait() -> None:
        line = BatcherClient(GatedEngine(), delay_s=HOUR)
        begun, gate = threading.Event(), threading.Event()

        def slow() -> np.ndarray:
            begun.set()
            assert gate.wait(GUARD_S)
            return make_images(2)

        second = line.send(slow)
        assert begun.wait(GUARD_S)
        first = line.queue(make_images(1))
        assert line.engine.runs == []
        gate.set()
        assert [await read_values(first), await read_values(second)] == [[1], [2]]
        assert line.engine.runs == [2]

    asyncio.run(wait())


@pytest.mark.parametrize("delay_s, limit", [(0.0, 16), (0.05, 16), (HOUR, 2)])
def test_a_batch_that_is_full_or_has_waited_enough_runs(delay_s: float, limit: int) -> None:
    async def enough() -> None:
        line = BatcherClient(GatedEngine(), limit=limit, delay_s=delay_s)
        begun, gate = threading.Event(), threading.Event()

        def slow() -> np.ndarray:
            begun.set()
            assert gate.wait(GUARD_S)
            return make_images(3)

        slow_one = line.send(slow)
        assert begun.wait(GUARD_S)
        assert await read_values(line.send(make_images(1, 2))) == [1, 2]
        gate.set()
        assert await read_values(slow_one) == [3]

    asyncio.run(enough())


def test_a_failed_preparation_ends_the_wait_for_it() -> None:
    async def fail() -> None:
        line = BatcherClient(GatedEngine(), delay_s=HOUR)
        begun, gate = threading.Event(), threading.Event()

        def refuse() -> np.ndarray:
            begun.set()
            assert gate.wait(GUARD_S)
            raise BadRequest("no image")

        bad = line.send(refuse)
        assert begun.wait(GUARD_S)
        good = line.queue(make_images(1))
        gate.set()
        assert await read_values(good) == [1]
        with pytest.raises(BadRequest):
            await bad

    asyncio.run(fail())
