"""From request to engine and back, in the application: what meets in the queue, is late, leaves, or breaks."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import weakref
from typing import Any, Callable, Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from server.inference import BIG_BYTES
from server.workers import Reply
from tests.server.app_client import AppClient
from tests.server.gated_engine import GUARD_S, GatedEngine, until
from tests.server.test_probes import sample

CLASSIFY = "/v1/classify"


def grey(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (value, value, value)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def gated(make_client: Callable[..., AppClient]) -> Iterator[Callable[..., tuple[AppClient, GatedEngine]]]:
    """Makes a client whose only model runs on an engine that waits; keywords are settings."""
    engines = []

    def make(**settings: Any) -> tuple[AppClient, GatedEngine]:
        client, engine = make_client(**settings), GatedEngine()
        client.service.catalogue.get().backend = engine
        engines.append(engine)
        return client, engine

    yield make
    for engine in engines:
        engine.gate.set()


class Meeting:
    """Requests of one event loop that meet at a held engine."""

    def __init__(self, client: AppClient, engine: GatedEngine) -> None:
        self.client = client
        self.engine = engine

    def send(self, data: bytes) -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(self.client.send("POST", CLASSIFY, files={"file": data}))

    async def hold(self) -> asyncio.Task[httpx.Response]:
        self.engine.gate.clear()
        task = self.send(grey(0))
        await reached(lambda: len(self.engine.runs) == 1)
        return task

    @property
    def depth(self) -> int:
        return next(iter(self.client.service.inference._batchers.values())).depth


async def reached(true: Callable[[], bool]) -> None:
    """`until`, with the event loop going on."""
    await asyncio.get_running_loop().run_in_executor(None, until, true, "the requests' state")


async def status(task: asyncio.Task[httpx.Response]) -> int:
    return (await asyncio.wait_for(task, GUARD_S)).status_code


def test_a_lone_request_changes_threads_once_in_and_once_out(
    gated: Callable[..., tuple[AppClient, GatedEngine]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What HTTP costs beside the engine is mostly the changes of threads."""
    client, engine = gated()
    workers, model = client.service.workers, client.service.catalogue.get()
    jobs = recorded(monkeypatch, workers, "submit")
    answers = recorded(monkeypatch, Reply, "_post")
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


def test_requests_that_meet_run_as_one_batch(
    gated: Callable[..., tuple[AppClient, GatedEngine]],
) -> None:
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


def test_each_request_of_many_gets_its_own_logits(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
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


def test_a_bad_image_beside_good_ones(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
    client, engine = gated(max_waiting=20)

    async def meet() -> list[int]:
        meeting = Meeting(client, engine)
        first = await meeting.hold()
        rest = [meeting.send(data) for data in (grey(1), b"no image", grey(2))]
        assert await status(rest[1]) == 400  # at once: it need not wait for the engine
        await reached(lambda: meeting.depth == 2)
        engine.gate.set()
        return [await status(task) for task in (first, *rest)]

    assert asyncio.run(meet()) == [200, 200, 400, 200]
    assert engine.runs == [1, 2]


def test_late_is_504_at_the_deadline_and_does_not_run(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
    client, engine = gated(deadline_ms=500)

    async def late() -> None:
        meeting = Meeting(client, engine)
        first = await meeting.hold()
        second = meeting.send(grey(1))
        for task in (first, second):  # while the engine still hangs
            response = await asyncio.wait_for(task, GUARD_S)
            assert response.status_code == 504 and "500 ms" in response.json()["detail"]
        assert meeting.depth == 0 and client.service.workers.taken == 0
        engine.gate.set()
        assert await status(meeting.send(grey(2))) == 200
        assert engine.runs == [1, 1]

    asyncio.run(late())


def test_a_request_that_waits_for_a_thread_past_its_deadline_is_not_decoded(
    gated: Callable[..., tuple[AppClient, GatedEngine]],
) -> None:
    client, engine = gated(deadline_ms=500, concurrency=1)

    async def late() -> None:
        meeting = Meeting(client, engine)
        tasks = [await meeting.hold(), meeting.send(b"no image")]
        assert [await status(task) for task in tasks] == [504, 504]
        assert not client.service.workers._waiting

    asyncio.run(late())


def disconnecting(body: bytes, gone: asyncio.Event) -> tuple[dict[str, Any], Callable[[], Any]]:
    """The scope and the messages of a client that sends `body` and leaves at `gone`."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": CLASSIFY,
        "raw_path": CLASSIFY.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"image/png"), (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return scope, receive


def test_a_client_that_leaves_is_not_computed_for(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
    client, engine = gated()

    async def leave() -> None:
        meeting = Meeting(client, engine)
        first = await meeting.hold()
        gone = asyncio.Event()
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        leaving = asyncio.ensure_future(client.app(*disconnecting(grey(1), gone), send))
        await reached(lambda: meeting.depth == 1)
        gone.set()
        await asyncio.wait_for(leaving, GUARD_S)
        assert sent == [] and meeting.depth == 0 and client.service.workers.taken == 1
        engine.gate.set()
        assert await status(first) == 200

    asyncio.run(leave())
    assert engine.runs == [1]
    assert sample(client, "fwht_requests_total", route=CLASSIFY, status="499") == 1


def test_full_is_503_with_retry_after_and_the_accepted_are_answered(
    gated: Callable[..., tuple[AppClient, GatedEngine]],
) -> None:
    client, engine = gated(concurrency=1, max_waiting=2)

    async def crowd() -> None:
        meeting = Meeting(client, engine)
        accepted = [await meeting.hold(), meeting.send(grey(1)), meeting.send(grey(2))]
        await asyncio.sleep(0)
        await reached(lambda: client.service.workers.taken == 3)
        refused = await asyncio.wait_for(meeting.send(grey(3)), GUARD_S)  # while the engine hangs: at once
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        engine.gate.set()
        assert [await status(task) for task in accepted] == [200] * 3
        assert client.service.workers.taken == 0

    asyncio.run(crowd())


def test_an_error_of_the_engine_is_of_its_batch_alone(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
    client, engine = gated(max_waiting=20)

    async def broken() -> list[int]:
        meeting = Meeting(client, engine)
        first = await meeting.hold()
        rest = [meeting.send(grey(value)) for value in (1, 2)]
        await reached(lambda: meeting.depth == 2)
        engine.error = RuntimeError("a secret of the engine")
        engine.gate.set()
        statuses = [await status(task) for task in (first, *rest)]
        engine.error = None
        return [*statuses, await status(meeting.send(grey(3)))]

    assert asyncio.run(broken()) == [500, 500, 500, 200]


def test_shutdown_answers_what_was_accepted(gated: Callable[..., tuple[AppClient, GatedEngine]]) -> None:
    client, engine = gated(concurrency=2, max_waiting=20)

    async def stop() -> None:
        meeting = Meeting(client, engine)
        accepted = [await meeting.hold(), *(meeting.send(grey(value)) for value in range(6))]
        await reached(lambda: meeting.depth == 6)
        closing = asyncio.ensure_future(client.service.workers.close())
        await asyncio.sleep(0.01)
        assert await status(meeting.send(grey(1))) == 503
        assert not closing.done()
        engine.gate.set()
        assert [await status(task) for task in accepted] == [200] * 7
        await asyncio.wait_for(closing, GUARD_S)

    asyncio.run(stop())


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
