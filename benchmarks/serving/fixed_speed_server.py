"""A server whose engine takes a given time a batch:
python -m benchmarks.serving.fixed_speed_server WAY MILLISECONDS [SERVER'S FLAGS]

For measuring what the server adds to an engine of a known speed, on any machine. The call of the engine itself is
stretched, in the thread that makes it: it is run, and then sleeps until the time is over. WAY is

    tensorrt     the engine as it is, on a GPU
    stand-in     the TensorRT backend, with its thread, buffers and queue, on the tests' stand-in for GPU and TensorRT
    onnxruntime  the ONNX Runtime backend

In the last two each image is computed once, by ONNX Runtime, and its logits are remembered: later the call only sleeps,
as the CPU does while a GPU computes. So the labels are right, and an image given to another request would show.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

import numpy as np

from server.__main__ import main
from server.backends.backend import noop

WAYS = ("tensorrt", "stand-in", "onnxruntime")


def stretch_call(function: Callable[..., np.ndarray], seconds: float) -> Callable[..., np.ndarray]:
    """The same, but not over before `seconds`."""

    @functools.wraps(function)
    def slow(*arguments: Any) -> np.ndarray:
        end = time.perf_counter() + seconds
        result = function(*arguments)
        time.sleep(max(0.0, end - time.perf_counter()))
        return result

    return slow


class LogitsCache:
    """The logits of images, each computed once."""

    def __init__(self, compute: Callable[..., np.ndarray]) -> None:
        self._compute = compute
        self._known: Dict[int, np.ndarray] = {}

    def __call__(self, owner: Any, images: np.ndarray) -> np.ndarray:
        keys = [hash(image.tobytes()) for image in images]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            self._known.update(zip((keys[i] for i in new), self._compute(owner, images[new])))
        return np.stack([self._known[key] for key in keys])


def slow_backends_down(way: str, milliseconds: float, models: Sequence[Path] = ()) -> None:
    """Change this process's backends. models: ONNX files, of which the stand-in gets engines; their names must be
    served."""
    seconds = milliseconds / 1000
    if way == "onnxruntime":
        from server.backends.onnxruntime_backend import OnnxRuntimeBackend

        remembered = LogitsCache(OnnxRuntimeBackend.infer)

        def infer(backend: Any, images: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
            meanwhile()
            return remembered(backend, images)

        OnnxRuntimeBackend.infer = stretch_call(infer, seconds)  # type: ignore[method-assign]
        return
    if way == "stand-in":
        install_stand_in(models)
    from server.backends.tensorrt_execution import Execution

    Execution.run = stretch_call(Execution.run, seconds)  # type: ignore[method-assign]


def install_stand_in(models: Sequence[Path]) -> None:
    import pytest

    from benchmarks.harness.fake_engine_file import run_onnx
    from benchmarks.harness.fake_gpu import FakeGpu
    from server.models import model_files

    folder = Path(tempfile.mkdtemp(prefix="stand-in-"))
    gpu = FakeGpu(folder, compute=LogitsCache(run_onnx))
    gpu.install(pytest.MonkeyPatch())
    for path in models:
        gpu.build(path)
    model_files.FOLDERS = (folder, *model_files.FOLDERS)


if __name__ == "__main__":
    way, milliseconds, name, *flags = sys.argv[1:]
    slow_backends_down(way, float(milliseconds), [Path("models") / f"{name}.onnx"])
    sys.exit(main([*flags, "--models", name]))
