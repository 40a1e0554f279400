"""The ops as native CPU kernels: plugins/onnxruntime/, built by `make native`, registered with ONNX Runtime.

An ONNX file runs without them: each op carries a function body of standard ops, which is slower. The library is used
where it is whole, was built for this machine, and gives the stored answers of its self-check; else the reason is told,
with the cure, and nothing stops.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Optional, Set, Tuple

from ..errors import StartupError
from .backend import OPS
from .engine_card import file_sha256

LOG = logging.getLogger("server.native")
ROOT = Path(__file__).resolve().parents[2]
NAME = "libfwht_onnxruntime.so"
CARD_SUFFIX = ".json"  # beside it, in place of .so: what it was built from, and its hash
AGAIN = "build it again on this machine with `make native`"
FOLDERS: Tuple[Path, ...] = (ROOT / "build", ROOT / "native")  # what `make native` made; what an image holds
VARIABLE = "FWHT_NATIVE"
MODES = ("auto", "off", "required")
ABI = 4  # kFwhtNativeAbi of plugins/cpu/c_interface.h
OLDEST_RUNTIME = (1, 17)
FUNCTION_BODY = "function body"
# How a node's op type stands in an ONNX file: field 4 of NodeProto, a string of that length.
NODES = tuple(b"\x22" + bytes([len(op)]) + op.encode() for op in OPS)


class NativeError(Exception):
    """Why the native kernels are not used, and the cure."""


class NativeKernels(NamedTuple):
    """A library that passed its self-check. instruction_set: of its kernels in this process, "avx2"."""

    path: Path
    instruction_set: str


def read_mode() -> str:
    """FWHT_NATIVE, or its default. Raises StartupError for another value."""
    mode = os.environ.get(VARIABLE, MODES[0])
    if mode not in MODES:
        raise StartupError(f"{VARIABLE} is {mode!r}: it must be one of {', '.join(MODES)}")
    return mode


def has_native_ops(onnx: bytes) -> bool:
    """Whether an ONNX file has a node that the library has a kernel for."""
    return any(node in onnx for node in NODES)


def choose_kernels(mode: str, runtime: str) -> Optional[NativeKernels]:
    """The kernels for a session of ONNX Runtime `runtime`, None where the ops run as function bodies.

    Raises StartupError where they are required and cannot be used.
    """
    if mode == "off":
        return None
    try:
        check_runtime(runtime)
        return load_kernels()
    except (NativeError, OSError) as error:
        require_kernels(mode, error)
        warn_once(f"the ops run as function bodies, which are slower: {error}")
        return None


def load_kernels() -> NativeKernels:
    """Those of the library that is there. Raises NativeError or OSError where they cannot be used."""
    path = find_library()
    found = path.stat()
    return load_library(path, (found.st_ino, found.st_size, found.st_mtime_ns))


def require_kernels(mode: str, error: Exception) -> None:
    """Raise StartupError where the kernels that `error` keeps away are required."""
    if mode == "required":
        raise StartupError(f"{VARIABLE} is 'required', but {error}") from error


def check_runtime(version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if numbers < OLDEST_RUNTIME:
        oldest = ".".join(map(str, OLDEST_RUNTIME))
        raise NativeError(
            f"the native kernels need ONNX Runtime {oldest} or later, this is {version}: install a newer one"
        )


def find_library() -> Path:
    for folder in FOLDERS:
        if (folder / NAME).is_file():
            return folder / NAME
    raise NativeError(f"there is no {FOLDERS[0].name}/{NAME}: build it with `make native`, which needs a C++ compiler")


def check_card(path: Path) -> None:
    """Raise NativeError unless the file is whole: to load half a library would end the process."""
    card = path.with_suffix(CARD_SUFFIX)
    try:
        wanted = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NativeError(f"{path} has no card that can be read ({card.name}: {error}): {AGAIN}") from error
    if file_sha256(path) != wanted:
        raise NativeError(f"{path} is not the file that its card {card.name} describes: {AGAIN}")


@lru_cache(maxsize=4)
def load_library(path: Path, stamp: Tuple[int, int, int]) -> NativeKernels:
    """Load the library and check it; once for each state of the file, which `stamp` tells. A process that
    holds an older state goes on with that.

    Raises NativeError where it is damaged, of another machine or version, or computes something else.
    """
    check_card(path)
    try:
        library = ctypes.CDLL(str(path))
        functions = {name: getattr(library, f"fwht_native_{name}") for name in ("abi", "self_check", "refusal")}
        instruction_set = library.fwht_native_instruction_set
    except (OSError, AttributeError) as error:
        raise NativeError(f"{path} cannot be loaded ({error}): {AGAIN}") from error
    for function in (functions["self_check"], functions["refusal"], instruction_set):
        function.restype = ctypes.c_char_p
    if functions["abi"]() != ABI:
        raise NativeError(f"{path} has version {functions['abi']()} of its interface, this server knows {ABI}: {AGAIN}")
    wrong = functions["refusal"]() or functions["self_check"]()
    if wrong:
        raise NativeError(f"{path}: {wrong.decode(errors='replace')}")
    return NativeKernels(path, instruction_set().decode("ascii"))


_WARNED: Set[str] = set()


def warn_once(text: str) -> None:
    """Models are loaded one after the other, and each would say the same."""
    if text not in _WARNED:
        _WARNED.add(text)
        LOG.warning("%s", text)
