"""Which engine runs a model, what is said where it is not the wanted one, and what every answer then tells."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from typing import Iterator

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.tiny_models import write_tiny_model
from server.backends.choice import Choice, find_engine_names
from server.commands.read_settings import read_settings
from server.errors import StartupError
from server.models import model_files
from server.models.model import Model, load_model
from server.models.model_files import list_models


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """A machine with a GPU, whose folder build/ is the only one."""
    machine = FakeGpu(tmp_path)
    machine.install(monkeypatch)
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    return machine


@pytest.fixture
def onnx(gpu: FakeGpu, tiny: Path) -> Path:
    return Path(shutil.copy(tiny, gpu.folder))


@pytest.fixture
def loaded() -> Iterator[list[Model]]:
    made: list[Model] = []
    yield made
    for model in made:
        model.close()


def runs_on(loaded: list[Model], name: str = "tiny", **choice: str) -> tuple[str, str]:
    loaded.append(load_model(name, Choice(**choice)))  # type: ignore[arg-type]
    return loaded[-1].backend.name, loaded[-1].backend.precision


def test_without_an_engine(gpu: FakeGpu, onnx: Path, loaded: list[Model], caplog: pytest.LogCaptureFixture) -> None:
    """ONNX Runtime, with a hint where TensorRT is there."""
    with caplog.at_level(logging.INFO):
        assert runs_on(loaded) == ("onnxruntime", "fp32")
    assert loaded[0].engine is None and loaded[0].card["not_tensorrt"] is None
    assert [record.levelname for record in caplog.records] == ["INFO"]
    with pytest.raises(
        StartupError, match=r"no engine build/tiny-fp16 or -fp32\.engine\.json: .*make engine NAME=tiny"
    ):
        runs_on(loaded, backend="tensorrt")


def test_half_precision_goes_before_single(gpu: FakeGpu, onnx: Path, loaded: list[Model]) -> None:
    gpu.build(onnx, "fp32")
    assert runs_on(loaded) == ("tensorrt", "fp32")
    gpu.build(onnx, "fp16")
    assert runs_on(loaded) == ("tensorrt", "fp16")
    assert runs_on(loaded, precision="fp32") == ("tensorrt", "fp32")
    assert runs_on(loaded, backend="onnxruntime") == ("onnxruntime", "fp32")
    assert runs_on(loaded, str(onnx)) == ("tensorrt", "fp16")


def test_a_precision_that_is_not_there(
    gpu: FakeGpu, onnx: Path, loaded: list[Model], caplog: pytest.LogCaptureFixture
) -> None:
    gpu.build(onnx, "fp32")
    assert runs_on(loaded, precision="fp16") == ("onnxruntime", "fp32")
    assert "no engine build/tiny-fp16.engine.json" in str(loaded[0].card["not_tensorrt"])
    assert "runs on ONNX Runtime, not on TensorRT" in caplog.text


def test_an_engine_without_its_onnx_file(gpu: FakeGpu, onnx: Path, loaded: list[Model]) -> None:
    """As on a board that was given no more."""
    gpu.build(onnx)
    onnx.unlink()
    assert list_models() == find_engine_names((gpu.folder,)) == ["tiny"]
    assert runs_on(loaded) == ("tensorrt", "fp16")
    with pytest.raises(StartupError, match="there is no ONNX file of 'tiny', only an engine"):
        runs_on(loaded, backend="onnxruntime")
    with pytest.raises(StartupError, match="there is no model 'other': choose from tiny"):
        runs_on(loaded, "other")


@pytest.mark.parametrize("harm", ["stale", "foreign", "cut off", "no TensorRT", "no pycuda"])
def test_an_engine_that_cannot_be_used(
    gpu: FakeGpu,
    onnx: Path,
    loaded: list[Model],
    harm: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """auto says why and takes ONNX Runtime; tensorrt refuses with the same words."""
    card = gpu.build(onnx, gpu="Orin" if harm == "foreign" else gpu.cuda.name)
    if harm == "stale":
        write_tiny_model(onnx, accuracy={"top1": 0.9})
    elif harm == "cut off":
        engine = next(gpu.folder.glob("*.engine"))
        engine.write_bytes(engine.read_bytes()[:100])
    elif harm.startswith("no "):
        monkeypatch.setitem(sys.modules, {"no TensorRT": "tensorrt", "no pycuda": "pycuda.driver"}[harm], None)
    reason = {
        "stale": "the ONNX file has changed since the engine was built",
        "foreign": "the engine was built on a Orin",
        "cut off": "is not the file that its card describes",
        "no TensorRT": "TensorRT's Python package cannot be used",
        "no pycuda": "pycuda cannot be used",
    }[harm]
    assert runs_on(loaded) == ("onnxruntime", "fp32")
    assert reason in caplog.text and reason in str(loaded[0].card["not_tensorrt"])
    with pytest.raises(StartupError, match=reason):
        runs_on(loaded, backend="tensorrt")
    assert card.is_file()


def test_neither_runtime(gpu: FakeGpu, onnx: Path, loaded: list[Model], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.build(onnx)
    monkeypatch.delitem(sys.modules, "server.backends.onnxruntime_backend", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert runs_on(loaded) == ("tensorrt", "fp16")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(StartupError, match="ONNX Runtime is not installed.*TensorRT's Python package cannot be used"):
        runs_on(loaded)


def test_the_engine_that_cannot_be_used_is_let_go(gpu: FakeGpu, onnx: Path, loaded: list[Model]) -> None:
    """Its metadata is wrong, which is seen after it was opened."""
    gpu.build(onnx, metadata={"labels": "[]", "preprocessing": "{}"})
    with pytest.raises(StartupError, match="cannot be used"):
        runs_on(loaded)
    assert not +gpu.cuda.live


def test_contradiction() -> None:
    with pytest.raises(StartupError, match="FWHT_PRECISION is 'fp16' but FWHT_BACKEND is 'onnxruntime'"):
        read_settings({"backend": "onnxruntime", "precision": "fp16"}, {})


def test_an_onnx_file_that_has_gone_beside_its_engine(gpu: FakeGpu, onnx: Path, loaded: list[Model]) -> None:
    gpu.build(onnx, "fp16")
    onnx.unlink()
    with pytest.raises(StartupError, match=r"tiny.onnx cannot be read \(No such file"):
        runs_on(loaded, str(onnx), backend="tensorrt")
