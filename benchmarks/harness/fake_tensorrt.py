"""A stand-in for the module `tensorrt`: its engines compute the real logits, with ONNX Runtime on the ONNX file.

Three generations of its interface: "8.2" (bindings by number), "8.5" (these and tensors by name), "10" (names alone).
An engine file of it is a line of JSON and the ONNX file; what TensorRT refuses is refused, and said in the log alone.
"""

from __future__ import annotations

import hashlib
import json
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import numpy as np
import onnx
import onnxruntime

from benchmarks.harness.fake_cuda import FakeCuda

MAGIC = b"engine of the stand-in\n"
FULL = {"8.2": "8.2.1.8", "8.5": "8.5.3.1", "10": "10.3.0"}
CUSTOM = "fwht"
REFORMAT = "Reformatting CopyNode for Input Tensor 0 to "

Compute = Callable[[bytes, np.ndarray], np.ndarray]


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class Mode(IntEnum):
    NONE, INPUT, OUTPUT = range(3)


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING = Severity.INTERNAL_ERROR, Severity.ERROR, Severity.WARNING


class IProfiler:
    pass


@lru_cache(maxsize=8)
def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def onnx_logits(model: bytes, images: np.ndarray) -> np.ndarray:
    logits: np.ndarray = session(model).run(None, {"image": images})[0]
    return logits


def engine_bytes(model: Path, version: str, profile: tuple[int, int, int], dtype: str = "float32") -> bytes:
    """An engine file. Convolution and what follows by name are fused, as TensorRT names it."""
    graph = onnx.load(str(model)).graph
    head = {"tensorrt": version, "profile": profile, "dtype": dtype, "layers": fused(graph)}
    side = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    head["shapes"] = [side[1:], [classes]]
    data = model.read_bytes()
    head["sha256"] = hashlib.sha256(data).hexdigest()
    return MAGIC + json.dumps(head).encode() + b"\n" + data


def fused(graph: onnx.GraphProto) -> list[list[str]]:
    """Name and type of each engine layer; the first is preceded by a reformat."""
    layers: list[list[str]] = []
    for node in graph.node:
        if layers and node.name.startswith(layers[-1][0].split(" + ")[0] + "_"):
            layers[-1][0] += f" + {node.name}"
        else:
            layers.append([node.name, "PluginV2" if node.domain == CUSTOM else node.op_type])
    return [[REFORMAT + layers[0][0], "Reformat"], *layers]


class FakeTensorRT:
    """faults, counted in cuda.faults: deserialize, execution context, execute (it returns False), plugin (the engine
    names a plugin that nobody registered)."""

    def __init__(self, cuda: FakeCuda, style: str = "8.5", compute: Compute = onnx_logits) -> None:
        self.cuda, self.style, self.compute = cuda, style, compute
        self.by_binding, self.by_name = style != "10", style != "8.2"
        self.plugins_ready = False
        self.logger: Any = None

    @property
    def version(self) -> str:
        return FULL[self.style]

    def say(self, text: str) -> None:
        self.logger.log(Severity.ERROR, text)

    def module(self) -> ModuleType:
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
    NAMES = ("image", "logits")

    def __init__(self, trt: FakeTensorRT, head: dict[str, Any], model: bytes) -> None:
        self.trt, self.model, self._head = trt, model, head
        self.shapes = {name: tuple(shape) for name, shape in zip(self.NAMES, head["shapes"])}
        self.contexts = 0
        least, _, most = head["profile"]
        self.batch = -1 if least < most else most
        trt.cuda.live["engine"] += 1
        if trt.style == "8.5":
            self.num_io_tensors = 2

    def __del__(self) -> None:
        self.trt.cuda.live["engine"] -= 1

    def layer_names(self) -> list[str]:
        return [name for name, _ in self._head["layers"]]

    def profile(self) -> list[tuple[int, ...]]:
        return [(size, *self.shapes["image"]) for size in self._head["profile"]]

    def create_execution_context(self) -> Any:
        self.trt.cuda.check()
        if self.trt.cuda.fails("execution context"):
            return self.trt.say("Requested amount of GPU memory (1 bytes) could not be allocated")
        return {"8.2": BindingContext, "8.5": BothContext, "10": NamedContext}[self.trt.style](self)

    def create_engine_inspector(self) -> Any:
        def information(form: str) -> str:
            return json.dumps({"Layers": [{"Name": name, "LayerType": kind} for name, kind in self._head["layers"]]})

        return type("Inspector", (), {"get_engine_information": staticmethod(information)})

    # By name, from 8.5 on; FakeEngine has them all and BindingEngine hides from 8.2 what tells that they are there.

    def get_tensor_name(self, index: int) -> str:
        return self.NAMES[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.INPUT if name == "image" else Mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return str(self._head["dtype"])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.batch, *self.shapes[name])

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        assert (name, index) == ("image", 0)
        return self.profile()


