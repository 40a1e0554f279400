"""Requests that are late, left, too many, broken, or there as the server stops: each answered, no other hurt."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from typing import Any, Callable, Tuple

import uvicorn

from server.inference.request import InferenceRequest
from tests.server.routes.test_probes import sample
from tests.server.support.app_client import AppClient
from tests.server.support.gated_client import CLASSIFY, GatedClient, make_grey_png, read_status, wait_in_loop
from tests.server.support.gated_engine import GUARD_S, GatedEngine, wait_until

Gated = Callable[..., Tuple[AppClient, GatedEngine]]


def test_a_bad_image_beside_good_ones(gated: Gated) -> None:
    client, engine = gated(max_waiting=20)

    async def meet() -> list[int]:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        rest = [meeting.send(data) for data in (make_grey_png(1), b"no image", make_grey_png(2))]
        assert await read_status(rest[1]) == 400  # at once: it need not wait for the engine
        await wait_in_loop(lambda: meeting.depth == 2)
        engine.gate.set()
        return [await read_status(task) for task in (first, *rest)]

    assert asyncio.run(meet()) == [200, 200, 400, 200]
    assert engine.runs == [1, 2]


def test_bad_images_leave_nothing_to_the_garbage_collector(gated: Gated) -> None:
    """Reference cycles of errors and frames would hold every bad upload until it runs."""
    client, _ = gated()
    workers = client.context.workers
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert client.post(CLASSIFY, files={"file": b"no image"}).status_code == 400
        wait_until(lambda: len(workers._idle) == len(workers._threads), "the threads are idle")
        assert not [thing for thing in gc.get_objects() if type(thing) is InferenceRequest]
    finally:
        gc.enable()


def test_late_is_504_at_the_deadline_and_does_not_run(gated: Gated) -> None:
    client, engine = gated()

    async def late() -> None:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        meeting.set_deadline(50)
        response = await asyncio.wait_for(meeting.send(make_grey_png(1)), GUARD_S)  # while the engine hangs
        assert response.status_code == 504 and "50 ms" in response.json()["detail"]
        assert meeting.depth == 0 and client.context.workers.taken == 1
        meeting.set_deadline(1000 * int(GUARD_S))
        engine.gate.set()
        assert [await read_status(task) for task in (first, meeting.send(make_grey_png(2)))] == [200, 200]
        assert engine.runs == [1, 1]

    asyncio.run(late())


def test_late_is_504_while_it_runs(gated: Gated) -> None:
    client, engine = gated(deadline_ms=50)
    engine.gate.clear()
    assert client.post(CLASSIFY, files={"file": make_grey_png(1)}).status_code == 504
    assert client.context.workers.taken == 0


def test_a_request_that_waits_for_a_thread_past_its_deadline_is_not_decoded(gated: Gated) -> None:
    client, engine = gated(concurrency=1)

    async def late() -> None:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        meeting.set_deadline(50)
        assert await read_status(meeting.send(b"no image")) == 504
        assert not client.context.workers._waiting
        engine.gate.set()
        assert await read_status(first) == 200

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


def test_a_client_that_leaves_is_not_computed_for(gated: Gated) -> None:
    client, engine = gated()

    async def leave() -> None:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        gone = asyncio.Event()
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        leaving = asyncio.ensure_future(client.app(*disconnecting(make_grey_png(1), gone), send))
        await wait_in_loop(lambda: meeting.depth == 1)
        gone.set()
        await asyncio.wait_for(leaving, GUARD_S)
        assert sent == [] and meeting.depth == 0 and client.context.workers.taken == 1
        engine.gate.set()
        assert await read_status(first) == 200

    asyncio.run(leave())
    assert engine.runs == [1]
    assert sample(client, "fwht_requests_total", route=CLASSIFY, status="499") == 1


def test_full_is_503_with_retry_after_and_the_accepted_are_answered(gated: Gated) -> None:
    client, engine = gated(concurrency=1, max_waiting=2)

    async def crowd() -> None:
        meeting = GatedClient(client, engine)
        accepted = [await meeting.hold(), meeting.send(make_grey_png(1)), meeting.send(make_grey_png(2))]
        await asyncio.sleep(0)
        await wait_in_loop(lambda: client.context.workers.taken == 3)
        refused = await asyncio.wait_for(meeting.send(make_grey_png(3)), GUARD_S)  # while the engine hangs: at once
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        engine.gate.set()
        assert [await read_status(task) for task in accepted] == [200] * 3
        assert client.context.workers.taken == 0

    asyncio.run(crowd())


def test_an_error_of_the_engine_is_of_its_batch_alone(gated: Gated) -> None:
    client, engine = gated(max_waiting=20)

    async def broken() -> list[int]:
        meeting = GatedClient(client, engine)
        first = await meeting.hold()
        rest = [meeting.send(make_grey_png(value)) for value in (1, 2)]
        await wait_in_loop(lambda: meeting.depth == 2)
        engine.error = RuntimeError("a secret of the engine")
        engine.gate.set()
        statuses = [await read_status(task) for task in (first, *rest)]
        engine.error = None
        return [*statuses, await read_status(meeting.send(make_grey_png(3)))]

    assert asyncio.run(broken()) == [500, 500, 500, 200]


def test_shutdown_answers_what_was_accepted(gated: Gated) -> None:
    client, engine = gated(concurrency=2, max_waiting=20)

    async def stop() -> None:
        meeting = GatedClient(client, engine)
        accepted = [await meeting.hold(), *(meeting.send(make_grey_png(value)) for value in range(6))]
        await wait_in_loop(lambda: meeting.depth == 6)
        closing = asyncio.ensure_future(client.context.workers.close())
        await asyncio.sleep(0.01)
        assert await read_status(meeting.send(make_grey_png(1))) == 503
        assert not closing.done()
        engine.gate.set()
        assert [await read_status(task) for task in accepted] == [200] * 7
        await asyncio.wait_for(closing, GUARD_S)

    asyncio.run(stop())


def test_a_socket_that_closes_is_noticed(gated: Gated, cat: bytes) -> None:
    """Over a real socket, with uvicorn in a thread and its engine held."""
    client, engine = gated()
    engine.gate.clear()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(client.app, log_config=None))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        serving.start()
        fields = f"Host: test\r\nContent-Type: image/jpeg\r\nContent-Length: {len(cat)}"
        with socket.create_connection(listener.getsockname(), timeout=GUARD_S) as leaving:
            leaving.sendall(f"POST {CLASSIFY} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + cat)
            wait_until(lambda: len(engine.runs) == 1, "the request waits for the engine")
        wait_until(lambda: client.context.workers.taken == 0, "the client has left")  # while the engine still hangs
        engine.gate.set()
        server.should_exit = True
        serving.join(GUARD_S)
    assert not serving.is_alive()
    assert sample(client, "fwht_requests_total", route=CLASSIFY, status="499") == 1
