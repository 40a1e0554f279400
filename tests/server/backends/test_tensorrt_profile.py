"""The layer report of a TensorRT engine, on the stand-in for GPU and TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.tiny_models import LAYERS, SIZE
from server.backends import tensorrt_profile
from server.backends.tensorrt_backend import TensorRTBackend
from server.backends.tensorrt_engine import Engine, EngineError
from server.errors import Busy
from server.profiling.build_report import one_profile_at_a_time
from tests.server.support.tiny_logits import agrees_with_onnx, draw_images

Open = Callable[..., TensorRTBackend]


def test_layer_report(opened: Open, gpu: FakeGpu) -> None:
    backend = opened()
    report = backend.profile(draw_images(2), runs=12)
    reformat, *layers = report["items"]
    assert [(item["name"], item["op"], item["onnx_nodes"]) for item in layers] == LAYERS
    assert reformat["op"] == "Reformat" and not reformat["onnx_nodes"]
    times = [0.001 * (i + 1) for i in range(len(report["items"]))]  # what the stand-in reports for them
    assert [item["ms"] for item in report["items"]] == pytest.approx(times)
    assert report["sum_ms"] == pytest.approx(sum(times[1:])) and report["unattributed_ms"] == pytest.approx(0.001)
    assert report["runs"] == 12 and report["latency_ms"] > 0 and report["conditions"]["engine_ms"] > 0
    told = report["conditions"]
    assert (told["backend"], told["tensorrt"], told["gpu"], told["precision"]) == (
        "tensorrt",
        "8.5.3.1",
        "Fake GPU",
        "fp16",
    )
    assert told["batch"] == 2 and told["input"] == [2, 3, SIZE, SIZE] and "cuda_graphs" in told and "buffers" in told
    assert "noisy" not in told and "board" not in told
    assert gpu.cuda.live["engine"] == 1, "the profile's engine is freed"


def test_serving_goes_on_after_a_profile(opened: Open, tiny: Path) -> None:
    backend = opened()
    for _ in range(2):
        backend.profile(draw_images(1), runs=2)
        assert agrees_with_onnx(tiny, draw_images(3), backend.infer(draw_images(3)))


def test_small_engines_are_run_more_often(opened: Open) -> None:
    assert 10 <= opened().profile(draw_images(1))["runs"] <= 100


def test_a_second_profile_is_refused(opened: Open) -> None:
    backend = opened()
    with one_profile_at_a_time(), pytest.raises(Busy):
        backend.profile(draw_images(1), runs=1)
    assert backend.profile(draw_images(1), runs=1)["runs"] == 1


def test_layers_of_a_file_that_changed_are_not_measured(opened: Open, gpu: FakeGpu) -> None:
    backend = opened()
    engine = next(gpu.folder.glob("*.engine"))
    engine.write_bytes(engine.read_bytes()[:-1000])
    with pytest.raises(Busy, match="load the model again"):
        backend.profile(draw_images(1), runs=1)
    backend.infer(draw_images(1))


def test_a_profile_that_fails_leaves_the_server_running(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened(graphs=False)
    backend.infer(draw_images(1))
    for faults in ({"execution context": 1}, {"deserialize": 1}):
        gpu.cuda.faults.update(faults)
        with pytest.raises((EngineError, Busy)):
            backend.profile(draw_images(1), runs=1)
        assert agrees_with_onnx(tiny, draw_images(3), backend.infer(draw_images(3)))
    assert backend.problem is None


def test_a_clock_that_changes_marks_the_report(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([{"gpu_hz": 921_600_000}, {"gpu_hz": 614_400_000}])
    monkeypatch.setattr("server.profiling.board.read_board_state", lambda: next(states))
    report = opened().profile(draw_images(1), runs=1)
    told = report["conditions"]
    assert "from 921.6 MHz to 614.4 MHz" in told["noisy"]
    assert "not to be trusted: the GPU's clock went from" in report["note"]
    assert (told["board_before"]["gpu_hz"], told["board_after"]["gpu_hz"]) == (921_600_000, 614_400_000)


def test_requests_are_answered_while_the_engine_of_a_profile_is_read(
    opened: Open, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a board that may take a minute."""
    backend = opened()

    class Asking(Engine):
        def __init__(self, plan: bytes) -> None:
            assert agrees_with_onnx(tiny, draw_images(2), backend.infer(draw_images(2)))
            super().__init__(plan)

    monkeypatch.setattr(tensorrt_profile, "Engine", Asking)
    assert backend.profile(draw_images(1), runs=3)["runs"] == 3
