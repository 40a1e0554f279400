"""A slice of `make soak`: broken requests to a real process, seeded, and how a finding is told and kept."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

from benchmarks.harness.server_process import ServerProcess, run_server
from benchmarks.serving.fuzz import (
    MOST_GROWTH,
    NOTHING_KEPT,
    Case,
    FuzzResult,
    fuzz,
    make_image_cases,
    make_tensor_cases,
    save_findings,
    send_case,
)
from server.bench.connection import Target
from tests.server.support.scripted_server import make_answer, run_scripted_server

IMAGES, TENSORS, SEED = 1000, 600, 5


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with run_server(
        "--models", "fwht_mobilenet_v2", "--threads", "1", environment={**os.environ, **NOTHING_KEPT}
    ) as made:
        yield made


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_broken_images(server: ServerProcess) -> None:
    found = asyncio.run(fuzz(server, make_image_cases(IMAGES, SEED), IMAGES))
    assert found.find_problems() == []
    assert sum(found.statuses.values()) == IMAGES and {200, 400} <= set(found.statuses)
    assert len(found.memory) == 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_broken_inference_requests(server: ServerProcess) -> None:
    found = asyncio.run(fuzz(server, make_tensor_cases(TENSORS, SEED, "fwht_mobilenet_v2"), TENSORS))
    assert found.find_problems() == []
    assert sum(found.statuses.values()) == TENSORS and {200, 400} <= set(found.statuses)
    assert server.fetch_status("/readyz") == 200


@pytest.mark.parametrize("said, words", [(make_answer(500, b"oops"), "answered 500"), (b"", "no answer")])
def test_a_wrong_answer_is_a_finding(said: bytes, words: str, tmp_path: Path) -> None:
    async def script(number: int) -> bytes:
        return said

    async def run() -> FuzzResult:
        found = FuzzResult()
        async with run_scripted_server(script) as scripted:
            case = Case("/v1/classify", "image/jpeg", b"body", ("X: y",))
            await send_case(Target("127.0.0.1", scripted.port, "/"), None, case, found)
        return found

    found = asyncio.run(run())
    (problem,) = found.find_problems()
    assert words in problem
    save_findings(found.findings, tmp_path / "kept")
    assert (tmp_path / "kept" / "0.body").read_bytes() == b"body"
    told = json.loads((tmp_path / "kept" / "0.json").read_text())
    assert told["path"] == "/v1/classify" and told["headers"] == ["X: y"] and words in told["answer"]


def test_growth_is_a_problem() -> None:
    assert FuzzResult(memory=[0, MOST_GROWTH]).find_problems() == []
    assert "the memory grew" in FuzzResult(memory=[0, MOST_GROWTH + 1]).find_problems()[0]
