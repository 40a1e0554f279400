"""A machine with a GPU, TensorRT and pycuda, for tests without any: the real server runs on it from end to end."""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest

from benchmarks.harness.fake_cuda import FakeCuda, FakeGraphLibrary
from benchmarks.harness.fake_tensorrt import Compute, FakeTensorRT, engine_bytes, onnx_logits
from benchmarks.harness.tiny_models import SIZE
from server.backends import cuda_graph, tensorrt_engine
from server.backends.engine_card import EngineCard, card_path, engine_name, file_sha256
from server.backends.tensorrt_layers import make_card_layers


class FakeGpu:
    """folder: like build/, with the plugin's library in it, and engines by `build`. style: see fake_tensorrt."""

    def __init__(self, folder: Path, style: str = "8.5", compute: Compute = onnx_logits, **cuda: Any) -> None:
        self.folder = folder
        self.cuda = FakeCuda(**cuda)
        self.tensorrt = FakeTensorRT(self.cuda, style, compute)
        self.plugin = folder / "libfwht_plugin.so"
        shutil.copy(some_library(), self.plugin)

    def modules(self) -> dict[str, ModuleType]:
        pycuda = ModuleType("pycuda")
        pycuda.driver = self.cuda.module()  # type: ignore[attr-defined]
        made = {"tensorrt": self.tensorrt.module(), "pycuda": pycuda, "pycuda.driver": pycuda.driver}
        for name, module in made.items():
            module.__spec__ = ModuleSpec(name, None)
        return made

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let `import tensorrt` and `import pycuda.driver` find these, until the patch is undone."""
        for name, module in self.modules().items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(tensorrt_engine, "PLUGIN", self.plugin)
        patch.setattr(tensorrt_engine, "_LOGGERS", [])
        patch.setattr(cuda_graph, "load_driver_library", lambda: FakeGraphLibrary(self.cuda))

    def build(
        self,
        model: Path,
        precision: str = "fp16",
        profile: tuple[int, int, int] = (1, 4, 16),
        dtype: str = "float32",
        **card: Any,
    ) -> Path:
        """Write an engine of an ONNX file, and its card, which is returned; keywords replace what the card says."""
        proto = onnx.load(str(model))
        plan = engine_bytes(model, self.tensorrt.version, profile, dtype)
        sha256 = file_sha256(model)
        engine = self.folder / engine_name(model.stem, precision, sha256)
        engine.write_bytes(plan)
        major, minor = self.cuda.capability
        values: dict[str, Any] = {
            "name": model.stem,
            "precision": precision,
            "engine": engine.name,
            "engine_sha256": hashlib.sha256(plan).hexdigest(),
            "onnx_sha256": sha256,
            "plugin_sha256": file_sha256(self.plugin),
            "tensorrt": self.tensorrt.version,
            "cuda": "12.4",
            "gpu": self.cuda.name,
            "compute_capability": f"{major}.{minor}",
            "profile": dict(zip(("min", "opt", "max"), profile)),
            "metadata": {entry.key: entry.value for entry in proto.metadata_props},
            "layers": make_card_layers(told(plan), {node.name: node.op_type for node in proto.graph.node}),
            "parity": {"images": 8},
            "built": {"seconds": 1.0},
        }
        path = card_path(self.folder, model.stem, precision)
        path.write_text(EngineCard(**{**values, **card}).to_json())
        return path


def images(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


def right(tiny: Path, batch: np.ndarray, logits: np.ndarray) -> bool:
    """Whether they are ONNX Runtime's, but for another order of sums in another batch."""
    wanted = onnx_logits(tiny.read_bytes(), batch)
    return bool(np.abs(logits - wanted).max() <= 1e-5 * np.abs(wanted).max())


def told(plan: bytes) -> list[dict[str, str]]:
    """What the inspector would say."""
    import json

    line = plan.split(b"\n", 2)[1]
    return [{"Name": name, "LayerType": kind} for name, kind in json.loads(line)["layers"]]


def some_library() -> Path:
    """A shared library that can be loaded as the plugin's: any will do, and Python's own is always there."""
    import _ctypes

    return Path(_ctypes.__file__)
