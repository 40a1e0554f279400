"""Binary tensor requests that lie: a real process answers each with a 4xx in time, and does not grow.

The mutations are a seeded slice; a longer run asks for more of the same.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
import zlib
from typing import Any, Iterator

import httpx
import numpy as np
import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.http_server import read_memory

MODEL = "fwht_mobilenet_v2"
PATH = f"/v2/models/{MODEL}/infer"
SHAPE = (1, 3, 32, 32)
BYTES = np.linspace(-1, 1, 3 * 32 * 32, dtype=np.float32).tobytes()
MIB = 1 << 20
WITHIN_S = 2.0
SLICE = 600  # mutated requests in this run
# What the longest body (16 MiB), its unpack form and the allocator's slack may take.
MEMORY_MARGIN = 64 * MIB


def good_json(**changes: Any) -> bytes:
    tensor = {"name": "image", "datatype": "FP32", "shape": SHAPE, "parameters": {"binary_data_size": len(BYTES)}}
    return json.dumps({"inputs": [{**tensor, **changes}]}).encode()


def lies() -> dict[str, tuple[dict[str, str], bytes]]:
    """Headers and body of each."""
    text = good_json()

    def told(length: object, body: bytes = text + BYTES, encoding: str = "identity") -> tuple[dict[str, str], bytes]:
        return {"Inference-Header-Content-Length": str(length), "Content-Encoding": encoding}, body

    def sized(size: object, shape: Any = SHAPE) -> tuple[dict[str, str], bytes]:
        changed = good_json(parameters={"binary_data_size": size}, shape=shape)
        return told(len(changed), changed + BYTES)

    bomb = zlib.compress(b"\0" * (256 * MIB), 9)
    return {
        "longer_than_the_body": told(len(text) + len(BYTES) + 1),
        "within_the_json": told(len(text) - 1),
        "within_the_bytes": told(len(text) + 1),
        "negative": told(-1),
        "zero": told(0),
        "text": told("all"),
        "exponent": told("1e3"),
        "beyond_64_bits": told(2**64 + len(text)),
        "5000_digits": told("9" * 5000),
        "none": told(""),
        "no_body": told(10, b""),
        "no_bytes": told(len(text), text),
        "more_bytes": told(len(text), text + BYTES + b"\0"),
        "all_bytes_of_a_large_body": told(0, b"\0" * (15 * MIB)),
        "size_negative": sized(-1),
        "size_huge": sized(2**62),
        "size_of_a_huge_shape": sized(4 * 3 * 32 * 32 * 2**40, [2**40, 3, 32, 32]),
        "size_that_overflows": sized(2**64, [2**62, 3, 32, 32]),
        "size_as_float": sized(float(len(BYTES))),
        "shape_of_many_images": sized(len(BYTES), [10**9, 3, 32, 32]),
        "json_of_lists": ({}, b'{"inputs":[' + b"[]," * (5 * MIB) + b"[]]}"),
        "json_of_depth": ({}, b"[" * (15 * MIB)),
        "json_of_one_number": ({}, b"9" * (15 * MIB)),
        "bomb": told(len(text), bomb, "deflate"),
        "bomb_of_a_bomb": told(len(text), gzip.compress(bomb), "gzip, deflate"),
        "not_packed": told(len(text), encoding="gzip"),
    }


LIES = lies()
CLIENT = httpx.Client(timeout=10)


def ask(server: ServerProcess, headers: dict[str, str], body: bytes) -> httpx.Response:
    start = time.perf_counter()
    response = CLIENT.post(server.url + PATH, content=body, headers=headers)
    assert time.perf_counter() - start < WITHIN_S
    return response


def good(server: ServerProcess) -> None:
    text = good_json()
    response = ask(server, {"Inference-Header-Content-Length": str(len(text))}, text + BYTES)
    assert response.status_code == 200, response.text


@pytest.fixture(scope="module")
def warm(running: ServerProcess) -> int:
    """Resident bytes of the server after some good requests, one with the longest body."""
    for _ in range(20):
        good(running)
    return read_memory(running)


@pytest.fixture(autouse=True)
def survives(running: ServerProcess, warm: int) -> Iterator[None]:
    yield
    good(running)
    if sys.platform == "linux":
        grown = read_memory(running, "VmHWM") - warm
        print(f"highest memory above the warm server: {grown / MIB:.1f} MiB of {MEMORY_MARGIN / MIB:.0f}")
        assert grown < MEMORY_MARGIN


@pytest.mark.parametrize("case", LIES)
def test_lie(running: ServerProcess, case: str) -> None:
    response = ask(running, *LIES[case])
    wanted = 413 if case in ("bomb", "json_of_lists", "json_of_depth", "json_of_one_number") else 400
    wanted = 415 if case == "bomb_of_a_bomb" else wanted
    assert response.status_code == wanted, response.text
    assert 10 < len(response.json()["error"]) < 600


def test_length_told_twice(running: ServerProcess) -> None:
    headers = httpx.Headers([("Inference-Header-Content-Length", str(len(good_json())))] * 2)
    response = httpx.post(running.url + PATH, content=good_json() + BYTES, headers=headers)
    assert response.status_code == 400 and "Inference-Header" in response.json()["error"]


def mutations(seed: int, count: int) -> Iterator[tuple[dict[str, str], bytes]]:
    """Good requests with up to two pieces of the JSON changed, and a length that is sometimes off."""
    random_ = random.Random(seed)
    words = [
        b"",
        b"0",
        b"-",
        b"1e9",
        b"9" * 20,
        b"null",
        b"true",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b",",
        b"\\ud83d",
        b"\xff",
    ]
    for _ in range(count):
        text = good_json()
        for _ in range(random_.randint(0, 2)):
            start = random_.randrange(len(text))
            text = text[:start] + random_.choice(words) + text[start + random_.randint(0, 3) :]
        data = BYTES[: random_.choice([len(BYTES)] * 3 + [0, 1, len(BYTES) - 1])]
        length = random_.choice([len(text)] * 4 + [0, len(text) - 1, len(text) + 1, random_.randint(0, 10**6)])
        yield {"Inference-Header-Content-Length": str(length)}, text + data


def test_mutated(running: ServerProcess) -> None:
    seen: dict[int, int] = {}
    for headers, body in mutations(5, SLICE):
        status = ask(running, headers, body).status_code
        seen[status] = seen.get(status, 0) + 1
        assert status in (200, 400), (headers, body[:500])
    print(f"answers by status: {seen}")
    assert len(seen) == 2  # some changes do no harm, most do
