"""The real server, in a process of its own, on the stand-in for GPU and TensorRT.

    python -m tests.server.support.fake_gpu_server FOLDER STYLE [SERVER'S FLAGS]

FOLDER takes the place of build/; each ONNX file in it gets an engine. At exit it says what was left on the GPU.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from server.__main__ import main
from server.models import model_files


def report_leaks(gpu: FakeGpu) -> None:
    if +gpu.cuda.live:
        print(f"left on the GPU: {+gpu.cuda.live}", file=sys.stderr)


if __name__ == "__main__":
    folder, style, *flags = sys.argv[1:]
    gpu = FakeGpu(Path(folder), style)
    gpu.install(pytest.MonkeyPatch())
    for path in sorted(Path(folder).glob("*.onnx")):
        gpu.build(path)
    model_files.FOLDERS = (Path(folder),)
    atexit.register(report_leaks, gpu)  # before the backends': it then runs after theirs
    sys.exit(main(flags))
