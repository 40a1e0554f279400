"""Servers that are killed and restarted behind nginx, under load: python -m benchmarks.serving.rolling

Two servers and nginx with examples/nginx.conf. Clients keep asking through nginx while
- `kill`: one of the servers, chosen at random, is killed (kill -9) at a random moment and started again: nginx asks the
  other one what the killed one had not answered, so nothing may be lost but an answer that had begun;
- `kill, no retry`: the same where a POST that was sent is not sent again, nginx's own default, and the killed one stays
  away: what is lost must have been in flight on it;
- `rolling`: one after the other is told to stop (SIGTERM), started again and waited for: nothing may be lost.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import threading
import time
from pathlib import Path
from typing import Any, Callable

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import ServerProcess
from benchmarks.serving.behind_nginx import BehindNginx, LoggedRequest, run_behind_nginx
from server.bench.connection import encode_request
from server.bench.images import encode_form
from server.bench.load import Outcomes, Plan, generate_load
from server.bench.report import summarise_latency

IMAGE = Path("tests/data/cat.jpg")
CLIENTS = 8
FLAGS = ("--threads", "1", "--drain-delay", "2")
STOP_S = 60.0
SETTLE_S = 0.5  # between two events, at least


def act_under_load(behind: BehindNginx, seconds: float, act: Callable[[], None]) -> Outcomes:
    """Call `act` once and, for `seconds`, again and again, while clients ask."""
    request = encode_request(behind.target, *encode_form([IMAGE.read_bytes()]))
    end, found = time.monotonic() + seconds, []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found.append(asyncio.run(generate_load(behind.target, [request], Plan(CLIENTS, seconds=1.0))))

    clients = threading.Thread(target=ask)
    clients.start()
    try:
        act()
        while time.monotonic() < end:
            act()
    finally:
        stop.set()
        clients.join()
    return merge_outcomes(found)


def merge_outcomes(parts: list[Outcomes]) -> Outcomes:
    whole = Outcomes(seconds=sum(part.seconds for part in parts))
    for part in parts:
        for outcome, times in part.latencies.items():
            for milliseconds in times:
                whole.add(outcome, milliseconds)
    return whole


def make_killer(behind: BehindNginx, chance: random.Random, again: bool) -> tuple[Callable[[], None], list[Any]]:
    """What kills a server, and the list of kills that it keeps: its port, and time.time() before it and once the
    process has gone, until when the system still takes requests for it."""
    kills: list[Any] = []

    def act() -> None:
        time.sleep(SETTLE_S + chance.random())
        if kills and not again:
            return
        server: ServerProcess = chance.choice(behind.servers)
        begin = time.time()
        server.kill()
        kills.append((server.port, begin, time.time()))
        if again:
            server.start()
            server.wait_until_ready()

    return act, kills


def make_restarter(behind: BehindNginx) -> tuple[Callable[[], None], list[int]]:
    """What restarts one server, in turn, and the list of exit statuses that it keeps."""
    ended: list[int] = []

    def act() -> None:
        server = behind.servers[len(ended) % 2]
        ended.append(server.stop(STOP_S))
        server.start()
        server.wait_until_ready()

    return act, ended


def was_in_flight(one: LoggedRequest, kills: list[Any]) -> bool:
    """Whether the last server it was sent to was killed meanwhile. nginx counts in milliseconds."""
    return any(one.ports[-1] == port and one.begin <= gone + 0.001 and one.end >= begin for port, begin, gone in kills)


def measure(kind: str, seconds: float, seed: int) -> dict[str, Any]:
    with run_behind_nginx(*FLAGS, retry=kind != "kill, no retry") as behind:
        kills: list[Any] = []
        ended: list[int] = []
        if kind == "rolling":
            act, ended = make_restarter(behind)
        else:
            act, kills = make_killer(behind, random.Random(seed), again=kind == "kill")
        return make_report(kind, act_under_load(behind, seconds, act), behind, kills, ended)


def make_report(
    kind: str, outcomes: Outcomes, behind: BehindNginx, kills: list[Any], ended: list[int]
) -> dict[str, Any]:
    asked = behind.read_requests()
    lost = [one for one in asked if one.status != 200 or not one.whole]
    return {
        "kind": kind,
        "seconds": outcomes.seconds,
        "outcomes": {name: summarise_latency(times) for name, times in sorted(outcomes.latencies.items())},
        "events": len(kills) or len(ended),
        "exit_statuses": sorted(set(ended)),
        "asked": len(asked),
        "asked_of_both": sum(len(one.ports) > 1 for one in asked),
        "lost": [one._asdict() for one in lost],
        "lost_in_flight": sum(was_in_flight(one, kills) for one in lost),
        "lost_in_the_answer": sum(was_in_flight(one, kills) and one.status == 200 for one in lost),
        "errors": behind.read_errors().splitlines()[-20:],
    }


def find_problems(found: dict[str, Any]) -> list[str]:
    kind, wrong = found["kind"], []
    if "200" not in found["outcomes"]:
        wrong.append("nothing was answered")
    if not found["events"]:
        wrong.append("no server was stopped")
    failed = sum(one["count"] for name, one in found["outcomes"].items() if name != "200")
    allowed = {"kill": found["lost_in_the_answer"], "kill, no retry": found["lost_in_flight"], "rolling": 0}[kind]
    if failed != allowed:
        wrong.append(f"{failed} requests were lost, of which {allowed} may be")
    if found["exit_statuses"] not in ([], [0]):
        wrong.append(f"servers that were told to stop ended with {found['exit_statuses']}")
    return [f"{kind}: {problem}" for problem in wrong]


KINDS = ("kill", "kill, no retry", "rolling")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.rolling", description="Two servers behind nginx."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each kind (60)")
    parser.add_argument("--seed", type=int, default=7, help="of the moments (7)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/rolling.json)")
    options = parser.parse_args()
    rows, wrong = [], []
    for kind in KINDS:
        found = measure(kind, 3.0 if kind == "kill, no retry" else options.seconds, options.seed)
        counts = {name: one["count"] for name, one in found["outcomes"].items()}
        print(f"{kind}: {found['events']} stopped, {counts}, {found['asked_of_both']} asked of both", flush=True)
        rows.append(found)
        wrong += find_problems(found)
    print(f"written: {write_result('rolling', {'rows': rows, 'problems': wrong}, options.out)}")
    if wrong:
        raise SystemExit("; ".join(wrong))


if __name__ == "__main__":
    main()
