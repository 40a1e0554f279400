"""From request to engine and back, in the application: one hand-over for a lone client, one batch for a crowd."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Tuple

import numpy as np
import pytest
from starlette.requests import Request

from server.errors import Late
from server.inference.dispatcher import BIG_BYTES
from server.inference.reply import Reply
from tests.server.routes.test_probes import sample
from tests.server.support.app_client import AppClient
from tests.server.support.batcher_client import GivenRequest
from tests.server.support.gated_client import CLASSIFY, GatedClient, make_grey_png, read_status, wait_in_loop
from tests.server.support.gated_engine import GUARD_S, GatedEngine, wait_until

Gated = Callable[..., Tuple[AppClient, GatedEngine]]


def test_a_lone_request_changes_threads_once_in_and_once_out(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HTTP costs beside the engine is mostly the changes of threads."""
    client, engine = gated()
    workers, model = client.context.workers, client.context.catalogue.get()
    jobs = recorded(monkeypatch, workers, "submit")
    answers = recorded(monkeypatch, Reply, "give_all")
    decoded: list[int] = []
    prepare = model.prepare

    def noted(*given: Any) -> Any:
        decoded.append(threading.get_ident())
        return prepare(*given)

    monkeypatch.setattr(model, "prepare", noted)
    for count in (1, 2, 3):
        assert client.post(CLASSIFY, files={"file": make_grey_png(count)}).status_code == 200
        assert (len(jobs), len(answers)) == (count, count)
        wait_until(lambda: len(workers._idle) == 1, "the thread has put its work away")
    assert decoded == engine.threads and len(set(decoded)) == 1


def recorded(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[tuple[Any, ...]]:
    """The arguments of every call of a method from now on."""
    calls: list[tuple[Any, ...]] = []
    method = getattr(owner, name)

    def call(*given: Any) -> Any:
        calls.append(given)
        return method(*given)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_requests_that_meet_run_as_one_batch(gated: Gated) -> None:
    client, engine = gated(concurrency=2, max_waiting=20)

    async def meet() -> list[int]:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        rest = []
        for value in (10, 200, 60, 90):
            rest.append(meeting.send(make_grey_png(value)))
            await wait_in_loop(lambda: meeting.depth == len(rest))
        assert sample_in_thread(client) == 4
        engine.gate.set()
        return [await read_status(task) for task in (first, *rest)]

    assert asyncio.run(meet()) == [200] * 5
    assert engine.runs == [1, 4]
    assert sample(client, "fwht_batch_size_sum", model="tiny") == 5
    assert sample(client, "fwht_batch_size_count", model="tiny") == 2
    assert sample(client, "fwht_queue_depth", model="tiny") == 0


def sample_in_thread(client: AppClient) -> float:
    """The queue's depth in /metrics, from within another event loop."""
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(sample(client, "fwht_queue_depth", model="tiny")))
    thread.start()
    thread.join(GUARD_S)
    return found[0]


async def silent() -> Any:
    """A client that neither sends nor leaves."""
    await asyncio.sleep(GUARD_S)


async def infer(client: AppClient, value: int) -> np.ndarray:
    """The logits of an image filled with `value`, by the dispatcher itself."""
    context = client.context
    with context.catalogue.use() as served:
        request = GivenRequest(np.full((1, 3, 16, 16), value, np.float32), served.model)
        return await context.dispatcher.infer(request, served, Request({"type": "http"}, silent))


def test_each_request_of_many_gets_its_own_logits(gated: Gated) -> None:
    """By the dispatcher itself, whose logits tell one image from another."""
    client, engine = gated(concurrency=4)

    async def many() -> list[float]:
        return [float(logits[0, 0]) for logits in await asyncio.gather(*(infer(client, value) for value in range(200)))]

    assert asyncio.run(many()) == [10.0 * value for value in range(200)]
    assert max(engine.runs) <= 16


@pytest.mark.parametrize("size, big", [(0, False), (BIG_BYTES - 1, False), (BIG_BYTES, True)])
def test_big_bodies_are_big_jobs(client: AppClient, monkeypatch: pytest.MonkeyPatch, size: int, big: bool) -> None:
    jobs = recorded(monkeypatch, client.context.workers, "submit")
    client.post(CLASSIFY, files={"file": b"x" * size})
    assert [job.big for (job,) in jobs] == [big]


def watch_close(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once the engine of the only model is closed."""
    closed = threading.Event()
    monkeypatch.setattr(client.context.catalogue.get().backend, "close", closed.set)
    return closed


def test_an_unloaded_model_is_closed_once_its_last_request_is_answered(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = gated(concurrency=2)
    closed = watch_close(client, monkeypatch)

    async def unload() -> None:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        assert sample_in_thread(client) == 0
        client.context.catalogue.unload("tiny")
        assert await read_status(meeting.send(make_grey_png(1))) == 503
        assert not closed.is_set()
        engine.gate.set()
        assert await read_status(first) == 200

    asyncio.run(unload())
    assert closed.wait(GUARD_S)
    assert sample(client, "fwht_queue_depth", model="tiny") == 0


def test_a_model_stays_while_the_engine_runs_although_nobody_waits(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = gated(deadline_ms=50)
    closed = watch_close(client, monkeypatch)
    engine.gate.clear()
    with pytest.raises(Late):
        asyncio.run(infer(client, 1))
    wait_until(lambda: engine.runs == [1] or client.context.workers._idle != [], "it runs, or was dropped in time")
    client.context.catalogue.unload("tiny")
    assert not (engine.runs and closed.wait(0.05))
    engine.gate.set()
    assert closed.wait(GUARD_S)


def test_a_model_is_not_closed_while_it_is_profiled_for_a_client_that_has_gone(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = gated()
    closed = watch_close(client, monkeypatch)
    profiling = threading.Event()

    def profile(*given: Any) -> Any:
        profiling.set()
        assert engine.gate.wait(GUARD_S)
        return {}

    monkeypatch.setattr(client.context.catalogue.get(), "profile", profile)
    engine.gate.clear()

    async def leave() -> None:
        with client.context.catalogue.use() as served:
            running = asyncio.ensure_future(client.context.workers.run(served.profile, [make_grey_png(1)], 1))
            await wait_in_loop(profiling.is_set)
            running.cancel()
        client.context.catalogue.unload("tiny")

    asyncio.run(leave())
    assert not closed.wait(0.05)
    engine.gate.set()
    assert closed.wait(GUARD_S)
