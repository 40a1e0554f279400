"""TensorRT engines for benchmarks and tests: built from ONNX with our plugins, run on given memory and streams.

    library = Library(PLUGIN)                       # registers the plugins
    engine = Engine(build(proto, batch=8, half=True))
    with Stream(library) as stream, Bound(engine, library) as bound:
        bound.run({"image": x}, stream)["logits"]

Built by what `make engine` builds with (export/engine/builder.py), here with layouts and types of inputs and outputs,
and batch sizes, that serving does not need. Run by feature tests: TensorRT 8.5 brought tensors by name, 10 dropped
bindings by number.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Union

import numpy as np
import onnx
import tensorrt as trt

from benchmarks.harness.kernel_library import Buffer, Library, Stream
from benchmarks.harness.tensor_layout import DTYPES, FLOAT16, FLOAT32, HWC8, NCHW, pack, packed_shape, unpack
from export.engine.builder import (
    add_profile,
    build_plan,
    make_builder,
    make_config,
    read_timing_cache,
    use_timing_cache,
)
from export.engine.network import parse_network
from server.backends.tensorrt_library import get_logger

WORKSPACE = 1 << 30
TIMINGS = bytearray()  # what the builder measured so far: a layer that returns in a later engine is not measured again

Batch = Union[int, "tuple[int, int, int]"]  # fixed, or least, usual and largest


def build_engine(
    proto: onnx.ModelProto, batch: Batch, half: bool = False, half_io: bool = False, tf32: bool = False
) -> bytes:
    """The serialised engine. half: float16 is allowed inside; half_io: inputs and outputs are float16, in the layout
    (linear or HWC8) that TensorRT likes best; tf32: as TensorRT has it by default.

    Raises BuildError with TensorRT's words, or where a node of ours did not become a plugin.
    """
    builder = make_builder()
    network = parse_network(builder, proto.SerializeToString(), half)
    config = make_config(builder, half, WORKSPACE, tf32)
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    if isinstance(batch, int):  # needs no profile, so several contexts may run one engine
        for tensor in inputs:
            tensor.shape = (batch, *tuple(tensor.shape)[1:])
    else:
        add_profile(builder, config, network, batch)
    if half_io:
        for tensor in inputs + [network.get_output(i) for i in range(network.num_outputs)]:
            tensor.dtype = trt.float16
            tensor.allowed_formats = 1 << int(trt.TensorFormat.LINEAR) | 1 << int(trt.TensorFormat.HWC8)
    use_timing_cache(config, bytes(TIMINGS))
    plan = build_plan(builder, network, config)
    TIMINGS[:] = read_timing_cache(config)
    return plan


class Engine:
    """A deserialised engine: the names of its tensors, their types and layouts, and what it is made of."""

    def __init__(self, plan: bytes) -> None:
        self.runtime = trt.Runtime(get_logger())
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            raise RuntimeError("TensorRT could not read the engine; its own messages above say why")
        self.by_name = hasattr(self.engine, "num_io_tensors")
        count = self.engine.num_io_tensors if self.by_name else self.engine.num_bindings
        read_name = self.engine.get_tensor_name if self.by_name else self.engine.get_binding_name
        self.names = [str(read_name(i)) for i in range(count)]

    def is_input(self, name: str) -> bool:
        if self.by_name:
            return bool(self.engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT)
        return bool(self.engine.binding_is_input(name))

    def read_type(self, name: str) -> int:
        """FLOAT32 or FLOAT16."""
        kind = self.engine.get_tensor_dtype(name) if self.by_name else self.engine.get_binding_dtype(name)
        return {trt.float32: FLOAT32, trt.float16: FLOAT16}[kind]

    def read_layout(self, name: str) -> int:
        """NCHW or HWC8."""
        if self.by_name:
            layout = self.engine.get_tensor_format(name)
        else:
            layout = self.engine.get_binding_format(self.names.index(name))
        return {trt.TensorFormat.LINEAR: NCHW, trt.TensorFormat.HWC8: HWC8}[layout]

    def inspect_layers(self) -> list[dict[str, Any]]:
        """What the engine inspector tells of each layer: Name, LayerType and more."""
        inspector = self.engine.create_engine_inspector()
        told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON), strict=False)
        return [layer if isinstance(layer, dict) else {"Name": layer} for layer in told["Layers"]]


class BoundContext:
    """A context of an engine with memory of its own for every tensor."""

    def __init__(self, engine: Engine, library: Library) -> None:
        self.engine, self.library, self._stack = engine, library, ExitStack()
        self.context = engine.engine.create_execution_context()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.buffers: dict[str, Buffer] = {}

    def __enter__(self) -> BoundContext:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def load(self, inputs: dict[str, np.ndarray]) -> None:
        """Set shapes, make memory for all tensors, copy the inputs in; outputs are poisoned."""
        for name, values in inputs.items():
            self._set_shape(name, values.shape)
        for name in self.engine.names:
            shape = self._shape(name)
            if self.shapes.get(name) != shape:
                self.shapes[name] = shape
                self.buffers[name] = self._stack.enter_context(Buffer(self.library, self._bytes(name)))
            if name in inputs:
                self.buffers[name].write(pack(inputs[name], self.engine.read_type(name), self.engine.read_layout(name)))
            else:
                self.buffers[name].fill(0xFF)

    def start(self, stream: Stream) -> None:
        """One run on the loaded inputs; only started."""
        if self.engine.by_name:
            for name in self.engine.names:
                self.context.set_tensor_address(name, self.buffers[name].pointer)
            started = self.context.execute_async_v3(stream.pointer)
        else:
            pointers = [self.buffers[name].pointer for name in self.engine.names]
            started = self.context.execute_async_v2(pointers, stream.pointer)
        if not started:
            raise RuntimeError("TensorRT did not start the engine; its own messages above say why")

    def read_outputs(self) -> dict[str, np.ndarray]:
        """What the outputs hold now, as (N, C, H, W) or whatever the shape is, in the engine's type."""
        read = {}
        for name in self.engine.names:
            if not self.engine.is_input(name):
                memory = self.buffers[name].read_bytes()
                kind, layout = self.engine.read_type(name), self.engine.read_layout(name)
                read[name] = unpack(memory, self.shapes[name], kind, layout)[0]
        return read

    def run(self, inputs: dict[str, np.ndarray], stream: Stream) -> dict[str, np.ndarray]:
        self.load(inputs)
        self.start(stream)
        stream.synchronize()
        return self.read_outputs()

    def _set_shape(self, name: str, shape: tuple[int, ...]) -> None:
        if self._shape(name) == shape:
            return
        if self.engine.by_name:
            self.context.set_input_shape(name, shape)
        else:
            self.context.set_binding_shape(self.engine.names.index(name), shape)

    def _shape(self, name: str) -> tuple[int, ...]:
        if self.engine.by_name:
            return tuple(self.context.get_tensor_shape(name))
        return tuple(self.context.get_binding_shape(self.engine.names.index(name)))

    def _bytes(self, name: str) -> int:
        values = int(np.prod(packed_shape(self.shapes[name], self.engine.read_layout(name))))
        return values * DTYPES[self.engine.read_type(name)].itemsize
