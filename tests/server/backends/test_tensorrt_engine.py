"""Engines that cannot be served, each refused with its reason and the cure, on the stand-in for GPU and TensorRT."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from server.backends.tensorrt_backend import TensorRTBackend
from server.backends.tensorrt_library import load_plugin
from server.errors import StartupError

Open = Callable[..., TensorRTBackend]


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


def test_a_plugin_that_was_built_again_meanwhile(gpu: FakeGpu, tmp_path: Path) -> None:
    """The process would go on with the old one: a path is loaded once."""
    load_plugin(gpu.plugin)
    load_plugin(gpu.plugin)
    built = tmp_path / "built"
    built.write_bytes(gpu.plugin.read_bytes() + b"\0")
    built.replace(gpu.plugin)  # as make does it: to write into a library that is loaded breaks the process
    with pytest.raises(StartupError, match="libfwht_plugin.so was built again .*start the server anew"):
        load_plugin(gpu.plugin)
