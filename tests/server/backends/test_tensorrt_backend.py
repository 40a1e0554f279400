"""The TensorRT backend on a stand-in for GPU and TensorRT: right logits by every interface, and every kind of failure.

The stand-in (fake_cuda.py, fake_tensorrt.py) computes the real logits through the memory it is given, and knows what
was not freed. What only a GPU can show is in benchmarks/serving/gpu_serving.py.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.tiny_models import SIZE
from server.backends import tensorrt_backend
from server.backends.backend import infer_in_parts
from server.backends.tensorrt_backend import TensorRTBackend
from server.backends.tensorrt_engine import EngineError
from server.errors import BadRequest
from tests.server.support.gated_engine import wait_until
from tests.server.support.tiny_logits import agrees_with_onnx, draw_images

Open = Callable[..., TensorRTBackend]


@pytest.mark.parametrize("integrated", [False, True])
@pytest.mark.parametrize("style", ["8.2", "8.5", "10"])
def test_every_batch_by_every_interface(
    make_gpu: Callable[..., FakeGpu], tiny: Path, style: str, integrated: bool
) -> None:
    backend = TensorRTBackend(make_gpu(style, integrated=integrated).build(tiny))
    assert (backend.name, backend.precision, backend.provider, backend.max_batch) == ("tensorrt", "fp16", "cuda", 16)
    for count in (1, 16, 3, 7, 1):
        batch = draw_images(count)
        logits = backend.infer(batch)
        assert logits.shape == (count, 4) and logits.dtype == np.float32 and agrees_with_onnx(tiny, batch, logits)
    many = draw_images(40)
    assert agrees_with_onnx(tiny, many, infer_in_parts(backend, many))
    assert backend.problem is None and set(backend.metadata) >= {"labels", "preprocessing"}
    backend.close()


@pytest.mark.parametrize("profile", [(4, 4, 4), (3, 4, 8), (1, 1, 1)])
def test_profiles_of_other_sizes(opened: Open, tiny: Path, profile: tuple[int, int, int]) -> None:
    backend = opened(profile=profile)
    many = draw_images(11)
    assert backend.max_batch == profile[2] and agrees_with_onnx(tiny, many, infer_in_parts(backend, many))
    assert agrees_with_onnx(tiny, many[:1], backend.infer(many[:1]))


def test_threads_get_their_own_answers(opened: Open, tiny: Path) -> None:
    backend = opened()
    batch = draw_images(8)
    alone = [backend.infer(batch[i : i + 1]) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for i, logits in enumerate(pool.map(lambda k: backend.infer(batch[k % 8 : k % 8 + 1]), range(160))):
            np.testing.assert_array_equal(logits, alone[i % 8])


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 3, SIZE, SIZE)),
        np.zeros((3, SIZE, SIZE), np.float32),
        np.zeros((1, 3, 32, 32), np.float32),
        np.zeros((0, 3, SIZE, SIZE), np.float32),
        np.zeros((17, 3, SIZE, SIZE), np.float32),
    ],
)
def test_input_of_another_kind(opened: Open, batch: np.ndarray) -> None:
    backend = opened()
    for refused in (backend.infer, backend.profile):
        with pytest.raises(BadRequest, match=r"must be float32 of shape \(N, 3, 16, 16\)|takes at most 16"):
            refused(batch)
    assert backend.problem is None


def test_a_run_that_fails_once_is_run_again(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened(graphs=False)
    for fault in ("execute", "synchronize", "alloc"):
        if fault == "alloc":  # in the fresh context's memory; then the first of the two tries fails in it, too
            gpu.cuda.faults["execute"] = 1
        gpu.cuda.faults[fault] = 1
        if fault == "alloc":
            with pytest.raises(EngineError, match="out of memory"):
                backend.infer(draw_images(3))
        assert agrees_with_onnx(tiny, draw_images(3), backend.infer(draw_images(3)))
        assert backend.problem is None


def test_a_run_that_keeps_failing_is_a_problem_until_one_succeeds(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened()
    gpu.cuda.faults["execution context"] = 10**9
    gpu.cuda.faults["synchronize"] = 1
    for _ in range(3):
        with pytest.raises(EngineError, match="could not be allocated"):
            backend.infer(draw_images(3))
        assert backend.problem and "could not be allocated" in backend.problem and "start anew" in backend.problem
    gpu.cuda.faults.clear()
    assert agrees_with_onnx(tiny, draw_images(3), backend.infer(draw_images(3)))
    assert backend.problem is None


def test_it_recovers_by_itself_when_nobody_asks(
    make_gpu: Callable[..., FakeGpu], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_backend, "RECOVER_S", 0.001)
    gpu = make_gpu()
    backend = TensorRTBackend(gpu.build(tiny), graphs=False)
    gpu.cuda.faults["execution context"] = 5
    gpu.cuda.faults["synchronize"] = 1
    with pytest.raises(EngineError):
        backend.infer(draw_images(1))
    wait_until(lambda: backend.problem is None, "it runs again")
    backend.close()


def test_an_error_keeps_nothing_of_the_gpu(opened: Open, gpu: FakeGpu) -> None:
    """As long as somebody has it, in a log record or a future."""
    backend = opened()
    gpu.cuda.faults["synchronize"] = 2
    with pytest.raises(EngineError) as caught:
        backend.infer(draw_images(1))
    backend.close()
    assert not +gpu.cuda.live and "illegal memory access" in str(caught.value)


def test_a_profile_gets_its_turn_while_a_queue_is_led(opened: Open) -> None:
    backend, stop, runs = opened(profile=(1, 2, 4)), threading.Event(), [0]

    def lead() -> None:
        while not stop.is_set():
            backend.infer(draw_images(1))
            runs[0] += 1

    backend.start(lead)
    assert backend.profile(draw_images(1), runs=1)["runs"] == 1
    before = runs[0]
    wait_until(lambda: runs[0] > before, "the queue goes on")
    stop.set()


def test_what_is_closed_is_closed(opened: Open) -> None:
    backend = opened()
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="closed"):
        backend.infer(draw_images(1))
    assert not [thread for thread in threading.enumerate() if thread.name == "tensorrt-tiny"]