class NamedEngine(FakeEngine):
    num_io_tensors = 2


class BindingEngine(FakeEngine):
    num_bindings = 2

    def get_binding_name(self, index: int) -> str:
        return self.NAMES[index]

    def binding_is_input(self, name: str) -> bool:
        return name == "image"

    def get_binding_dtype(self, name: str) -> str:
        return str(self._head["dtype"])

    def get_binding_shape(self, name: str) -> tuple[int, ...]:
        return self.get_tensor_shape(name)

    def get_profile_shape(self, index: int, name: str) -> list[tuple[int, ...]]:
        return self.get_tensor_profile_shape(name, index)


class FakeContext:
    """One profile serves one context, as up to 8.6."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine, self._batch = engine, engine.batch
        self.profiler: Any = None
        self.addresses: dict[str, int] = {}
        engine.contexts += 1
        engine.trt.cuda.live["execution context"] += 1

    def __del__(self) -> None:
        self._engine.contexts -= 1
        self._engine.trt.cuda.live["execution context"] -= 1

    def _set_shape(self, shape: tuple[int, ...]) -> bool:
        least, _, most = (size for size, *_ in self._engine.profile())
        self._engine.trt.cuda.check()
        if self._engine.contexts > 1 and self._engine.trt.style != "10":
            self._engine.trt.say("Profile 0 has been chosen by another IExecutionContext.")
            return False
        if tuple(shape[1:]) != self._engine.shapes["image"] or not least <= shape[0] <= most:
            self._engine.trt.say(f"Supplied shape {shape} does not match the profile's {least} to {most} images")
            return False
        self._batch = shape[0]
        return True

    def _start(self, addresses: dict[str, int], handle: int) -> bool:
        trt = self._engine.trt
        trt.cuda.check()
        if trt.cuda.fails("execute") or self._batch < 1:
            trt.say("Cuda failure: out of memory")
            return False
        batch = self._batch
        trt.cuda.streams[handle].add(lambda: self._compute(addresses, batch))
        return True

    def _compute(self, addresses: dict[str, int], batch: int) -> None:
        images, logits = (_at(addresses[name], (batch, *self._engine.shapes[name])) for name in FakeEngine.NAMES)
        logits[:] = self._engine.trt.compute(self._engine.model, images)

    def execute_v2(self, bindings: list[int]) -> bool:
        trt = self._engine.trt
        trt.cuda.check()
        if trt.cuda.fails("execute"):
            trt.say("Cuda failure: out of memory")
            return False
        self._compute(dict(zip(FakeEngine.NAMES, bindings)), self._batch)
        for i, name in enumerate(self._engine.layer_names() if self.profiler else []):
            self.profiler.report_layer_time(name, 0.001 * (i + 1))
        return True


class BindingContext(FakeContext):
    def set_binding_shape(self, binding: int, shape: tuple[int, ...]) -> bool:
        assert binding == 0
        return self._set_shape(shape)

    def execute_async_v2(self, bindings: list[int], stream_handle: int) -> bool:
        return self._start(dict(zip(FakeEngine.NAMES, bindings)), stream_handle)


class NamedContext(FakeContext):
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "image"
        return self._set_shape(shape)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self.addresses[name] = memory
        return name in FakeEngine.NAMES

    def execute_async_v3(self, stream_handle: int) -> bool:
        return self._start(dict(self.addresses), stream_handle)


class BothContext(NamedContext, BindingContext):
    pass


def _at(pointer: int, shape: tuple[int, ...]) -> np.ndarray:
    import ctypes

    count = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(pointer)).reshape(shape)
