"""From request to engine and back, in the application: one hand-over for a lone client, one batch for a crowd."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any, Callable, Tuple

import numpy as np
import pytest
from starlette.requests import Request

from server.errors import Late
from server.inference.inference import BIG_BYTES
from server.inference.workers import Reply
from tests.server.routes.test_probes import sample
from tests.server.support.app_client import AppClient
from tests.server.support.gated_engine import GUARD_S, GatedEngine, until
from tests.server.support.meeting import CLASSIFY, Meeting, grey, reached, status

Gated = Callable[..., Tuple[AppClient, GatedEngine]]


def test_a_lone_request_changes_threads_once_in_and_once_out(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HTTP costs beside the engine is mostly the changes of threads."""
    client, engine = gated()
    workers, model = client.service.workers, client.service.catalogue.get()
    jobs = recorded(monkeypatch, workers, "submit")
    answers = recorded(monkeypatch, Reply, "give_all")
    decoded: list[int] = []
    batch = model.batch

    def noted(*given: Any) -> Any:
        decoded.append(threading.get_ident())
        return batch(*given)

    monkeypatch.setattr(model, "batch", noted)
    for count in (1, 2, 3):
        assert client.post(CLASSIFY, files={"file": grey(count)}).status_code == 200
        assert (len(jobs), len(answers)) == (count, count)
        until(lambda: len(workers._idle) == 1, "the thread has put its work away")
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
        meeting = Meeting(client, engine)
        first = await meeting.hold()
        rest = []
        for value in (10, 200, 60, 90):
            rest.append(meeting.send(grey(value)))
            await reached(lambda: meeting.depth == len(rest))
        assert sample_in_thread(client) == 4
        engine.gate.set()
        return [await status(task) for task in (first, *rest)]

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


def test_each_request_of_many_gets_its_own_logits(gated: Gated) -> None:
    """By Service.infer itself, whose logits tell one image from another."""
    client, engine = gated(concurrency=4)
    model = client.service.catalogue.get()

    async def receive() -> Any:
        await asyncio.sleep(GUARD_S)

    async def one(value: int, request: Any) -> float:
        tensor = np.full((1, 3, 16, 16), value, np.float32)
        return float((await client.service.infer(request, model, lambda: tensor))[0, 0])

    async def many() -> list[float]:
        return await asyncio.gather(*(one(value, Request({"type": "http"}, receive)) for value in range(200)))

    assert asyncio.run(many()) == [10.0 * value for value in range(200)]
    assert max(engine.runs) <= 16


@pytest.mark.parametrize("size, big", [(0, False), (BIG_BYTES - 1, False), (BIG_BYTES, True)])
def test_big_bodies_are_big_jobs(client: AppClient, monkeypatch: pytest.MonkeyPatch, size: int, big: bool) -> None:
    jobs = recorded(monkeypatch, client.service.workers, "submit")
    client.post(CLASSIFY, files={"file": b"x" * size})
    assert [job.big for (job,) in jobs] == [big]


def test_a_model_is_let_go_once_its_last_request_is_answered(client: AppClient) -> None:
    client.post(CLASSIFY, files={"file": grey(1)})
    alive = weakref.ref(client.service.catalogue.get())
    client.service.catalogue._models = {}
    until(lambda: (gc.collect(), alive())[1] is None, "the model is free")
    assert sample(client, "fwht_queue_depth", model="tiny") == 0


def test_a_model_stays_while_the_engine_runs_although_nobody_waits(gated: Gated) -> None:
    client, engine = gated(deadline_ms=50)
    tensor = np.zeros((1, 3, 16, 16), np.float32)

    async def receive() -> Any:
        await asyncio.sleep(GUARD_S)

    async def late() -> None:
        model = client.service.catalogue.get()
        engine.gate.clear()
        with pytest.raises(Late):
            await client.service.infer(Request({"type": "http"}, receive), model, lambda: tensor)
        client.service.catalogue._models = {}

    alive = weakref.ref(client.service.catalogue.get())
    asyncio.run(late())
    gc.collect()
    assert len(engine.runs) == 0 or alive() is not None
    engine.gate.set()
    until(lambda: (gc.collect(), alive())[1] is None, "the model is free")
