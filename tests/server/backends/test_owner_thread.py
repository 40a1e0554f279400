"""A thread that works for others, one call after another."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Callable, Iterator

import pytest

from server.backends.owner_thread import OwnerThread
from tests.server.support.gated_engine import GUARD_S, wait_until


@pytest.fixture
def owner() -> Iterator[OwnerThread]:
    made = OwnerThread("test", lambda: None, 60)
    yield made
    made.close()


def test_all_calls_run_in_one_thread_that_is_not_the_callers(owner: OwnerThread) -> None:
    found = [owner.call(threading.get_ident) for _ in range(3)]
    assert len(set(found)) == 1 and threading.get_ident() not in found


def test_each_caller_gets_its_own_answer(owner: OwnerThread) -> None:
    answers: dict[int, int] = {}

    def ask(number: int) -> None:
        for step in range(50):
            assert owner.call(lambda x: 2 * x, number + step) == 2 * (number + step)
        answers[number] = owner.call(lambda x: 2 * x, number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD_S)
    assert answers == {number: 2 * number for number in range(8)}


class Resource:
    """What only the thread may free."""


def test_an_error_takes_nothing_of_the_thread_along(owner: OwnerThread) -> None:
    """A traceback would hold the frames of the thread, and what was local there, as long as somebody has the error."""
    seen: list[weakref.ref[Resource]] = []

    def fail() -> None:
        local = Resource()
        seen.append(weakref.ref(local))
        try:
            raise KeyError("cause")
        except KeyError as error:
            raise ValueError("no") from error

    gc.disable()
    try:
        with pytest.raises(ValueError, match="no") as caught:
            owner.call(fail)
        assert caught.value.__cause__ is None and seen[0]() is None
    finally:
        gc.enable()
    assert owner.call(lambda: 1) == 1


def test_the_last_call_runs_once_and_in_the_thread(owner: OwnerThread) -> None:
    ran: list[int] = []
    inside = owner.call(threading.get_ident)
    owner.free_at_exit(lambda: ran.append(threading.get_ident()))
    owner.close()
    owner.close()
    assert ran == [inside]
    with pytest.raises(RuntimeError, match="closed"):
        owner.call(lambda: 1)


def test_it_may_be_closed_by_itself(owner: OwnerThread) -> None:
    """As the garbage collector does, which runs in whichever thread it likes."""
    ran: list[str] = []
    owner.free_at_exit(lambda: ran.append("last"))
    owner.call(owner.close)
    wait_until(lambda: ran == ["last"], "the thread ends")


def test_a_call_from_within_runs_at_once_after_those_that_wait(owner: OwnerThread) -> None:
    """So that who leads a long queue in the thread keeps nobody else out."""
    order: list[str] = []
    begun, gate = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        assert gate.wait(GUARD_S)
        owner.call(order.append, "from within")

    leading = owner.post(long)
    assert begun.wait(GUARD_S)
    other = owner.post(order.append, "waiting")
    gate.set()
    assert leading.done.acquire(timeout=GUARD_S) and other.done.acquire(timeout=GUARD_S)
    assert order == ["waiting", "from within"]


def test_it_works_for_itself_while_nobody_calls() -> None:
    awake = threading.Event()
    owner = OwnerThread("test", awake.set, 0.001)
    assert awake.wait(GUARD_S)
    owner.close()


def test_calls_under_way_are_answered_when_it_is_closed(owner: OwnerThread) -> None:
    gate, answers = threading.Event(), []
    held: Callable[[], bool] = lambda: gate.wait(GUARD_S)  # noqa: E731
    waiting = [threading.Thread(target=lambda: answers.append(owner.call(held))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: owner._inbox.qsize() == 2, "one is held and two wait")
    closing = threading.Thread(target=owner.close)
    closing.start()
    gate.set()
    for thread in [*waiting, closing]:
        thread.join(GUARD_S)
    assert answers == [True] * 3
