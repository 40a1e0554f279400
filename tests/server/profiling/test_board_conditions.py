"""What a report says of its board: before and after, and why its times are not to be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.profiling import board
from server.profiling.board_conditions import describe_board, describe_board_states
from tests.server.support.tiny_logits import draw_images

from .test_board import NANO, laid_out

MAXN: dict[str, Any] = {"power_mode": "MAXN", "gpu_hz": 921_600_000, "throttling": []}
SLOWER = {**MAXN, "gpu_hz": 614_400_000}


@pytest.fixture
def nano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a Nano laid out as files, which is where the board is looked for."""
    root = laid_out(tmp_path, NANO)
    facts, state = board.read_board_facts, board.read_board_state
    monkeypatch.setattr(board, "read_board_facts", lambda: facts(root))
    monkeypatch.setattr(board, "read_board_state", lambda: state(root))
    return root


def test_a_board_and_another_machine(nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = describe_board()["board"]
    assert (facts["power_mode"], facts["jetpack"]) == ("5W", "4.6.1")
    monkeypatch.setattr(board, "read_board_facts", lambda: {"memory_bytes": 1, "model": "a laptop", "l4t": None})
    assert describe_board() == {} and describe_board_states({}, {}, on_gpu=True) == {}


def test_before_and_after() -> None:
    found = describe_board_states(MAXN, SLOWER, on_gpu=True)
    assert (found["board_before"], found["board_after"]) == (MAXN, SLOWER)
    assert "from 921.6 MHz to 614.4 MHz" in found["noisy"]
    assert "noisy" not in describe_board_states(MAXN, MAXN, on_gpu=True)


def test_the_clock_of_a_gpu_that_was_not_timed() -> None:
    assert "noisy" not in describe_board_states(MAXN, SLOWER, on_gpu=False)
    assert "MAXN to 5W" in describe_board_states(MAXN, {**SLOWER, "power_mode": "5W"}, on_gpu=False)["noisy"]


def test_onnx_runtime_on_a_board(nano: Path, tiny: Path) -> None:
    backend = OnnxRuntimeBackend(tiny, threads=1)
    told = backend.profile(draw_images(1), runs=1)["conditions"]
    assert told["board"]["power_mode"] == told["board_before"]["power_mode"] == "5W" and "noisy" not in told
    assert told["board_after"]["temperatures_c"] == {"AO-therm": 41.5}
    laid_out(nano, {"sys/class/thermal/cooling_device1/cur_state": "1\n"})
    report = backend.profile(draw_images(1), runs=1)
    assert "the board throttles (gpu-balanced)" in report["conditions"]["noisy"]
    assert "not to be trusted" in report["note"]
    backend.close()
