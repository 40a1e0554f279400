"""Why there is no engine, in words, and the cure of each."""

from __future__ import annotations

import errno
import signal

from export.engine.builder import OUT_OF_MEMORY, OutOfMemoryError
from export.engine.network import BuildError
from export.engine.parity import GoldenError
from export.engine.parity_verdict import ParityError
from export.engine.process import ProcessDied, ProcessFailed
from server.errors import StartupError

EXPECTED = (StartupError, BuildError, ParityError, GoldenError, OSError)  # of the processes that build and prove
FAILURES = (*EXPECTED, ProcessDied, ProcessFailed, MemoryError, ValueError)

MORE_MEMORY = (
    "close other programs, on a Jetson the desktop, too (sudo systemctl isolate multi-user.target), add 4 GB of swap"
    " (docs/engine.md), or ask for less: ARGS='--workspace 128 --batch 1,1,4'"
)


def explain(error: BaseException) -> str:
    """What is wrong, and the cure."""
    if isinstance(error, ProcessDied):
        return _explain_death(error)
    if _is_lack_of_memory(error):
        return f"there was not enough memory ({str(error) or 'none was left for Python'}): {MORE_MEMORY}"
    if isinstance(error, ParityError):
        return (
            f"{error}. It was thrown away. Build the plugin again with `make plugin`; where that does not help, try"
            " PRECISION=fp32, and report it with the lines above"
        )
    if isinstance(error, ProcessFailed):
        return f"the build failed ({error}; where, is said above)"
    if isinstance(error, OSError):
        return _explain_os_error(error)
    return str(error)


def _is_lack_of_memory(error: BaseException) -> bool:
    failed = isinstance(error, ProcessFailed) and OUT_OF_MEMORY.search(str(error)) is not None
    return failed or isinstance(error, (OutOfMemoryError, MemoryError))


def _explain_death(error: ProcessDied) -> str:
    if error.status == -signal.SIGKILL:
        return f"the build was killed, as Linux does where memory runs out (`dmesg` says so): {MORE_MEMORY}"
    return (
        f"the build crashed ({error}): most often the plugin and TensorRT do not go together, build it again with"
        " `make plugin`; ARGS=--verbose shows how far it came"
    )


def _explain_os_error(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room for the engine ({error}): free some on that disk, or use another: ARGS='--out FOLDER'"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no file can be written there ({error}): sudo chown -R $USER build, or ARGS='--out FOLDER'"
    return str(error)
