"""Ways to run an engine, of which the quickest is kept, on the stand-in for GPU and TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from server.backends import tensorrt_execution
from server.backends.tensorrt_backend import TensorRTBackend
from tests.server.support.tiny_logits import agrees_with_onnx, draw_images

Open = Callable[..., TensorRTBackend]


def test_graphs_are_used_where_they_are_quicker(opened: Open, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, True)
    backend = opened()
    assert conditions(backend)["cuda_graphs"] == list(range(1, 17))
    before = gpu.cuda.launched
    for count in (1, 5, 16):
        backend.infer(draw_images(count))
    assert gpu.cuda.launched == before + 3


def quick(monkeypatch: pytest.MonkeyPatch, graphs: bool) -> None:
    """Let runs with graphs seem quicker, or slower, than runs without."""

    def seconds(execution: Any, size: int, tries: int = 1) -> float:
        execution.run(tensorrt_execution.make_noise(execution._engine, size))
        return 1e-4 if bool(execution._graphs) == graphs else 2e-4

    monkeypatch.setattr(tensorrt_execution.Execution, "_measure_s", seconds)


def conditions(backend: TensorRTBackend) -> dict[str, Any]:
    assert backend._execution is not None
    return backend._execution.conditions


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda gpu: gpu.cuda.faults.update(capture=1), "cuStreamEndCapture failed: operation not permitted"),
        (lambda gpu: gpu.cuda.faults.update(graph=16), "at batch 16 the graph gave other logits"),
    ],
)
def test_graphs_that_fail_or_err_are_not_used(
    opened: Open, gpu: FakeGpu, tiny: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, reason: str
) -> None:
    quick(monkeypatch, True)
    spoil(gpu)
    backend = opened()
    assert reason in conditions(backend)["cuda_graphs"]
    assert agrees_with_onnx(tiny, draw_images(5), backend.infer(draw_images(5)))


def test_graphs_that_are_no_quicker_are_not_used(opened: Open, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, False)
    backend = opened()
    assert "no quicker (batch 4: 0.200 ms, 0.100 without)" in conditions(backend)["cuda_graphs"]
    assert agrees_with_onnx(tiny, draw_images(5), backend.infer(draw_images(5)))


def test_graphs_can_be_switched_off(opened: Open, gpu: FakeGpu) -> None:
    backend = opened(graphs=False)
    assert conditions(backend)["cuda_graphs"] == "none: they are switched off"
    backend.infer(draw_images(1))
    assert gpu.cuda.launched == 0


def test_long_runs_are_waited_for_asleep(opened: Open, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_execution, "ASLEEP_S", 0.0)
    backend = opened()
    assert conditions(backend)["waits"] == "asleep"
    assert agrees_with_onnx(tiny, draw_images(2), backend.infer(draw_images(2)))


def test_sizes() -> None:
    def of(least: int, opt: int, most: int) -> list[int]:
        engine: Any = type("Sizes", (), {"min_batch": least, "opt_batch": opt, "max_batch": most})
        return tensorrt_execution.list_batch_sizes(engine)

    assert of(1, 4, 16) == list(range(1, 17)) and of(4, 4, 4) == [4]
    assert of(3, 12, 100) == [3, 4, 8, 12, 16, 32, 64, 100]


def test_with_graphs_no_run_goes_without(
    opened: Open, gpu: FakeGpu, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size that has no graph takes the next one."""
    quick(monkeypatch, True)
    backend = opened(profile=(1, 16, 64))
    assert conditions(backend)["cuda_graphs"] == [1, 2, 4, 8, 16, 32, 64]
    before = gpu.cuda.launched
    assert agrees_with_onnx(tiny, draw_images(37), backend.infer(draw_images(37)))
    assert gpu.cuda.launched == before + 1


@pytest.mark.parametrize(
    ("faults", "buffers"),
    [({}, ("copied", "mapped")), ({"mapped": 1}, ("copied",))],
)
def test_mapped_buffers_that_fail_are_no_reason_to_refuse_a_model(
    make_gpu: Callable[..., FakeGpu], tiny: Path, faults: dict[str, int], buffers: tuple[str, ...]
) -> None:
    gpu = make_gpu("8.5", integrated=True)
    gpu.cuda.faults.update(faults)
    backend = TensorRTBackend(gpu.build(tiny))
    found = conditions(backend)
    assert found["buffers"] in buffers
    assert found["buffers_tried"].get("failed") == (
        "cuMemHostGetDevicePointer failed: invalid argument" if faults else None
    )
    assert agrees_with_onnx(tiny, draw_images(5), backend.infer(draw_images(5)))
    backend.close()


def test_a_run_that_fails_on_mapped_buffers(
    make_gpu: Callable[..., FakeGpu], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that TensorRT does not take, as on a driver without unified addresses."""
    gpu = make_gpu("8.5", integrated=True)
    compare = tensorrt_execution.Execution._compare_buffers

    def fail(execution: Any, size: int) -> Any:
        gpu.cuda.faults.update(execute=1)
        return compare(execution, size)

    monkeypatch.setattr(tensorrt_execution.Execution, "_compare_buffers", fail)
    backend = TensorRTBackend(gpu.build(tiny))
    assert conditions(backend)["buffers"] == "copied" and conditions(backend)["buffers_tried"]["failed"]
    assert agrees_with_onnx(tiny, draw_images(5), backend.infer(draw_images(5)))
    backend.close()
