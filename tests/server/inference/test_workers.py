"""Threads and places."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any, Callable

import pytest

from server.errors import Busy
from server.inference.workers import Job, Workers
from tests.server.support.gated_engine import GUARD_S, wait_until


class Held:
    """Work that begins, waits to be let go, and says in which thread it ran."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.thread = 0

    def __call__(self) -> int:
        self.thread = threading.get_ident()
        self.begun.set()
        assert self.gate.wait(GUARD_S)
        return self.thread

    def finish(self) -> None:
        self.gate.set()


def job(work: Callable[[], Any], big: bool = False) -> Job:
    return Job(lambda: work() and None, big)


def test_result_and_error_of_work() -> None:
    async def both() -> int:
        workers = Workers(1, 0)
        with pytest.raises(ZeroDivisionError):
            await workers.run(divmod, 1, 0)
        return await workers.run(max, 3, 4)

    assert asyncio.run(both()) == 4


def test_a_lone_client_always_has_the_same_thread() -> None:
    async def threads() -> set[int]:
        workers = Workers(4, 0)
        # The thread is idle again a moment after its answer is out: wait for that, not for the next request.
        found = set()
        for _ in range(20):
            found.add(await workers.run(threading.get_ident))
            await asyncio.get_running_loop().run_in_executor(None, wait_until, lambda: len(workers._idle) == 1, "idle")
        return found

    assert len(asyncio.run(threads())) == 1


def test_no_more_threads_than_asked_for_and_the_oldest_first() -> None:
    workers = Workers(2, 0)
    order: list[int] = []
    first = [Held(), Held()]
    for held in first:
        workers.submit(job(held))
        assert held.begun.wait(GUARD_S)
    for number in range(5):
        workers.submit(job(lambda number=number: order.append(number)))  # type: ignore[misc]
    assert order == []
    first[0].finish()
    wait_until(lambda: len(order) == 5, "the rest was done by one thread")
    assert order == [0, 1, 2, 3, 4]
    first[1].finish()


def test_big_jobs_leave_a_thread_to_small_ones() -> None:
    workers = Workers(2, 0)
    big = [Held(), Held()]
    for held in big:
        workers.submit(job(held, big=True))
    small = Held()
    workers.submit(job(small))
    assert small.begun.wait(GUARD_S)  # although it came last
    assert big[0].begun.is_set() and not big[1].begun.is_set()
    big[0].finish()
    assert big[1].begun.wait(GUARD_S)
    big[1].finish()
    small.finish()


def test_a_big_job_may_have_the_only_thread() -> None:
    async def big() -> int:
        return await Workers(1, 0).run(max, 1, 2, big=True)

    assert asyncio.run(big()) == 2


def test_withdrawn_work_is_not_done() -> None:
    workers = Workers(1, 0)
    held, done = Held(), threading.Event()
    workers.submit(job(held))
    unwanted = job(lambda: pytest.fail("it ran"))
    workers.submit(unwanted)
    workers.submit(job(done.set))
    workers.withdraw(unwanted)
    held.finish()
    assert done.wait(GUARD_S)
    workers.withdraw(unwanted)  # a second time is no error


def test_a_caller_that_is_cancelled_withdraws_its_work() -> None:
    async def cancelled() -> None:
        workers = Workers(1, 0)
        held = Held()
        workers.submit(job(held))
        assert held.begun.wait(GUARD_S)
        task = asyncio.ensure_future(workers.run(pytest.fail, "it ran"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not workers._waiting
        held.finish()
        assert await workers.run(max, 1, 2) == 2

    asyncio.run(cancelled())


def test_an_idle_thread_keeps_nothing_of_what_it_did() -> None:
    workers = Workers(1, 0)
    held = Held()
    alive = weakref.ref(held)
    workers.submit(job(held))
    held.finish()
    del held
    wait_until(lambda: len(workers._idle) == 1, "the thread is idle")
    gc.collect()
    assert alive() is None


def test_close_waits_for_what_was_taken_and_takes_no_more() -> None:
    async def close() -> None:
        workers = Workers(1, 5)
        held = Held()
        done: list[int] = []
        workers.submit(job(held))
        workers.submit(job(lambda: done.append(1)))
        closing = asyncio.ensure_future(workers.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        with pytest.raises(Busy, match="stop"), workers.hold_place():
            pass
        with pytest.raises(Busy, match="stopped"):
            await workers.run(max, 1, 2)
        held.finish()
        await closing
        assert done == [1]

    asyncio.run(close())


def test_places() -> None:
    workers = Workers(1, 1)
    with workers.hold_place(), workers.hold_place():
        with pytest.raises(Busy, match="2 requests") as full, workers.hold_place():
            pass
        assert full.value.retry_after == 1 and workers.taken == 2
    assert workers.taken == 0
