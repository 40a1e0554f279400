"""A machine with a GPU, TensorRT and pycuda, for tests without any: the real server runs on it from end to end."""

from __future__ import annotations

import _ctypes
import hashlib
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import pytest

from benchmarks.harness.fake_cuda import FakeCuda
from benchmarks.harness.fake_cuda_graph import FakeGraphLibrary
from benchmarks.harness.fake_engine_file import list_layers, make_engine, run_onnx
from benchmarks.harness.fake_tensorrt import Compute, FakeTensorRT
from server.backends import cuda_graph, tensorrt_library
from server.backends.engine_card import EngineCard, card_path, engine_name, file_sha256
from server.backends.tensorrt_layers import make_card_layers


class FakeGpu:
    """folder: like build/, with the plugin's library in it, and engines by `build`. style: see fake_tensorrt."""

    def __init__(self, folder: Path, style: str = "8.5", compute: Compute = run_onnx, **cuda: Any) -> None:
        self.folder = folder
        self.cuda = FakeCuda(**cuda)
        self.tensorrt = FakeTensorRT(self.cuda, style, compute)
        self.plugin = folder / "libfwht_plugin.so"
        shutil.copy(find_any_library(), self.plugin)

    def make_modules(self) -> dict[str, ModuleType]:
        pycuda = ModuleType("pycuda")
        pycuda.driver = self.cuda.make_module()  # type: ignore[attr-defined]
        made = {"tensorrt": self.tensorrt.make_module(), "pycuda": pycuda, "pycuda.driver": pycuda.driver}
        for name, module in made.items():
            module.__spec__ = ModuleSpec(name, None)
        return made

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let `import tensorrt` and `import pycuda.driver` find these, until the patch is undone."""
        for name, module in self.make_modules().items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(tensorrt_library, "PLUGIN", self.plugin)
        patch.setattr(tensorrt_library, "_LOGGERS", [])
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
        plan = make_engine(model, self.tensorrt.version, profile, dtype)
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
            "multiprocessors": self.cuda.multiprocessors,
            "board": "",
            "profile": dict(zip(("min", "opt", "max"), profile)),
            "metadata": {entry.key: entry.value for entry in proto.metadata_props},
            "layers": make_card_layers(list_layers(plan), {node.name: node.op_type for node in proto.graph.node}),
            "parity": {"images": 8},
            "built": {"seconds": 1.0},
        }
        path = card_path(self.folder, model.stem, precision)
        path.write_text(EngineCard(**{**values, **card}).to_json())
        return path


def find_any_library() -> Path:
    """A shared library that can be loaded as the plugin's: any will do, and Python's own is always there."""
    return Path(_ctypes.__file__)
