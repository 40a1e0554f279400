"""The builder's half of the stand-in benchmarks/harness/fake_tensorrt.py, and steps of `make engine` on it.

A step runs in a process of its own, so each lays out the machine anew. The engine that is built computes the real
logits, by ONNX Runtime on the ONNX file beside the plugin.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import onnx
import pytest

from benchmarks.harness.fake_engine_file import make_engine
from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.fake_tensorrt import FakeTensorRT, Severity
from export.engine import build_steps, parity
from export.engine.build_steps import BuildRequest
from export.engine.from_onnx import Steps
from export.engine.parity_verdict import ParityVerdict
from server.backends.engine_card import EngineCard, Machine

GUARD_S = 20.0  # only a hang takes this long


class Flag(IntEnum):
    FP16, TF32 = range(2)


class Config:
    max_workspace_size = 0
    profiling_verbosity: Any = None

    def __init__(self) -> None:
        self.flags, self.profile = {Flag.TF32}, (0, 0, 0)
        self.set_flag, self.clear_flag = self.flags.add, self.flags.discard

    def add_optimization_profile(self, profile: Any) -> None:
        self.profile = profile.sizes

    def create_timing_cache(self, data: bytes) -> Any:
        return SimpleNamespace(serialize=lambda: data + b"one build;")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return True

    def get_timing_cache(self) -> Any:
        return self.cache


class Profile:
    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        assert name == "image" and {shape[1:] for shape in shapes} == {(3, 16, 16)}
        self.sizes = tuple(shape[0] for shape in shapes)


class Builder:
    """refusal: what the log says in place of an engine."""

    def __init__(self, trt: FakeTensorRT, model: Path, refusal: str = "") -> None:
        trt.cuda.check()
        self._trt, self._model, self._refusal = trt, model, refusal
        self.create_builder_config, self.create_optimization_profile = Config, Profile

    def create_network(self, flags: int) -> Any:
        assert flags == 1
        return SimpleNamespace(num_inputs=1, get_input=lambda i: SimpleNamespace(name="image", shape=(-1, 3, 16, 16)))

    def build_serialized_network(self, network: Any, config: Config) -> bytes | None:
        if self._refusal:
            self._trt.logger.log(Severity.ERROR, self._refusal)
            return None
        return make_engine(self._model, self._trt.version, config.profile)


def parser(network: Any, logger: Any) -> Any:
    def parse(data: bytes) -> bool:
        model = onnx.load_from_string(data)
        assert not model.functions
        kinds = [(node.name, "PLUGIN_V2" if node.domain else "") for node in model.graph.node]
        layers = [SimpleNamespace(name=name, type=kind) for name, kind in kinds]
        network.num_layers, network.get_layer = len(layers), layers.__getitem__
        return True

    return SimpleNamespace(parse=parse)


def machine(plugin: Path, patch: pytest.MonkeyPatch, refusal: str = "", **gpu: Any) -> FakeGpu:
    """With TensorRT 8.2, builder and all, until the patch is undone."""
    made = FakeGpu(plugin.parent, "8.2", **gpu)
    made.install(patch)
    import tensorrt as trt

    def builder(logger: Any) -> Builder:
        made.tensorrt.logger = logger
        return Builder(made.tensorrt, plugin.parent / "flowers.onnx", refusal)

    values = {
        "Builder": builder,
        "OnnxParser": parser,
        "BuilderFlag": Flag,
        "NetworkDefinitionCreationFlag": SimpleNamespace(EXPLICIT_BATCH=0),
        "ProfilingVerbosity": SimpleNamespace(DETAILED=2),
        "TacticSource": IntEnum("TacticSource", []),
    }
    for name, value in values.items():
        setattr(trt, name, value)
    return made


def run_on_fake_machine(plugin: Path, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        machine(plugin, patch, **options)
        return work(*arguments)


def identify_machine(plugin: Path, report: Any) -> Machine:
    return run_on_fake_machine(plugin, build_steps.identify_machine, plugin, report)  # type: ignore[no-any-return]


def build_engine(request: BuildRequest, report: Any, **options: Any) -> EngineCard:
    return run_on_fake_machine(request.plugin, build_steps.build_engine, request, report, **options)  # type: ignore[no-any-return]


def prove_engine(card: Path, plugin: Path, *rest: Any, **options: Any) -> ParityVerdict:
    return run_on_fake_machine(plugin, parity.prove_engine, card, plugin, *rest, **options)  # type: ignore[no-any-return]


STEPS = Steps(identify_machine, build_engine, prove_engine)


# What may go wrong, as steps that replace one of these.


def identify_other_gpu(plugin: Path, report: Any) -> Machine:
    return run_on_fake_machine(plugin, build_steps.identify_machine, plugin, report, name="Xavier", capability=(7, 2))  # type: ignore[no-any-return]


def identify_no_gpu(plugin: Path, report: Any) -> Machine:
    with pytest.MonkeyPatch.context() as patch:
        machine(plugin, patch).cuda.gpus = 0
        return build_steps.identify_machine(plugin, report)


def identify_no_plugin(plugin: Path, report: Any) -> Machine:
    with pytest.MonkeyPatch.context() as patch:
        machine(plugin, patch)
        plugin.unlink()
        return build_steps.identify_machine(plugin, report)


def build_no_memory(request: BuildRequest, report: Any) -> EngineCard:
    return build_engine(request, report, refusal="Error Code 2: OutOfMemory (no further information)")


def build_no_implementation(request: BuildRequest, report: Any) -> EngineCard:
    return build_engine(request, report, refusal="Could not find any implementation for node head")


def build_killed(request: BuildRequest, report: Any) -> EngineCard:
    (request.folder / "half.engine").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def build_crashed(request: BuildRequest, report: Any) -> EngineCard:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def build_no_room(request: BuildRequest, report: Any) -> EngineCard:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return build_engine(request, report)


def build_broken_plugin(request: BuildRequest, report: Any) -> EngineCard:
    with pytest.MonkeyPatch.context() as patch:
        machine(request.plugin, patch)
        request.plugin.write_bytes(b"no library")
        return build_steps.build_engine(request, report)


def build_hangs(request: BuildRequest, report: Any) -> EngineCard:
    (request.folder / "half.engine").write_bytes(b"half")
    (request.timing_caches / "building").touch()
    time.sleep(GUARD_S)
    raise AssertionError


def zeros(model: bytes, images: np.ndarray) -> np.ndarray:
    return np.zeros((len(images), 4), np.float32)


def prove_wrong(card: Path, plugin: Path, *rest: Any) -> ParityVerdict:
    return prove_engine(card, plugin, *rest, compute=zeros)
