"""Everything at run time that differs between TensorRT 8.2 and 11, and nothing else.

Tensors are known by their names from 8.5 on, by their numbers ("bindings") before, and by names alone from 10 on: what
an engine offers decides, not its version. Source: TensorRT's Python API reference of 8.2, 8.5, 10.3 and 11.1.
Nothing is imported before it is asked for; what needs a GPU belongs into the thread that owns the CUDA context.
"""

from __future__ import annotations

import ctypes
import json
import logging
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, List, Tuple

from ..errors import StartupError
from . import cuda
from .engine_card import Machine, file_sha256, why_wrong_plugin

PLUGIN = Path(__file__).resolve().parents[2] / "build" / "libfwht_plugin.so"
LOG = logging.getLogger("server.tensorrt")

_ERRORS: Deque[str] = deque(maxlen=3)  # of TensorRT, which returns None or False and logs the reason
_PLUGINS: Dict[Path, str] = {}  # the libraries that this process loaded, with their SHA-256
_LOGGERS: List[Any] = []  # one for the process: TensorRT keeps the first that it is given


class EngineError(Exception):
    """TensorRT or CUDA failed on a run."""


def import_tensorrt() -> Any:
    """The module. Raises StartupError where it cannot be imported."""
    try:
        import tensorrt as trt
    except ImportError as error:
        raise StartupError(
            f"TensorRT's Python package cannot be used ({error}): on a Jetson it comes with JetPack for the system's"
            " Python (make ... PYTHON=python3), elsewhere `pip install tensorrt`"
        ) from error
    return trt


def tensorrt_version() -> str:
    return str(import_tensorrt().__version__)


def current_machine(plugin: Path = PLUGIN) -> Machine:
    """What an engine of this machine is built for. Raises StartupError: no TensorRT, no GPU, no plugin library."""
    trt = tensorrt_version()
    name, capability = cuda.read_gpu()
    if not plugin.is_file():
        raise StartupError(f"the plugin library {plugin} is not there: build it with `make plugin`")
    return Machine(trt, name, capability, file_sha256(plugin))


def get_logger() -> Any:
    """The logger that TensorRT is given: its messages become lines of this process's log."""
    if not _LOGGERS:
        trt = import_tensorrt()
        levels = {trt.ILogger.INTERNAL_ERROR: logging.ERROR, trt.ILogger.ERROR: logging.ERROR}
        levels[trt.ILogger.WARNING] = logging.INFO  # for developers: no reader of the log could mend what they name

        class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)  # not super(): pybind11 wants it by name

            def log(self, severity: Any, text: str) -> None:
                level = levels.get(severity, logging.DEBUG)
                if level == logging.ERROR:
                    _ERRORS.append(text)
                LOG.log(level, "%s", text)

        _LOGGERS.append(Logger())
    return _LOGGERS[0]


def take_trt_errors() -> str:
    """The last errors in TensorRT's log, joined; they are forgotten then."""
    lines = list(_ERRORS)
    _ERRORS.clear()
    return "; ".join(lines) or "it gave no reason"


def load_plugin(plugin: Path = PLUGIN) -> None:
    """Register our layers, before anything is parsed or deserialised. Raises StartupError."""
    trt = import_tensorrt()  # first: its libraries are those that the plugin is bound to
    mismatch = why_wrong_plugin(plugin, str(trt.__version__))
    if mismatch:
        raise StartupError(mismatch)
    loaded, digest = _PLUGINS.get(plugin), file_sha256(plugin)
    if loaded not in (None, digest):  # a process keeps the library that it loaded first from a path
        raise StartupError(f"{plugin} was built again since this process loaded it: start the server anew")
    try:
        ctypes.CDLL(str(plugin), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise StartupError(
            f"the plugin library {plugin} does not go with TensorRT {trt.__version__} ({error}): build it again with"
            " `make plugin`"
        ) from error
    _PLUGINS[plugin] = digest
    trt.init_libnvinfer_plugins(get_logger(), "")


class Engine:
    """A deserialised engine with one float32 input and one float32 output, whose first dimension is the batch.

    plan: the engine file. input_shape, output_shape: of one image. min_batch, opt_batch, max_batch: of its profile, all
    the same where it fixes the batch. Raises StartupError.
    """

    def __init__(self, plan: bytes) -> None:
        self._runtime = import_tensorrt().Runtime(get_logger())
        _ERRORS.clear()
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
        _ERRORS.clear()
        made = self._engine.create_execution_context()
        if made is None:
            raise EngineError(f"TensorRT made no execution context ({take_trt_errors()})")
        return EngineContext(self, made)

    def inspect_layers(self) -> List[Any]:
        """What the engine inspector lists for each layer, in order: a dict with "Name" and more, or the name alone
        where the engine was built without details."""
        inspector = self._engine.create_engine_inspector()
        text = inspector.get_engine_information(import_tensorrt().LayerInformationFormat.JSON)
        layers: List[Any] = json.loads(text)["Layers"]
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
