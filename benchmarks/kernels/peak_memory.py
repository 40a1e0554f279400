"""The memory that a session needs, in a process that does nothing else:
python -m benchmarks.kernels.peak_memory MODEL N,C,H,W THREADS [LIBRARY]

Prints the most resident bytes so far, read after 20 runs (Linux: VmHWM). NumPy and ONNX Runtime alone are imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime

RUNS = 20


def read_peak() -> int:
    """Bytes. Raises OSError where there is no /proc."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM: this needs Linux")


def main() -> None:
    model, shape, threads, *library = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    if library:
        options.register_custom_ops_library(library[0])
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    x = np.ones([int(extent) for extent in shape.split(",")], np.float32)
    for _ in range(RUNS):
        session.run(None, {"x": x})
    print(read_peak())


if __name__ == "__main__":
    main()
