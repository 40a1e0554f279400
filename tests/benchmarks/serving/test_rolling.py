"""A slice of `make soak`: a server killed and a restart in turn behind a real nginx, and what counts as a problem."""

from __future__ import annotations

import http.client
import random
import socket
import threading
import urllib.error
import urllib.request
from typing import Any, Iterator

import pytest

from benchmarks.serving.behind_nginx import BehindNginx, LoggedRequest, parse_request, run_behind_nginx
from benchmarks.serving.rolling import (
    act_under_load,
    find_problems,
    make_killer,
    make_report,
    make_restarter,
    was_in_flight,
)
from tests.tools import need_nginx

IMAGE_BYTES = 16 << 20


@pytest.fixture(scope="module")
def behind() -> Iterator[BehindNginx]:
    need_nginx()
    with run_behind_nginx("--threads", "1", "--drain-delay", "1") as found:
        yield found


@pytest.mark.slow
def test_a_killed_server_and_a_restart_lose_nothing(behind: BehindNginx) -> None:
    act, kills = make_killer(behind, random.Random(7), again=True)
    found = make_report("kill", act_under_load(behind, 0, act), behind, kills, [])
    assert found["events"] == 1 and find_problems(found) == []
    act, ended = make_restarter(behind)
    found = make_report("rolling", act_under_load(behind, 0, act), behind, [], ended)
    assert ended == [0] and find_problems(found) == []


def ask(behind: BehindNginx, path: str, data: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    url = f"http://{behind.target.host}:{behind.target.port}{path}"
    request = urllib.request.Request(url, data, {"Content-Type": "image/jpeg", "X-Request-ID": "mine"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_what_nginx_passes_and_refuses(behind: BehindNginx) -> None:
    assert ask(behind, "/readyz")[0] == 200
    status, headers, body = ask(behind, "/v1/classify", b"no image")
    assert status == 400 and b"not an image" in body and headers["x-request-id"] == "mine"
    assert ask(behind, "/metrics")[0] == 403
    assert ask(behind, "/v2/repository/models/fwht_mobilenet_v2/unload", b"{}")[0] == 403
    status, headers, body = ask(behind, "/v1/classify", bytes(IMAGE_BYTES + 1))
    assert status == 413 and headers["Content-Type"] == "application/problem+json" and b"16 MiB" in body


def test_without_any_server_it_is_busy_and_half_an_answer_is_told() -> None:
    need_nginx()
    with run_behind_nginx("--threads", "1") as behind:
        for server in behind.servers:
            server.kill()
        status, headers, body = ask(behind, "/v1/classify", b"x")
        assert status == 503 and headers["Retry-After"] == "1" and b"urn:fwht:problem:busy" in body
        with socket.create_server(("127.0.0.1", behind.servers[0].port)) as half:
            answering = threading.Thread(target=answer_half, args=(half,))
            answering.start()
            with pytest.raises(http.client.IncompleteRead):
                ask(behind, "/v1/classify", b"x")
            answering.join()
        assert [(one.status, one.whole) for one in behind.read_requests()] == [(503, True), (200, False)]


def answer_half(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")


def test_a_line_of_the_log() -> None:
    found = parse_request("1795861634.643 0.030 502 9/9 127.0.0.1:1, 127.0.0.1:2|502, -")
    assert found.begin == pytest.approx(1795861634.613, abs=1e-4)
    assert found[1:] == (1795861634.643, 502, True, [1, 2], ["502", "-"])
    assert not parse_request("1795861634.643 0.030 200 4/9 127.0.0.1:1|200").whole


def test_in_flight() -> None:
    one = LoggedRequest(10.0, 11.0, 502, True, [1], ["502"])
    assert was_in_flight(one, [(1, 10.5, 10.6)]) and was_in_flight(one, [(1, 9.5, 10.0)])
    assert not was_in_flight(one, [(2, 10.5, 10.6)]) and not was_in_flight(one, [(1, 9.5, 9.9)])
    assert not was_in_flight(one, [(1, 11.5, 11.9)])


def sample(**changes: Any) -> dict[str, Any]:
    found = {"kind": "kill", "outcomes": {"200": {"count": 9}}, "events": 1, "exit_statuses": []}
    return {**found, "lost_in_flight": 0, "lost_in_the_answer": 0, **changes}


def test_nothing_wrong() -> None:
    assert find_problems(sample()) == []
    lost = {"200": {"count": 9}, "502": {"count": 2}}
    assert find_problems(sample(kind="kill, no retry", outcomes=lost, lost_in_flight=2)) == []
    cut = {"200": {"count": 9}, "connection": {"count": 1}}
    assert find_problems(sample(outcomes=cut, lost_in_flight=1, lost_in_the_answer=1)) == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"outcomes": {}}, "nothing was answered"),
        ({"outcomes": {"200": {"count": 1}, "connection": {"count": 1}}}, "1 requests were lost"),
        (
            {"kind": "kill, no retry", "outcomes": {"200": {"count": 1}, "502": {"count": 2}}},
            "2 requests were lost, of which 0 may be",
        ),
        ({"events": 0}, "no server was stopped"),
        ({"exit_statuses": [-9, 0]}, "ended with"),
    ],
)
def test_problems(changes: dict[str, Any], words: str) -> None:
    (problem,) = find_problems(sample(**changes))
    assert words in problem
