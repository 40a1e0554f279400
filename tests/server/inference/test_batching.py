"""The queue of a model, with an engine that waits for the test: nothing here depends on how long things take."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Callable

import numpy as np
import pytest

from server.backends.backend import noop
from server.errors import BadRequest, Late
from tests.server.support.batcher_client import HOUR, BatcherClient, make_images, read_values
from tests.server.support.gated_engine import GUARD_S, GatedEngine, wait_until


def test_a_lone_request_is_prepared_and_run_in_one_thread_and_answered_at_once() -> None:
    """One way in, one way out: no other thread has a part in it, and the batch is not even copied."""

    async def lone() -> None:
        line = BatcherClient(GatedEngine(), delay_s=HOUR)  # which an idle server does not wait
        threads: list[int] = []

        def prepare() -> np.ndarray:
            threads.append(threading.get_ident())
            return make_images(1, 2)

        assert await read_values(line.send(prepare)) == [1, 2]
        wait_until(lambda: line.observed == [2], "the run is counted, which the answer does not wait for")
        assert line.engine.threads == threads and line.engine.runs == [2]

    asyncio.run(lone())


def test_what_waits_while_the_engine_runs_is_one_batch_and_each_gets_its_own_answer() -> None:
    async def crowd() -> None:
        line = BatcherClient(GatedEngine())
        first = line.hold()
        rest = [line.queue(make_images(number, number + 100)) for number in range(6)]
        assert line.batcher.depth == 6
        line.engine.gate.set()
        assert await read_values(first) == [99]
        assert [await read_values(future) for future in rest] == [[n, n + 100] for n in range(6)]
        assert line.engine.runs == [1, 12] and line.batcher.depth == 0
        assert all(request.times.timings_ms()["inference"] > 0 for request in line.requests)

    asyncio.run(crowd())


def test_a_batch_is_answered_while_the_next_one_runs() -> None:
    """What the answers cost must not keep the engine waiting; nor may they wait until it is done."""

    class Stepping(GatedEngine):
        steps = (threading.Event(), threading.Event())

        def infer(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
            step = self.steps[len(self.runs)]
            logits = super().infer(batch, meanwhile)
            assert step.wait(GUARD_S)
            return logits

    async def one_after_another() -> None:
        line = BatcherClient(Stepping(), limit=1)
        first = line.send(make_images(1))
        wait_until(lambda: len(line.engine.runs) == 1, "the first runs")
        second = line.queue(make_images(2))
        Stepping.steps[0].set()
        assert await read_values(first) == [1] and not second.done()
        wait_until(lambda: line.engine.runs == [1, 1], "the second runs")
        Stepping.steps[1].set()
        assert await read_values(second) == [2]

    asyncio.run(one_after_another())


def test_no_batch_is_above_the_limit() -> None:
    async def crowd() -> None:
        line = BatcherClient(GatedEngine(), limit=4)
        line.hold()
        rest = [line.queue(make_images(*range(count))) for count in (2, 1, 2, 4, 1)]
        line.engine.gate.set()
        assert [len(await read_values(future)) for future in rest] == [2, 1, 2, 4, 1]
        assert line.engine.runs == [1, 3, 2, 4, 1]

    asyncio.run(crowd())


@pytest.mark.parametrize("limit, max_batch", [(3, None), (16, 3), (3, 8)])
def test_a_request_above_the_limit_runs_in_parts(limit: int, max_batch: int | None) -> None:
    async def large() -> None:
        line = BatcherClient(GatedEngine(max_batch=max_batch), limit=limit)
        assert await read_values(line.send(make_images(*range(8)))) == list(range(8))
        assert line.engine.runs == [3, 3, 2]

    asyncio.run(large())


def test_a_request_past_its_deadline_is_dropped_before_it_runs() -> None:
    async def late() -> None:
        line = BatcherClient(GatedEngine())
        line.hold()
        late, good = line.queue(make_images(1)), line.queue(make_images(2))
        line.requests[1].deadline = time.monotonic() - 1
        line.engine.gate.set()
        assert await read_values(good) == [2]
        with pytest.raises(Late, match="deadline"):
            await late
        assert line.engine.runs == [1, 1]

    asyncio.run(late())


def test_a_late_request_is_not_even_prepared() -> None:
    async def late() -> None:
        line = BatcherClient(GatedEngine())
        with pytest.raises(Late):
            await asyncio.wait_for(line.send(lambda: pytest.fail("prepared"), within_s=-1), GUARD_S)

    asyncio.run(late())


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_request_that_nobody_waits_for_does_not_run(withdrawn: bool) -> None:
    async def gone() -> None:
        line = BatcherClient(GatedEngine())
        line.hold()
        gone, good = line.queue(make_images(1)), line.queue(make_images(2))
        gone.cancel()
        if withdrawn:
            line.batcher.withdraw(line.requests[1])
            assert line.batcher.depth == 1
        line.engine.gate.set()
        assert await read_values(good) == [2]
        assert line.engine.runs == [1, 1]

    asyncio.run(gone())


def test_an_error_of_the_engine_fails_its_batch_alone() -> None:
    async def broken() -> None:
        line = BatcherClient(GatedEngine(), limit=2)
        first = line.hold()
        line.engine.error = RuntimeError("out of memory")
        rest = [line.queue(make_images(number)) for number in range(2)]
        line.engine.gate.set()
        for future in (first, *rest):
            with pytest.raises(RuntimeError, match="out of memory"):
                await asyncio.wait_for(future, GUARD_S)
        line.engine.error = None
        assert await read_values(line.send(make_images(5))) == [5]

    asyncio.run(broken())


def test_a_bad_request_fails_alone() -> None:
    def refuse() -> np.ndarray:
        raise BadRequest("no image")

    async def beside() -> None:
        line = BatcherClient(GatedEngine())
        line.hold()
        good, odd, more = line.queue(make_images(1)), line.queue(make_images(2, side=3)), line.queue(make_images(3))
        bad = line.send(refuse)
        with pytest.raises(BadRequest):
            await bad
        line.engine.gate.set()
        assert [await read_values(future) for future in (good, odd, more)] == [[1], [2], [3]]
        assert line.engine.runs == [1, 1, 1, 1]  # another shape is a batch of its own: only the engine can refuse it

    asyncio.run(beside())


def test_runs_at_the_same_time() -> None:
    async def two() -> None:
        line = BatcherClient(GatedEngine(), runs=2)
        first = line.hold()
        second = line.send(make_images(1))
        wait_until(lambda: len(line.engine.runs) == 2, "the second runs beside the first")
        third = line.queue(make_images(2))
        line.engine.gate.set()
        assert [await read_values(future) for future in (first, second, third)] == [[99], [1], [2]]

    asyncio.run(two())


def test_many_requests_at_once_all_get_their_own() -> None:
    async def storm() -> None:
        line = BatcherClient(GatedEngine(), limit=8, runs=2)
        futures = [line.send(make_images(number, number + 1)) for number in range(500)]
        assert [await read_values(future) for future in futures] == [[n, n + 1] for n in range(500)]
        assert sum(line.engine.runs) == 1000 and max(line.engine.runs) <= 8
        assert line.batcher.depth == 0

    asyncio.run(storm())
