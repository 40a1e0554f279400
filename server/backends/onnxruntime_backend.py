"""ONNX Runtime behind the backend interface: the CPU of any machine, or CUDA where onnxruntime-gpu finds a GPU."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Tuple

import numpy as np
import onnxruntime

from ..errors import BadRequest, Busy, StartupError
from ..profiling import board
from ..profiling.board_conditions import describe_board, describe_board_states
from ..profiling.build_report import build_report, one_profile_at_a_time
from ..profiling.machine import count_physical_cores, describe_machine
from ..profiling.report import Conditions, LayerReport
from .backend import noop
from .native_kernels import FUNCTION_BODY, NativeKernels, choose_kernels, has_native_ops, read_mode, warn_once

if TYPE_CHECKING:
    from .bottlenecks import FusedModel

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRuntimeBackend:
    """One ONNX file in one session; see Backend for the methods.

    provider: "cpu", "cuda", or "auto" (CUDA where it works). Where "cuda" was asked for and the session runs on the
    CPU, it still answers, but `problem` says so. threads: cores a run may use, 0 means every physical core, which is
    best for one request at a time; with several at once, or other work on the machine, 1 answers more of them. native:
    see native_kernels.py; fused: whether bottlenecks are run as one op where native kernels are used (bottlenecks.py).
    Raises StartupError where the file cannot be loaded.
    """

    name = "onnxruntime"
    precision = "fp32"

    def __init__(
        self, path: Path, provider: str = "cpu", threads: int = 0, native: Optional[str] = None, fused: bool = True
    ) -> None:
        if provider not in ("auto", *PROVIDERS):
            raise StartupError(f"provider is {provider!r}: choose cpu, cuda or auto")
        self.path = path
        # ONNX Runtime's own choice is as many, each bound to a core, where it may meet the thread that asked for the
        # run: a lone client waited 1.73 instead of 1.55 ms, on two cores.
        self._threads = threads or count_physical_cores()
        self._providers = _wanted_providers(provider)
        self._stamp = _stamp(path)
        self._native: Optional[NativeKernels] = None
        self._fused = fused
        self._session = self._open(native or read_mode())
        self.provider = "cuda" if PROVIDERS["cuda"] in self._session.get_providers() else "cpu"
        self.problem = _fallback() if provider == "cuda" and self.provider == "cpu" else None
        self._input = self._session.get_inputs()[0]
        batch = self._input.shape[0]  # a number where the file fixes it, else a name
        self.max_batch: Optional[int] = batch if isinstance(batch, int) else None

    @property
    def kernels(self) -> Optional[str]:
        """See Backend."""
        if not self._has_ops:
            return None
        return f"native {self._native.instruction_set}" if self._native else FUNCTION_BODY

    @property
    def metadata(self) -> Dict[str, str]:
        """The metadata properties of the ONNX file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def start(self, work: Callable[[], None]) -> None:
        work()

    def infer(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        self._check(batch)
        meanwhile()  # before: a run on the CPU takes the cores itself
        logits: np.ndarray = self._session.run(None, {self._input.name: batch})[0]
        return logits

    def profile(self, batch: np.ndarray, runs: Optional[int] = None) -> LayerReport:
        self._check(batch)
        if _stamp(self.path) != self._stamp:  # the profiled sessions read it again, and would measure another model
            raise Busy(f"{self.path.name} has changed since the model was loaded: load the model again to measure it")
        from . import onnxruntime_profile as profiler  # imports onnx, which is not needed to serve

        feed = {self._input.name: batch}
        with one_profile_at_a_time():
            conditions = self._conditions(batch)
            before = board.read_board_state()
            latency_ms = profiler.measure_latency_ms(self._session, feed, runs)
            fused = self._fuse(timed=True)
            bottlenecks = fused.bottlenecks if fused else {}
            session = partial(self._new_session, fused=fused)
            measured = profiler.run_profiled(session, self._options(), self.path, feed, len(latency_ms), bottlenecks)
            conditions.update(describe_board_states(before, board.read_board_state(), on_gpu=self.provider == "cuda"))
        return build_report(*measured, latency_ms, conditions)

    def close(self) -> None:
        del self._session

    def _conditions(self, batch: np.ndarray) -> Conditions:
        return {
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "backend": self.name,
            "onnxruntime": onnxruntime.__version__,
            "provider": self.provider,
            "clock": "host" if self.provider == "cpu" else "host: a CUDA kernel may run on after its time has ended",
            "precision": self.precision,
            "threads": self._threads,
            **({"kernels": self.kernels} if self.kernels else {}),
            "batch": len(batch),
            "input": list(batch.shape),
            **describe_machine(),
            **describe_board(),
        }

    def _check(self, batch: np.ndarray) -> None:
        wanted = tuple(self._input.shape[1:])
        if batch.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != wanted or len(batch) == 0:
            raise BadRequest(
                f"the input is {batch.dtype} of shape {batch.shape}, it must be float32 of shape (N, {str(wanted)[1:]}"
            )

    def _options(self) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        # Within a run the threads wait for each other without sleeping (mobilenet_v2 on two cores: 1.1 instead of 2.0
        # ms). Between runs they sleep, else they would take the cores from the event loop and other models' sessions.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3  # errors; its warnings name nodes that no reader of the log could mend
        if self._native:
            options.register_custom_ops_library(str(self._native.path))
        return options

    def _open(self, native: str) -> onnxruntime.InferenceSession:
        """The session, with native kernels where it runs on the CPU: on a GPU they would cost copies to and fro."""
        _check_readable(self.path)
        self._has_ops = has_native_ops(self.path.read_bytes())
        if self._has_ops and self._providers == [PROVIDERS["cpu"]]:
            self._native = choose_kernels(native, onnxruntime.__version__)
        fused = self._fuse()
        if fused:
            try:
                return self._new_session(self._options(), fused)
            except Exception as error:  # what is not fused may still run
                warn_once(f"the bottlenecks cannot be fused ({error}): their layers run one after the other")
                self._fused = False
        try:
            return self._new_session(self._options())
        except Exception as error:
            if self._native is None or native == "required":
                raise
            warn_once(f"the native kernels cannot be registered ({error}): the ops run as function bodies")
            self._native = None
            return self._new_session(self._options())

    def _fuse(self, timed: bool = False) -> Optional[FusedModel]:
        """The model with its bottlenecks as one op each; None where there are none, or no kernels for that op."""
        if not self._fused or self._native is None:
            return None
        try:
            from .bottlenecks import fuse_bottlenecks  # imports onnx, which is not needed where nothing is fused
        except ImportError as error:
            warn_once(f"the bottlenecks are not fused, which needs the package onnx ({error})")
            return None
        return fuse_bottlenecks(self.path, timed)

    def _new_session(
        self, options: onnxruntime.SessionOptions, fused: Optional[FusedModel] = None
    ) -> onnxruntime.InferenceSession:
        _check_readable(self.path)
        source = fused.content if fused else str(self.path)
        try:
            return onnxruntime.InferenceSession(source, options, providers=self._providers)
        except Exception as error:  # ONNX Runtime has a class per kind of failure, with no common base but Exception
            raise StartupError(_cure(self.path, str(error))) from error


def _check_readable(path: Path) -> None:
    """StartupError where the file cannot be read: ONNX Runtime would give an error number alone."""
    try:
        with path.open("rb"):
            pass
    except (FileNotFoundError, IsADirectoryError) as error:
        raise StartupError(
            f"{path} is not there: make it with `make onnx`, or restore it from the repository"
        ) from error
    except OSError as error:
        raise StartupError(
            f"{path} cannot be read ({error.strerror}): let the server's user read it and enter the folders above it"
        ) from error


def _stamp(path: Path) -> Optional[Tuple[int, int, int]]:
    """What changes when a file does, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _fallback() -> str:
    """Why CUDA that was asked for is not used, and the cure."""
    if PROVIDERS["cuda"] in onnxruntime.get_available_providers():
        cure = "install the CUDA and cuDNN libraries that ONNX Runtime named on stderr as the model was loaded"
    else:
        cure = "this ONNX Runtime has no CUDA, install onnxruntime-gpu in place of onnxruntime"
    return f"CUDA was asked for and ONNX Runtime fell back to the CPU: {cure}, or choose provider cpu"


def _wanted_providers(provider: str) -> List[str]:
    available = onnxruntime.get_available_providers()
    wanted = ["cpu"] if provider == "cpu" else ["cuda", "cpu"]
    return [PROVIDERS[name] for name in wanted if PROVIDERS[name] in available]


def _cure(path: Path, reason: str) -> str:
    first_line = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    if "is not a registered function/op" in reason:
        return (
            f"{path} has custom operators without function bodies, which ONNX Runtime cannot run ({first_line}):"
            " export it again with `make onnx`"
        )
    return (
        f"{path} cannot be loaded, it is no ONNX file or a damaged one ({first_line}): export it again with `make onnx`"
    )
