"""TensorRT behind the backend interface: an engine with its card, on the GPU it was built for.

One thread owns the CUDA context, the engine, its stream and its memory; callers hand the batch over and wait.

A run that fails is tried once more, on a fresh execution context. Where that fails, too, the request is answered 500
and `problem` says so, which turns readiness off. From then on every request is one try on a fresh context, and while
there is no request the thread tries every RECOVER_S seconds: the first run that succeeds makes the model ready again.
An error that the CUDA context keeps (an illegal address) lasts until the process is restarted.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from ..errors import BadRequest, Busy, StartupError
from ..profiling.build_report import one_profile_at_a_time
from ..profiling.report import Conditions, LayerReport
from . import tensorrt_library
from .backend import OPS, noop
from .cuda import Context
from .engine_card import EngineCard, read_card, why_outdated, why_wrong_machine
from .owner_thread import OwnerThread
from .tensorrt_engine import Engine, EngineError
from .tensorrt_execution import Execution, make_noise
from .tensorrt_library import current_machine, load_plugin
from .tensorrt_profile import describe_conditions, load_in_own_thread, profile_engine

LOG = logging.getLogger("server.tensorrt")
RECOVER_S = 5.0


class TensorRTBackend:
    """One engine; see Backend for the methods. plugin: the library with our layers, None for the one in build/.
    graphs: whether CUDA graphs are tried.

    Raises StartupError with the reason and the cure: no engine, a damaged, stale or foreign one, no plugin library or
    another TensorRT's, no GPU, no TensorRT, no memory.
    """

    name = "tensorrt"
    provider = "cuda"

    def __init__(self, card_path: Path, plugin: Optional[Path] = None, graphs: bool = True) -> None:
        plugin = plugin or tensorrt_library.PLUGIN
        self.card: EngineCard = read_card(card_path)
        self.path = card_path.parent / self.card.engine
        self.precision = self.card.precision
        self.problem: Optional[str] = None
        self.kernels = "plugin" if any(layer["op"] in OPS for layer in self.card.layers) else None
        self._graphs = graphs
        self._cure = f"build it on this machine with `make engine NAME={self.card.name} PRECISION={self.precision}`"
        machine = current_machine(plugin)
        unfit = why_wrong_machine(self.card, machine) or why_outdated(self.card, None, machine.plugin_sha256)
        if unfit:
            raise StartupError(f"{self.path}: {unfit}; {self._cure}")
        self._cuda: Optional[Context] = None
        self._engine: Optional[Engine] = None
        self._execution: Optional[Execution] = None
        self._owner = OwnerThread(f"tensorrt-{self.card.name}", self._recover, RECOVER_S)
        self._owner.free_at_exit(self._free)
        try:
            plan = self._plan()
            self.max_batch, self._shape = self._owner.call(self._open, plan, plugin)
        except BaseException:
            self.close()
            raise

    @property
    def metadata(self) -> Dict[str, str]:
        """The metadata properties of the ONNX file that the engine was built from."""
        return dict(self.card.metadata)

    def start(self, work: Callable[[], None]) -> None:
        self._owner.post(work)  # the batches of a queue then follow each other without a change of threads

    def infer(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        self._check(batch)
        return self._owner.call(self._run, batch, meanwhile)

    def profile(self, batch: np.ndarray, runs: Optional[int] = None) -> LayerReport:
        self._check(batch)
        with one_profile_at_a_time():
            try:
                engine = load_in_own_thread(self._plan())
            except StartupError as error:
                raise Busy(f"{error}; or load the model again, to measure what is there now") from error
            known = describe_conditions(self.card, self._shape, batch)
            return self._owner.call(self._profile, engine, batch, runs, known)

    def close(self) -> None:
        self._owner.close()

    def _check(self, batch: np.ndarray) -> None:
        if batch.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != self._shape or len(batch) == 0:
            wanted = ", ".join(map(str, self._shape))
            raise BadRequest(
                f"the input is {batch.dtype} of shape {batch.shape}, it must be float32 of shape (N, {wanted})"
            )
        if len(batch) > self.max_batch:
            raise BadRequest(f"{len(batch)} images at once: the engine takes at most {self.max_batch}, send fewer")

    def _plan(self) -> bytes:
        """The engine file, if it is still the one of the card."""
        try:
            plan = self.path.read_bytes()
        except OSError as error:
            raise StartupError(f"{self.path} cannot be read ({error.strerror}): {self._cure}") from error
        if hashlib.sha256(plan).hexdigest() != self.card.engine_sha256:
            raise StartupError(
                f"{self.path} is not the file that its card describes ({len(plan):,} bytes: cut off, damaged or"
                f" exchanged): {self._cure}"
            )
        return plan

    # What follows runs in the owner's thread.

    def _open(self, plan: bytes, plugin: Path) -> Any:
        """Everything up to the first answer. Returns the largest batch and the shape of an image."""
        self._cuda = Context()
        load_plugin(plugin)
        try:
            self._engine = Engine(plan)
            self._execution = Execution(self._engine, self._cuda, self._graphs)
        except StartupError as error:
            raise StartupError(f"{self.path}: {error}: {self._cure}") from error
        except Exception as error:  # of TensorRT, pycuda or the driver, with no common base
            raise StartupError(
                f"{self.path} was read but does not run ({error}): free memory of the GPU (close other programs, serve"
                " fewer models), or build it with a smaller largest batch"
            ) from error
        LOG.info("%s: %s", self.path.name, self._execution.conditions)
        return self._engine.max_batch, self._engine.input_shape

    def _run(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        logits, reason = self._try(batch, meanwhile)
        if logits is None and self.problem is None:
            logits, reason = self._try(batch, meanwhile)  # on a fresh context
        if logits is None:
            self.problem = f"the engine fails ({reason}); it is tried every {RECOVER_S:g} s, start anew if that stays"
            raise EngineError(reason)
        if self.problem is not None:
            LOG.warning("%s runs again", self.path.name)
            self.problem = None
        return logits

    def _try(self, batch: np.ndarray, meanwhile: Callable[[], None]) -> Tuple[Optional[np.ndarray], str]:
        """The logits, or None and the reason, in which case the execution is freed."""
        try:
            return self._execution_now().run(batch, meanwhile), ""
        except Exception as error:  # of TensorRT, pycuda or the driver, with no common base
            reason = str(error) or repr(error)
        LOG.error("a run of %d images failed: %s", len(batch), reason)
        self._drop()  # not within the handler: the error holds the frames that it came through
        return None, reason

    def _execution_now(self) -> Execution:
        """The one there is, or a fresh one."""
        if self._execution is None:
            assert self._engine is not None and self._cuda is not None
            self._execution = Execution(self._engine, self._cuda, self._graphs)
        return self._execution

    def _drop(self) -> None:
        execution, self._execution = self._execution, None
        if execution is not None:
            execution.close()

    def _recover(self) -> None:
        if self.problem is not None and self._engine is not None:
            try:
                self._run(make_noise(self._engine, 1))
            except EngineError:
                return

    def _profile(self, engine: Engine, batch: np.ndarray, runs: Optional[int], known: Conditions) -> LayerReport:
        execution = self._execution_now()
        assert self._cuda is not None
        return profile_engine(engine, self.card, self._cuda, execution, batch, runs, {**known, **execution.conditions})

    def _free(self) -> None:
        self._drop()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        context, self._cuda = self._cuda, None
        if context is not None:
            context.close()
