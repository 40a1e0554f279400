"""A stand-in for the module `tensorrt`: its engines compute the real logits, with ONNX Runtime on the ONNX file.

Three generations of its interface: "8.2" (bindings by number), "8.5" (these and tensors by name), "10" (names alone).
What TensorRT refuses is refused, and said in the log alone.
"""

from __future__ import annotations

import hashlib
import json
from enum import IntEnum
from types import ModuleType
from typing import Any, Callable

import numpy as np

from benchmarks.harness.fake_cuda import FakeCuda
from benchmarks.harness.fake_engine_file import MAGIC, TENSORS, run_onnx
from benchmarks.harness.fake_execution_context import BindingContext, BothContext, NamedContext

FULL = {"8.2": "8.2.1.8", "8.5": "8.5.3.1", "10": "10.3.0"}

Compute = Callable[[bytes, np.ndarray], np.ndarray]


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class Mode(IntEnum):
    NONE, INPUT, OUTPUT = range(3)


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING = Severity.INTERNAL_ERROR, Severity.ERROR, Severity.WARNING


class IProfiler:
    pass


class FakeTensorRT:
    """faults, counted in cuda.faults: deserialize, execution context, execute (it returns False), plugin (the engine
    names a plugin that nobody registered)."""

    def __init__(self, cuda: FakeCuda, style: str = "8.5", compute: Compute = run_onnx) -> None:
        self.cuda, self.style, self.compute = cuda, style, compute
        self.by_binding, self.by_name = style != "10", style != "8.2"
        self.plugins_ready = False
        self.logger: Any = None

    @property
    def version(self) -> str:
        return FULL[self.style]

    def say(self, text: str) -> None:
        self.logger.log(Severity.ERROR, text)

    def make_module(self) -> ModuleType:
        made: Any = ModuleType("tensorrt")
        made.__version__ = self.version
        made.ILogger, made.IProfiler = ILogger, IProfiler
        made.float32, made.float16 = "float32", "float16"
        made.TensorIOMode = Mode
        made.LayerInformationFormat = type("LayerInformationFormat", (), {"JSON": "JSON"})
        made.Runtime = lambda logger: Runtime(self, logger)
        made.init_libnvinfer_plugins = self._init_plugins
        return made  # type: ignore[no-any-return]

    def _init_plugins(self, logger: Any, namespace: str) -> bool:
        assert namespace == ""
        self.plugins_ready = True
        return True


class Runtime:
    def __init__(self, trt: FakeTensorRT, logger: Any) -> None:
        trt.cuda.check()
        trt.logger = logger
        self._trt = trt

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        trt = self._trt
        if trt.cuda.fails("plugin") or not trt.plugins_ready:
            return trt.say("IPluginCreator not found in Plugin Registry for plugin FWHTLayer, version 1")
        if trt.cuda.fails("deserialize") or not plan.startswith(MAGIC):
            return trt.say("Serialization assertion magicTagRead == kMAGIC_TAG failed. Magic tag does not match")
        line, _, model = plan[len(MAGIC) :].partition(b"\n")
        head = json.loads(line)
        if head["tensorrt"] != trt.version:
            return trt.say("Serialization assertion stdVersionRead == serializationVersion failed. Version mismatch")
        if hashlib.sha256(model).hexdigest() != head["sha256"]:
            return trt.say("Serialization assertion sizeRead == static_cast<uint64_t>(mEnd - mCurrent) failed.")
        return NamedEngine(trt, head, model) if trt.style == "10" else BindingEngine(trt, head, model)


class FakeEngine:
    def __init__(self, trt: FakeTensorRT, head: dict[str, Any], model: bytes) -> None:
        self.trt, self.model, self._head = trt, model, head
        self.shapes = {name: tuple(shape) for name, shape in zip(TENSORS, head["shapes"])}
        self.contexts = 0
        least, _, most = head["profile"]
        self.batch = -1 if least < most else most
        trt.cuda.live["engine"] += 1
        if trt.style == "8.5":
            self.num_io_tensors = 2

    def __del__(self) -> None:
        self.trt.cuda.live["engine"] -= 1

    def list_layer_names(self) -> list[str]:
        return [name for name, _ in self._head["layers"]]

    def list_profile_shapes(self) -> list[tuple[int, ...]]:
        return [(size, *self.shapes["image"]) for size in self._head["profile"]]

    def create_execution_context(self) -> Any:
        self.trt.cuda.check()
        if self.trt.cuda.fails("execution context"):
            return self.trt.say("Requested amount of GPU memory (1 bytes) could not be allocated")
        return {"8.2": BindingContext, "8.5": BothContext, "10": NamedContext}[self.trt.style](self)

    def create_engine_inspector(self) -> Any:
        def information(form: str) -> str:
            layers = [
                {"Name": name, "LayerType": kind, "Metadata": f"{name}\x1e"} for name, kind in self._head["layers"]
            ]
            return json.dumps({"Layers": layers}).replace("\\u001e", "\x1e")  # not escaped: TensorRT#2779

        return type("Inspector", (), {"get_engine_information": staticmethod(information)})

    # By name, from 8.5 on; FakeEngine has them all and BindingEngine hides from 8.2 what tells that they are there.

    def get_tensor_name(self, index: int) -> str:
        return TENSORS[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.INPUT if name == "image" else Mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return str(self._head["dtype"])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.batch, *self.shapes[name])

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        assert (name, index) == ("image", 0)
        return self.list_profile_shapes()


class NamedEngine(FakeEngine):
    num_io_tensors = 2


class BindingEngine(FakeEngine):
    num_bindings = 2

    def get_binding_name(self, index: int) -> str:
        return TENSORS[index]

    def binding_is_input(self, name: str) -> bool:
        return name == "image"

    def get_binding_dtype(self, name: str) -> str:
        return str(self._head["dtype"])

    def get_binding_shape(self, name: str) -> tuple[int, ...]:
        return self.get_tensor_shape(name)

    def get_profile_shape(self, index: int, name: str) -> list[tuple[int, ...]]:
        return self.get_tensor_profile_shape(name, index)
