"""The TensorRT backend on a stand-in for GPU and TensorRT: right logits by every interface, and every kind of failure.

The stand-in (fake_cuda.py, fake_tensorrt.py) computes the real logits through the memory it is given, and knows what
was not freed. What only a GPU can show is in benchmarks/gpu_serving.py.
"""

from __future__ import annotations

import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest

from server import tensorrt_backend, tensorrt_execution
from server.backend import infer_in_parts
from server.errors import BadRequest, Busy, StartupError
from server.layer_report import one_profile_at_a_time
from server.tensorrt_backend import TensorRTBackend
from server.tensorrt_engine import EngineError
from tests.server.fake_gpu import FakeGpu
from tests.server.fake_tensorrt import onnx_logits
from tests.server.gated_engine import until
from tests.server.tiny_models import LAYERS, SIZE

Open = Callable[..., TensorRTBackend]


@pytest.fixture
def make_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeGpu]]:
    """Makes a machine with a GPU; at the end nothing of it may be left in use."""
    made: list[FakeGpu] = []

    def make(style: str = "8.5", **gpu: Any) -> FakeGpu:
        folder = tmp_path / f"build{len(made)}"
        folder.mkdir()
        made.append(FakeGpu(folder, style, **gpu))
        made[-1].install(monkeypatch)
        return made[-1]

    yield make
    gc.collect()
    for machine in made:
        assert not +machine.cuda.live, "left on the GPU"


@pytest.fixture
def gpu(make_gpu: Callable[..., FakeGpu]) -> FakeGpu:
    return make_gpu()


