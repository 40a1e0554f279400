"""The load itself: how many requests go out, and what becomes of each."""

from __future__ import annotations

import asyncio

from server.bench.connection import Target, encode_request
from server.bench.load import Outcomes, Plan, generate_load
from tests.server.support.scripted_server import Script, ScriptedServer, make_answer, run_scripted_server


def run(script: Script, plan: Plan, bodies: tuple[bytes, ...] = (b"x",)) -> tuple[Outcomes, ScriptedServer]:
    async def loaded() -> tuple[Outcomes, ScriptedServer]:
        async with run_scripted_server(script) as server:
            target = Target("127.0.0.1", server.port, "/")
            requests = [encode_request(target, body, "text/plain") for body in bodies]
            return await generate_load(target, requests, plan), server

    return asyncio.run(asyncio.wait_for(loaded(), 20))


async def good(number: int) -> bytes:
    return make_answer()


def test_as_fast_as_answered() -> None:
    outcomes, server = run(good, Plan(concurrency=3, seconds=0.2), (b"a", b"b"))
    assert len(outcomes.good) == len(server.requests) >= 3
    assert server.connections == 3 and outcomes.failed == outcomes.late == 0
    assert {request[-1:] for request in server.requests} == {b"a", b"b"}
    assert outcomes.seconds >= 0.2


def test_fixed_rate_sends_exactly_so_many() -> None:
    outcomes, server = run(good, Plan(concurrency=4, rate=100, seconds=0.3))
    assert len(outcomes.good) == len(server.requests) == 30
    assert outcomes.seconds >= 0.29


def test_a_request_that_waits_for_a_connection_counts_from_its_time() -> None:
    """Else a server that stops for a second would look slow once, and not for everybody who came meanwhile."""

    async def slow(number: int) -> bytes:
        await asyncio.sleep(0.1)
        return make_answer()

    outcomes, _ = run(slow, Plan(concurrency=1, rate=100, seconds=0.05))
    assert len(outcomes.good) == 5 and outcomes.late == 4
    assert max(outcomes.good) > 400  # the fifth was due at 40 ms and answered after 500


def test_every_failure_is_counted_under_its_name() -> None:
    async def script(number: int) -> bytes:
        if number == 1:
            await asyncio.sleep(0.5)
        return {0: make_answer(503), 1: make_answer(), 2: b""}.get(number, make_answer())

    outcomes, server = run(script, Plan(concurrency=1, rate=50, seconds=0.1, timeout=0.2))
    assert {name: len(times) for name, times in outcomes.latencies.items()} == {
        "503": 1,
        "timeout": 1,
        "connection": 1,
        "200": 2,
    }
    assert outcomes.failed == 3 and server.connections == 3  # a new one after each that was lost


def test_nobody_there() -> None:
    async def loaded() -> Outcomes:
        async with run_scripted_server(good) as server:
            port = server.port
        return await generate_load(Target("127.0.0.1", port, "/"), [b"x"], Plan(seconds=0.2))

    outcomes = asyncio.run(loaded())
    assert set(outcomes.latencies) == {"connection"} and 1 <= outcomes.failed <= 5 and not outcomes.good
