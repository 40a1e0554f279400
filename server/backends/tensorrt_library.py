"""The module tensorrt in this process: its import, its log, and the plugin library with our layers.

Nothing is imported before the first call; what needs a GPU belongs into the thread that owns the CUDA context.
"""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, List

from ..errors import StartupError
from ..profiling.board import read_model
from . import cuda
from .engine_card import Machine, file_sha256, why_wrong_plugin

PLUGIN = Path(__file__).resolve().parents[2] / "build" / "libfwht_plugin.so"
LOG = logging.getLogger("server.tensorrt")

_ERRORS: Deque[str] = deque(maxlen=3)  # of TensorRT, which returns None or False and logs the reason
_PLUGINS: Dict[Path, str] = {}  # the libraries that this process loaded, with their SHA-256
_LOGGERS: List[Any] = []  # one for the process: TensorRT keeps the first that it is given


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
    name, capability, multiprocessors = cuda.read_gpu()
    if not plugin.is_file():
        raise StartupError(f"the plugin library {plugin} is not there: build it with `make plugin`")
    return Machine(trt, name, capability, multiprocessors, read_model() or "", file_sha256(plugin))


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
