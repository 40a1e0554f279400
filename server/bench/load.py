"""Load on a server: as many requests as some connections can ask, or at a fixed rate; what became of each."""

from __future__ import annotations

import asyncio
import itertools
import time
from array import array
from dataclasses import dataclass, field
from typing import Dict, Optional, Sequence

from .connection import Connection, Target, connect

PAUSE_S = 0.05  # after a broken connection, so that a server that is gone is not asked a million times
LATE_S = 0.001  # behind its time by more than this, a request counts as late


@dataclass(frozen=True)
class Plan:
    """concurrency: connections, each of which has at most one request under way. rate: requests per second, None for
    the next one as soon as one is answered. seconds: how long requests are sent; those under way are waited for.
    timeout: seconds after which a request counts as failed.
    """

    concurrency: int = 1
    rate: Optional[float] = None
    seconds: float = 10.0
    timeout: float = 30.0


@dataclass
class Outcomes:
    """latencies: milliseconds by outcome, which is the status ("200") or what went wrong ("timeout", "connection").
    late: requests of a fixed rate that found no free connection at their time; they count from that time on, since
    that is what a client would have waited. seconds: from the first request to the last answer.
    """

    latencies: Dict[str, array[float]] = field(default_factory=dict)
    late: int = 0
    seconds: float = 0.0

    def add(self, outcome: str, milliseconds: float) -> None:
        self.latencies.setdefault(outcome, array("d")).append(milliseconds)

    @property
    def good(self) -> Sequence[float]:
        """Latencies in milliseconds of what was answered 200."""
        return self.latencies.get("200", array("d"))

    @property
    def failed(self) -> int:
        return sum(len(times) for outcome, times in self.latencies.items() if outcome != "200")


async def generate_load(target: Target, requests: Sequence[bytes], plan: Plan) -> Outcomes:
    """Send `requests` in turn, over and over, as the plan says. Never raises for what the server does."""
    outcomes = Outcomes()
    turn = itertools.cycle(requests)
    start = time.perf_counter()
    due = itertools.count() if plan.rate is None else iter(range(max(1, round(plan.rate * plan.seconds))))

    async def client() -> None:
        connection: Optional[Connection] = None
        for index in due:
            now = time.perf_counter()
            if plan.rate is None:
                if now >= start + plan.seconds:
                    break
                asked = now
            else:
                asked = await wait_until(start + index / plan.rate)
                outcomes.late += asked < now - LATE_S
            connection = await send_one(target, connection, next(turn), asked, plan.timeout, outcomes)
        if connection is not None:
            connection.close()

    await asyncio.gather(*(client() for _ in range(plan.concurrency)))
    outcomes.seconds = time.perf_counter() - start
    return outcomes


async def wait_until(due: float) -> float:
    """The time a request counts from: `due` where that has passed, else the moment of waking up, since a timer of the
    event loop is up to a millisecond late, which is not the server's fault."""
    left = due - time.perf_counter()
    if left <= 0:
        return due
    await asyncio.sleep(left)
    return time.perf_counter()


async def send_one(
    target: Target, connection: Optional[Connection], request: bytes, asked: float, timeout: float, outcomes: Outcomes
) -> Optional[Connection]:
    """Ask once, on the connection or a new one; returns the connection where it can be used again."""
    loop = asyncio.get_running_loop()
    try:
        if connection is None or not connection.alive:
            connection = await asyncio.wait_for(connect(target), timeout)
        guard = loop.call_later(timeout, connection.time_out)
        try:
            answer = await connection.ask(request)
        finally:
            guard.cancel()
        outcomes.add(str(answer.status), 1000 * (time.perf_counter() - asked))
        return connection
    except (TimeoutError, asyncio.TimeoutError):
        outcomes.add("timeout", 1000 * (time.perf_counter() - asked))
    except OSError:
        outcomes.add("connection", 1000 * (time.perf_counter() - asked))
        await asyncio.sleep(PAUSE_S)
    return None
