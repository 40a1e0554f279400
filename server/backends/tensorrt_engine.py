"""A TensorRT engine and its execution contexts: all that differs at run time between TensorRT 8.2 and 11.

Tensors are known by their names from 8.5 on, by their numbers ("bindings") before, and by names alone from 10 on: what
an engine offers decides, not its version. Source: TensorRT's Python API reference of 8.2, 8.5, 10.3 and 11.1.
"""

from __future__ import annotations

import json
from typing import Any, List, Tuple

from ..errors import StartupError
from .tensorrt_library import get_logger, import_tensorrt, take_trt_errors, tensorrt_version


class EngineError(Exception):
    """TensorRT or CUDA failed on a run."""


class Engine:
    """A deserialised engine with one float32 input and one float32 output, whose first dimension is the batch.

    plan: the engine file. input_shape, output_shape: of one image. min_batch, opt_batch, max_batch: of its profile, all
    the same where it fixes the batch. Raises StartupError.
    """

    def __init__(self, plan: bytes) -> None:
        self._runtime = import_tensorrt().Runtime(get_logger())
        take_trt_errors()  # those of calls before
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise StartupError(f"TensorRT {tensorrt_version()} cannot read the engine ({take_trt_errors()})")
        self.by_name = hasattr(self._engine, "num_io_tensors")
        names = self._names()
        inputs = [name for name in names if self._is_input(name)]
        if len(names) != 2 or len(inputs) != 1:
            raise StartupError(f"the engine has the tensors {', '.join(names)}: it needs one input and one output")
        self.names = names
        self.input = inputs[0]
        self.output = next(name for name in names if name != self.input)
        self.input_shape, self.output_shape = self._shape(self.input)[1:], self._shape(self.output)[1:]
        batch = self._shape(self.input)[0]
        self.fixed = batch != -1
        self.min_batch, self.opt_batch, self.max_batch = (batch,) * 3 if self.fixed else self._profile()

    def create_context(self) -> EngineContext:
        """Only one at a time: up to TensorRT 8.6 a profile of dynamic shapes serves one context."""
        take_trt_errors()  # those of calls before
        made = self._engine.create_execution_context()
        if made is None:
            raise EngineError(f"TensorRT made no execution context ({take_trt_errors()})")
        return EngineContext(self, made)

    def inspect_layers(self) -> List[Any]:
        """What the engine inspector lists for each layer, in order: a dict with "Name" and more, or the name alone
        where the engine was built without details. Raises StartupError where it gives no list."""
        inspector = self._engine.create_engine_inspector()
        text = inspector.get_engine_information(import_tensorrt().LayerInformationFormat.JSON)
        try:  # not strict: control characters are not escaped (TensorRT#2779)
            layers: List[Any] = json.loads(text, strict=False)["Layers"]
        except (ValueError, KeyError, TypeError) as error:
            found = f"{error!r}, after {text[:200]!r}"
            raise StartupError(f"TensorRT's inspector gave no list of layers ({found}): please report it") from error
        return layers

    def close(self) -> None:
        """Contexts first."""
        self._engine = self._runtime = None

    def _names(self) -> List[str]:
        if self.by_name:
            return [str(self._engine.get_tensor_name(i)) for i in range(self._engine.num_io_tensors)]
        return [str(self._engine.get_binding_name(i)) for i in range(self._engine.num_bindings)]

    def _is_input(self, name: str) -> bool:
        """Whether it is; also sees that it is float32."""
        trt, engine = import_tensorrt(), self._engine
        kind = engine.get_tensor_dtype(name) if self.by_name else engine.get_binding_dtype(name)
        if kind != trt.float32:
            raise StartupError(f"the engine's tensor {name} is {kind}: build it with float32 inputs and outputs")
        if self.by_name:
            return bool(engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT)
        return bool(engine.binding_is_input(name))

    def _shape(self, name: str) -> Tuple[int, ...]:
        read = self._engine.get_tensor_shape if self.by_name else self._engine.get_binding_shape
        return tuple(int(size) for size in read(name))

    def _profile(self) -> Tuple[int, ...]:
        """Least, usual and largest batch."""
        if self.by_name:
            shapes = self._engine.get_tensor_profile_shape(self.input, 0)
        else:
            shapes = self._engine.get_profile_shape(0, self.input)
        return tuple(int(shape[0]) for shape in shapes)


class EngineContext:
    """An execution context: a batch size, addresses, and runs. Its methods raise EngineError."""

    def __init__(self, engine: Engine, context: Any) -> None:
        self._engine = engine
        self._context = context
        self._pointers: List[int] = []
        self._batch = engine.max_batch if engine.fixed else 0

    def bind(self, input_pointer: int, output_pointer: int) -> None:
        """Where the runs from now on read and write, in the GPU's addresses."""
        by_name = {self._engine.input: input_pointer, self._engine.output: output_pointer}
        self._pointers = [by_name[name] for name in self._engine.names]
        if self._engine.by_name:
            for name, pointer in by_name.items():
                self._check(self._context.set_tensor_address(name, pointer), f"took no address for {name}")

    def set_batch(self, size: int) -> None:
        """Images of the next runs, within the profile."""
        if size == self._batch:
            return
        shape = (size, *self._engine.input_shape)
        if self._engine.by_name:
            done = self._context.set_input_shape(self._engine.input, shape)
        else:
            done = self._context.set_binding_shape(self._engine.names.index(self._engine.input), shape)
        self._check(done, f"took no batch of {size}")
        self._batch = size

    def enqueue(self, stream: int) -> None:
        """Start a run on a stream, given by its handle."""
        if self._engine.by_name:
            done = self._context.execute_async_v3(stream)
        else:
            done = self._context.execute_async_v2(self._pointers, stream)
        self._check(done, "did not start the run")

    def execute(self) -> None:
        """Run, and return when it is done, a profiler called for each layer: the one call that every version has."""
        self._check(self._context.execute_v2(self._pointers), "failed on the run")

    def report_to(self, profiler: Any) -> None:
        """Give every run from now on to an IProfiler; runs are slower then."""
        self._context.profiler = profiler

    def close(self) -> None:
        self._context = None

    @staticmethod
    def _check(done: bool, what: str) -> None:
        if not done:
            raise EngineError(f"TensorRT {what} ({take_trt_errors()})")
