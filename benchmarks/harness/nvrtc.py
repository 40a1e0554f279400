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


def wheel_folder(package: str) -> Path:
    """Where the wheel nvidia-<package>-cu12 lies."""
    try:
        spec = importlib.util.find_spec(f"nvidia.{package}")
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        wheel = f"nvidia-{package.replace('_', '-')}-cu12"
        raise WheelMissing(f"{wheel} is not installed: pip install '.[kernels]' (Linux on x86-64 and aarch64)")
    return Path(next(iter(spec.submodule_search_locations)))


def library() -> ctypes.CDLL:
    return ctypes.CDLL(str(next(wheel_folder("cuda_nvrtc").glob("lib/libnvrtc.so.*"))))


def text_of(read_size: Callable[..., int], read_text: Callable[..., int], program: ctypes.c_void_p) -> str:
    """Log and PTX are read in the same two steps: the size, then as many bytes."""
    size = ctypes.c_size_t()
    read_size(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    read_text(program, text)
    return text.value.decode()


def ptx(source: str, architecture: int, includes: list[str]) -> str:
    nvrtc = library()
    folders = [*includes, str(wheel_folder("cuda_runtime") / "include")]
    options = [f"--gpu-architecture=compute_{architecture}", "--std=c++14", *(f"-I{folder}" for folder in folders)]
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
    arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    if nvrtc.nvrtcCompileProgram(program, len(options), arguments) != 0:
        raise SystemExit(text_of(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program))
    return text_of(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)


if __name__ == "__main__":
    print(ptx(sys.stdin.read(), int(sys.argv[1]), sys.argv[2:]))
