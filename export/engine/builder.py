"""From a network to a serialised engine: what differs between TensorRT 8.2 and 11 in the builder and its settings.

    workspace           max_workspace_size up to 8.3, a memory pool from 8.4 on
    float16             a flag of the builder up to 10; from 11 on the types in the ONNX file (export/engine/network.py)
    progress            reported from 10 on
    tactics             8 uses cuDNN and cuBLAS unless they are switched off

Features are tested for, not versions. Source: TensorRT's Python API reference of 8.2, 8.5, 10.3 and 11.1.
"""

from __future__ import annotations

import ctypes
import re
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Optional, Tuple

from export.engine.network import BuildError, builder_chooses_types
from server.backends.tensorrt_library import get_logger, import_tensorrt, take_trt_errors

Batch = Tuple[int, int, int]  # least, usual and largest
Report = Callable[[str], None]

EXTERNAL = ("CUBLAS", "CUBLAS_LT", "CUDNN")  # tactic sources in libraries of their own
OUT_OF_MEMORY = re.compile(
    r"out.?of.?memory|bad_alloc|insufficient.memory|memory is insufficient|not enough memory|could not be allocated",
    re.IGNORECASE,
)
REPORTS_PER_S = 5


class OutOfMemoryError(BuildError):
    """TensorRT, CUDA or Python had no memory left."""


def make_builder() -> Any:
    """Raises BuildError where TensorRT makes none: its Python error only names a nullptr, its log has the reason."""
    try:
        return import_tensorrt().Builder(get_logger())
    except TypeError as error:
        raise make_build_error("made no builder") from error


def make_build_error(what: str) -> BuildError:
    """The error to raise, in TensorRT's own words; OutOfMemoryError where memory ran out."""
    reason = take_trt_errors()
    kind = OutOfMemoryError if OUT_OF_MEMORY.search(reason) else BuildError
    return kind(f"TensorRT {import_tensorrt().__version__} {what} ({reason})")


def make_config(builder: Any, half: bool, workspace: int, tf32: bool) -> Any:
    """The builder's configuration. half: float16 is allowed inside. workspace: in bytes. tf32: float32 products may be
    rounded to 10 bits, as TensorRT allows by itself."""
    trt = import_tensorrt()
    config = builder.create_builder_config()
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    else:
        config.max_workspace_size = workspace
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if not has_external_libraries():
        sources = trt.TacticSource.__members__
        config.set_tactic_sources(sum(1 << int(sources[name]) for name in sources if name not in EXTERNAL))
    if half and builder_chooses_types():
        config.set_flag(trt.BuilderFlag.FP16)
    if not tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    return config


def has_external_libraries() -> bool:
    """TensorRT 8 stops where cuDNN or cuBLAS is switched on and missing; 10 leaves both off by itself."""
    trt = import_tensorrt()
    if "CUDNN" not in trt.TacticSource.__members__ or int(trt.__version__.split(".")[0]) >= 10:
        return True
    try:
        ctypes.CDLL("libcudnn.so.8")
    except OSError:
        return False
    return True


def add_profile(builder: Any, config: Any, network: Any, batch: Batch) -> None:
    """The batch sizes that the engine is for. Raises BuildError where the ONNX file fixes another."""
    profile = builder.create_optimization_profile()
    for tensor in (network.get_input(i) for i in range(network.num_inputs)):
        fixed, *rest = tuple(tensor.shape)
        if fixed != -1 and set(batch) != {fixed}:
            raise BuildError(
                f"the ONNX file fixes the batch to {fixed}: ask for it with --batch {fixed},{fixed},{fixed}"
            )
        profile.set_shape(tensor.name, *((size, *rest) for size in batch))
    config.add_optimization_profile(profile)


def use_timing_cache(config: Any, known: bytes) -> None:
    """Give the builder the timing cache of earlier builds, or an empty one where that is broken or another GPU's or
    TensorRT's; it adds what it measures."""
    for data in (known, b""):
        with suppress(Exception):  # of any kind: a cache only saves time
            cache = config.create_timing_cache(data)
            if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
                return


def read_timing_cache(config: Any) -> bytes:
    """What the builder has measured up to now; empty where it keeps no cache."""
    cache = config.get_timing_cache()
    return b"" if cache is None else bytes(cache.serialize())


def make_progress_monitor(report: Report) -> Optional[Any]:
    """A progress monitor, None before TensorRT 10."""
    trt = import_tensorrt()
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)  # not super(): pybind11 requires it by name
            self._steps: Dict[str, int] = {}
            self._next = 0.0

        def phase_start(self, phase_name: str, parent_phase: Optional[str], num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + 1 / REPORTS_PER_S
                report(f"{phase_name} {step + 1}/{self._steps.get(phase_name, 0)}")
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


def build_plan(builder: Any, network: Any, config: Any) -> bytes:
    """The engine. Raises BuildError in TensorRT's own words, OutOfMemoryError where memory ran out."""
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise make_build_error("built no engine")
    return bytes(plan)
