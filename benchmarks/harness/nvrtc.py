"""CUDA source to PTX with NVRTC:
python -m benchmarks.harness.nvrtc ARCHITECTURE [INCLUDE_FOLDER...] <source.cu >source.ptx

NVRTC comes in a pip wheel (extra `kernels`) and needs neither a GPU nor a CUDA toolkit. A command of its own, since it
compiles one source at a time in a process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Callable


class WheelMissing(RuntimeError):
    """A wheel of the extra `kernels` is not installed."""


def find_wheel(package: str) -> Path:
    """Where the wheel nvidia-<package>-cu12 lies."""
    try:
        spec = importlib.util.find_spec(f"nvidia.{package}")
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        wheel = f"nvidia-{package.replace('_', '-')}-cu12"
        raise WheelMissing(f"{wheel} is not installed: pip install '.[kernels]' (Linux on x86-64 and aarch64)")
    return Path(next(iter(spec.submodule_search_locations)))


def load_library() -> ctypes.CDLL:
    return ctypes.CDLL(str(next(find_wheel("cuda_nvrtc").glob("lib/libnvrtc.so.*"))))


def read_output(read_size: Callable[..., int], read_text: Callable[..., int], program: ctypes.c_void_p) -> str:
    """Log and PTX are read in the same two steps: the size, then as many bytes."""
    size = ctypes.c_size_t()
    read_size(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    read_text(program, text)
    return text.value.decode()


def compile_to_ptx(source: str, architecture: int, includes: list[str]) -> str:
    nvrtc = load_library()
    folders = [*includes, str(find_wheel("cuda_runtime") / "include")]
    options = [f"--gpu-architecture=compute_{architecture}", "--std=c++14", *(f"-I{folder}" for folder in folders)]
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
    arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    if nvrtc.nvrtcCompileProgram(program, len(options), arguments) != 0:
        raise SystemExit(read_output(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program))
    return read_output(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)


if __name__ == "__main__":
    print(compile_to_ptx(sys.stdin.read(), int(sys.argv[1]), sys.argv[2:]))
