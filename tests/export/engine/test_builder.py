"""The builder and its settings: a real build with TensorRT-RTX, and stand-ins for what older versions lack."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export.engine import builder as builder_module
from export.engine import network as network_module
from export.engine.build_steps import BuildRequest, build_plan_from_onnx, choose_workspace, timing_cache_name
from export.engine.builder import (
    OutOfMemoryError,
    add_profile,
    build_plan,
    make_builder,
    make_config,
    make_progress_monitor,
    read_timing_cache,
    use_timing_cache,
)
from export.engine.network import BuildError, parse_network
from server.backends.engine_card import Machine
from server.backends.tensorrt_library import get_logger
from tests.export.engine.rtx import in_tensorrts_place, plain_model

MIB = 1 << 20


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> Any:
    return in_tensorrts_place(monkeypatch)


def make_request(folder: Path, **values: Any) -> BuildRequest:
    known: dict[str, Any] = {"onnx": folder / "x.onnx", "onnx_sha256": "", "precision": "fp32", "batch": (1, 4, 16)}
    return BuildRequest(**{**known, "plugin": folder, "timing_caches": folder, "folder": folder, **values})


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")  # its timing caches are always empty
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_real_build(trt: Any, tmp_path: Path, precision: str) -> None:
    """From the file to a serialised engine; progress is told, timings kept and read again."""
    told: list[str] = []
    cache = tmp_path / "x.timings"
    onnx = plain_model().SerializeToString()
    plan = build_plan_from_onnx(make_request(tmp_path, precision=precision), onnx, 64 * MIB, cache, told.append)
    assert plan[:4] == b"vtrt" and len(plan) > 10_000
    assert told[:2] == ["reading the ONNX file", "building"] and any("/" in line for line in told[2:])
    assert cache.stat().st_size > 0
    assert build_plan_from_onnx(make_request(tmp_path, precision=precision), onnx, 64 * MIB, cache, told.append)


def test_a_fixed_batch_takes_no_other(trt: Any) -> None:
    builder = trt.Builder(get_logger())
    network = parse_network(builder, plain_model(batch=8).SerializeToString(), half=False)
    config = make_config(builder, half=False, workspace=64 * MIB, tf32=False)
    add_profile(builder, config, network, (8, 8, 8))
    with pytest.raises(BuildError, match="fixes the batch to 8: ask for it with --batch 8,8,8"):
        add_profile(builder, config, network, (1, 4, 16))


def test_settings(trt: Any) -> None:
    config = make_config(trt.Builder(get_logger()), half=True, workspace=96 * MIB, tf32=False)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 96 * MIB
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED
    assert not config.get_flag(trt.BuilderFlag.TF32)
    assert make_config(trt.Builder(get_logger()), half=True, workspace=MIB, tf32=True).get_flag(trt.BuilderFlag.TF32)


def test_what_the_builder_refuses_is_told_in_its_words(trt: Any) -> None:
    """A profile is missing, which only the builder notices."""
    builder = trt.Builder(get_logger())
    network = parse_network(builder, plain_model().SerializeToString(), half=False)
    with pytest.raises(BuildError, match="built no engine .*profile"):
        build_plan(builder, network, make_config(builder, half=False, workspace=MIB, tf32=False))


class Flag(IntEnum):
    FP16, TF32 = range(2)


class OldSources(IntEnum):
    CUBLAS, CUBLAS_LT, CUDNN, EDGE_MASK_CONVOLUTIONS, JIT_CONVOLUTIONS = range(5)


class OldConfig:
    """As TensorRT 8.2 has it."""

    def __init__(self) -> None:
        self.flags = {Flag.TF32}
        self.max_workspace_size, self.sources = 0, -1
        self.cache: Any = None
        self.profiling_verbosity: Any = None

    set_flag = property(lambda self: self.flags.add)
    clear_flag = property(lambda self: self.flags.discard)

    def set_tactic_sources(self, sources: int) -> None:
        self.sources = sources

    def create_timing_cache(self, data: bytes) -> Any:
        if data == b"broken":
            raise RuntimeError("deserialisation failed")
        return SimpleNamespace(data=data, serialize=lambda: data)

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache.data != b"of another GPU":
            self.cache = cache
        return self.cache is not None

    def get_timing_cache(self) -> Any:
        return self.cache


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    verbosity = SimpleNamespace(DETAILED="detailed")
    made = SimpleNamespace(
        __version__="8.2.1.8", BuilderFlag=Flag, TacticSource=OldSources, ProfilingVerbosity=verbosity
    )
    for module in (builder_module, network_module):
        monkeypatch.setattr(module, "import_tensorrt", lambda: made)
    return made


@pytest.mark.parametrize("half", [False, True])
def test_settings_of_tensorrt_8_2(old: Any, monkeypatch: pytest.MonkeyPatch, half: bool) -> None:
    """A Nano has cuDNN; a machine without it must not ask for its tactics."""
    builder = SimpleNamespace(create_builder_config=OldConfig)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    config = make_config(builder, half, 256 * MIB, tf32=half)
    assert config.max_workspace_size == 256 * MIB and config.profiling_verbosity == "detailed" and config.sources == -1
    assert config.flags == ({Flag.FP16, Flag.TF32} if half else set())

    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert make_config(builder, half, MIB, tf32=False).sources == 0b11000


@pytest.mark.parametrize("known, used", [(b"mine", b"mine"), (b"of another GPU", b""), (b"broken", b""), (b"", b"")])
def test_timings_that_do_not_fit_are_left_out(known: bytes, used: bytes) -> None:
    config = OldConfig()
    assert read_timing_cache(config) == b""
    use_timing_cache(config, known)
    assert read_timing_cache(config) == used


def test_there_is_no_progress_before_tensorrt_10(old: Any) -> None:
    assert make_progress_monitor(lambda text: None) is None


@pytest.mark.parametrize(
    "said, kind",
    [
        ("[executionContext.cpp] Error Code 2: OutOfMemory (no further information)", OutOfMemoryError),
        ("Requested amount of GPU memory (1073741824 bytes) could not be allocated", OutOfMemoryError),
        (
            "Tactic Device request: 513MB Available: 412MB. Device memory is insufficient to use tactic.",
            OutOfMemoryError,
        ),
        ("Could not find any implementation for node head", BuildError),
    ],
)
def test_no_memory_is_told_apart(old: Any, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[BuildError]) -> None:
    monkeypatch.setattr(builder_module, "take_trt_errors", lambda: said)
    builder = SimpleNamespace(build_serialized_network=lambda network, config: None)
    with pytest.raises(BuildError) as caught:
        build_plan(builder, None, None)
    assert type(caught.value) is kind and said in str(caught.value)


def test_no_builder(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What TensorRT 8.5.3 does without a GPU."""

    def builder(logger: Any) -> Any:
        raise TypeError("pybind11::init(): factory function returned nullptr")

    old.Builder = builder
    monkeypatch.setattr(
        builder_module, "take_trt_errors", lambda: "CUDA initialization failure with error: 2, out of memory"
    )
    monkeypatch.setattr(builder_module, "get_logger", lambda: None)
    with pytest.raises(OutOfMemoryError, match="TensorRT 8.2.1.8 made no builder .CUDA initialization failure"):
        make_builder()


@pytest.mark.parametrize(
    "board, mib",
    [("Nano 2GB", 128), ("Nano", 256), ("Xavier NX 8GB", 512), ("AGX Orin", 1024), ("unknown", 1024)],
)
def test_workspace_by_memory(board: str, mib: int) -> None:
    """As /proc/meminfo shows it."""
    shown = {"Nano 2GB": 1980, "Nano": 3956, "Xavier NX 8GB": 7772, "AGX Orin": 30_697}
    assert choose_workspace(shown[board] * MIB if board in shown else None) == mib


def test_a_cache_per_tensorrt_and_gpu() -> None:
    machine = Machine("10.3.0", "NVIDIA GeForce RTX 4090", "8.9", 128, "", "")
    assert timing_cache_name(machine) == "tensorrt-10.3.0-NVIDIA-GeForce-RTX-4090-sm89x128.timings"
    assert (
        timing_cache_name(Machine("8.2.1.8", "NVIDIA Tegra X1", "5.3", 1, "", ""))
        == "tensorrt-8.2.1.8-NVIDIA-Tegra-X1-sm53x1.timings"
    )
