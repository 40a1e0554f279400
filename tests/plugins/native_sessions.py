"""Sessions of ONNX Runtime with the library of CPU kernels, or without it."""

from __future__ import annotations

from typing import Any

import onnxruntime

from tests.plugins.native import build_library


def make_session(model: bytes, native: bool = True, threads: int = 2, profile: str = "") -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if native:
        options.register_custom_ops_library(str(build_library()))
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