@pytest.fixture
def opened(gpu: FakeGpu, tiny: Path) -> Iterator[Open]:
    """Makes a backend of the small model on `gpu`, and closes it."""
    made: list[TensorRTBackend] = []

    def make(graphs: bool = True, **engine: Any) -> TensorRTBackend:
        made.append(TensorRTBackend(gpu.build(tiny, **engine), graphs=graphs))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def images(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


def right(tiny: Path, batch: np.ndarray, logits: np.ndarray) -> bool:
    """Whether they are ONNX Runtime's, but for another order of sums in another batch."""
    wanted = onnx_logits(tiny.read_bytes(), batch)
    return bool(np.abs(logits - wanted).max() <= 1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("integrated", [False, True])
@pytest.mark.parametrize("style", ["8.2", "8.5", "10"])
def test_every_batch_by_every_interface(
    make_gpu: Callable[..., FakeGpu], tiny: Path, style: str, integrated: bool
) -> None:
    backend = TensorRTBackend(make_gpu(style, integrated=integrated).build(tiny))
    assert (backend.name, backend.precision, backend.provider, backend.max_batch) == ("tensorrt", "fp16", "cuda", 16)
    for count in (1, 16, 3, 7, 1):
        batch = images(count)
        logits = backend.infer(batch)
        assert logits.shape == (count, 4) and logits.dtype == np.float32 and right(tiny, batch, logits)
    many = images(40)
    assert right(tiny, many, infer_in_parts(backend, many))
    assert backend.problem is None and set(backend.metadata) >= {"labels", "preprocessing"}
    backend.close()


@pytest.mark.parametrize("profile", [(4, 4, 4), (3, 4, 8), (1, 1, 1)])
def test_profiles_of_other_sizes(opened: Open, tiny: Path, profile: tuple[int, int, int]) -> None:
    backend = opened(profile=profile)
    many = images(11)
    assert backend.max_batch == profile[2] and right(tiny, many, infer_in_parts(backend, many))
    assert right(tiny, many[:1], backend.infer(many[:1]))


def test_threads_get_their_own_answers(opened: Open, tiny: Path) -> None:
    backend = opened()
    batch = images(8)
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


# Ways of running: graphs, buffers.


def test_graphs_are_used_where_they_are_quicker(opened: Open, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, True)
    backend = opened()
    assert conditions(backend)["cuda_graphs"] == list(range(1, 17))
    before = gpu.cuda.launched
    for count in (1, 5, 16):
        backend.infer(images(count))
    assert gpu.cuda.launched == before + 3


def quick(monkeypatch: pytest.MonkeyPatch, graphs: bool) -> None:
    """Let runs with graphs seem quicker, or slower, than runs without."""

    def seconds(execution: Any, size: int, tries: int = 1) -> float:
        execution.run(tensorrt_execution.noise(execution._engine, size))
        return 1e-4 if bool(execution._graphs) == graphs else 2e-4

    monkeypatch.setattr(tensorrt_execution.Execution, "_seconds", seconds)


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
    assert right(tiny, images(5), backend.infer(images(5)))


def test_graphs_that_are_no_quicker_are_not_used(opened: Open, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, False)
    backend = opened()
    assert "no quicker (batch 4: 0.200 ms, 0.100 without)" in conditions(backend)["cuda_graphs"]
    assert right(tiny, images(5), backend.infer(images(5)))


def test_graphs_can_be_switched_off(opened: Open, gpu: FakeGpu) -> None:
    backend = opened(graphs=False)
    assert conditions(backend)["cuda_graphs"] == "none: they are switched off"
    backend.infer(images(1))
    assert gpu.cuda.launched == 0


def test_long_runs_are_waited_for_asleep(opened: Open, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_execution, "ASLEEP_S", 0.0)
    backend = opened()
    assert conditions(backend)["waits"] == "asleep"
    assert right(tiny, images(2), backend.infer(images(2)))


def test_sizes() -> None:
    def of(least: int, opt: int, most: int) -> list[int]:
        engine: Any = type("Sizes", (), {"min_batch": least, "opt_batch": opt, "max_batch": most})
        return tensorrt_execution.sizes(engine)

    assert of(1, 4, 16) == list(range(1, 17)) and of(4, 4, 4) == [4]
    assert of(3, 12, 100) == [3, 4, 8, 12, 16, 32, 64, 100]


# Errors while it serves.


def test_a_run_that_fails_once_is_run_again(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened(graphs=False)
    for fault in ("execute", "synchronize", "alloc"):
        if fault == "alloc":  # in the fresh context's memory; then the first of the two tries fails in it, too
            gpu.cuda.faults["execute"] = 1
        gpu.cuda.faults[fault] = 1
        if fault == "alloc":
            with pytest.raises(EngineError, match="out of memory"):
                backend.infer(images(3))
        assert right(tiny, images(3), backend.infer(images(3)))
        assert backend.problem is None


def test_a_run_that_keeps_failing_is_a_problem_until_one_succeeds(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened()
    gpu.cuda.faults["execution context"] = 10**9
    gpu.cuda.faults["synchronize"] = 1
    for _ in range(3):
        with pytest.raises(EngineError, match="could not be allocated"):
            backend.infer(images(3))
        assert backend.problem and "could not be allocated" in backend.problem and "start anew" in backend.problem
    gpu.cuda.faults.clear()
    assert right(tiny, images(3), backend.infer(images(3)))
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
        backend.infer(images(1))
    until(lambda: backend.problem is None, "it runs again")
    backend.close()


def test_an_error_keeps_nothing_of_the_gpu(opened: Open, gpu: FakeGpu) -> None:
    """As long as somebody has it, in a log record or a future."""
    backend = opened()
    gpu.cuda.faults["synchronize"] = 2
    with pytest.raises(EngineError) as caught:
        backend.infer(images(1))
    backend.close()
    assert not +gpu.cuda.live and "illegal memory access" in str(caught.value)


def test_what_is_closed_is_closed(opened: Open) -> None:
    backend = opened()
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="closed"):
        backend.infer(images(1))
    assert not [thread for thread in threading.enumerate() if thread.name == "tensorrt-tiny"]


# What cannot be served: each with its reason and the cure.


def cut_off(card: Path, gpu: FakeGpu) -> None:
    engine = next(gpu.folder.glob("*.engine"))
    engine.write_bytes(engine.read_bytes()[:-1000])


def no_file(card: Path, gpu: FakeGpu) -> None:
    next(gpu.folder.glob("*.engine")).unlink()


def no_plugin(card: Path, gpu: FakeGpu) -> None:
    gpu.plugin.unlink()


def other_plugin(card: Path, gpu: FakeGpu) -> None:
    gpu.plugin.write_bytes(gpu.plugin.read_bytes() + b"\0")


def no_gpu(card: Path, gpu: FakeGpu) -> None:
    gpu.cuda.gpus = 0


def no_card(card: Path, gpu: FakeGpu) -> None:
    card.unlink()


def fault(**faults: int) -> Callable[[Path, FakeGpu], None]:
    def cause(card: Path, gpu: FakeGpu) -> None:
        gpu.cuda.faults.update(faults)

    return cause


@pytest.mark.parametrize(
    ("harm", "reason", "cure"),
    [
        (cut_off, "is not the file that its card describes", "make engine NAME=tiny PRECISION=fp16"),
        (no_file, "cannot be read", "make engine NAME=tiny"),
        (no_card, "is no card of an engine", "make engine"),
        (no_plugin, "libfwht_plugin.so is not there", "make plugin"),
        (other_plugin, "plugin library has changed", "make engine NAME=tiny"),
        (no_gpu, "no GPU", "nvidia-smi"),
        (fault(init=1), "no CUDA-capable device", "nvidia-smi"),
        (fault(context=1), "the GPU gives no context", "close other programs"),
        (fault(alloc=1), "out of memory", "free memory"),
        (fault(**{"execution context": 1}), "could not be allocated", "free memory"),
        (fault(execute=1), "Cuda failure", "free memory"),
        (fault(deserialize=1), "magicTagRead", "make engine NAME=tiny"),
        (fault(plugin=1), "IPluginCreator not found", "make engine NAME=tiny"),
    ],
)
def test_refused_at_the_start(gpu: FakeGpu, tiny: Path, harm: Any, reason: str, cure: str) -> None:
    card = gpu.build(tiny)
    harm(card, gpu)
    with pytest.raises(StartupError) as refusal:
        TensorRTBackend(card)
    assert reason in str(refusal.value) and cure in str(refusal.value), refusal.value


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (
            {"gpu": "Orin", "compute_capability": "8.7"},
            r"on a Orin \(compute capability 8.7\) and this is a Fake",
        ),
        ({"tensorrt": "8.2.1.8"}, "built by TensorRT 8.2.1.8 and this is 8.5.3.1"),
    ],
)
def test_foreign_engines(gpu: FakeGpu, tiny: Path, card: dict[str, Any], reason: str) -> None:
    with pytest.raises(StartupError, match=f"{reason}.*build it on this machine with `make engine NAME=tiny"):
        TensorRTBackend(gpu.build(tiny, **card))


def test_a_plugin_that_does_not_load(gpu: FakeGpu, tiny: Path) -> None:
    """As one that was linked to another TensorRT, whose library is not here."""
    gpu.plugin.write_bytes(b"not a library")
    with pytest.raises(StartupError, match=r"does not go with TensorRT 8\.5\.3\.1 .*make plugin"):
        TensorRTBackend(gpu.build(tiny))


def test_an_engine_with_other_inputs(gpu: FakeGpu, tiny: Path) -> None:
    with pytest.raises(StartupError, match="tensor image is float16: build it with float32"):
        TensorRTBackend(gpu.build(tiny, dtype="float16"))


@pytest.mark.parametrize(("module", "cure"), [("tensorrt", "JetPack"), ("pycuda.driver", "pip install pycuda")])
def test_packages_that_are_not_there(
    gpu: FakeGpu, tiny: Path, monkeypatch: pytest.MonkeyPatch, module: str, cure: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StartupError, match=cure):
        TensorRTBackend(gpu.build(tiny))


# The layer report.


def test_layer_report(opened: Open, gpu: FakeGpu) -> None:
    backend = opened()
    report = backend.profile(images(2), runs=12)
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
        backend.profile(images(1), runs=2)
        assert right(tiny, images(3), backend.infer(images(3)))


def test_small_engines_are_run_more_often(opened: Open) -> None:
    assert 10 <= opened().profile(images(1))["runs"] <= 100


def test_a_second_profile_is_refused(opened: Open) -> None:
    backend = opened()
    with one_profile_at_a_time(), pytest.raises(Busy):
        backend.profile(images(1), runs=1)
    assert backend.profile(images(1), runs=1)["runs"] == 1


def test_layers_of_a_file_that_changed_are_not_measured(opened: Open, gpu: FakeGpu) -> None:
    backend = opened()
    cut_off(Path(), gpu)
    with pytest.raises(Busy, match="Load the model again"):
        backend.profile(images(1), runs=1)
    backend.infer(images(1))


def test_a_profile_that_fails_leaves_the_server_running(opened: Open, gpu: FakeGpu, tiny: Path) -> None:
    backend = opened(graphs=False)
    backend.infer(images(1))
    for faults in ({"execution context": 1}, {"deserialize": 1}):
        gpu.cuda.faults.update(faults)
        with pytest.raises((EngineError, StartupError)):
            backend.profile(images(1), runs=1)
        assert right(tiny, images(3), backend.infer(images(3)))
    assert backend.problem is None


def test_a_clock_that_changes_marks_the_report(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([{"gpu_hz": 921_600_000}, {"gpu_hz": 614_400_000}])
    monkeypatch.setattr("server.board.board_state", lambda: next(states))
    told = opened().profile(images(1), runs=1)["conditions"]
    assert "from 921.6 MHz to 614.4 MHz" in told["noisy"]
    assert (told["board_before"]["gpu_hz"], told["board_after"]["gpu_hz"]) == (921_600_000, 614_400_000)
