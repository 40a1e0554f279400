"""Why there is no engine, in words, and the cure of each."""

from __future__ import annotations

import errno
import signal

from export.engine.build import OUT_OF_MEMORY, NoMemory
from export.engine.network import BuildError
from export.engine.parity import GoldenError
from export.engine.parity_verdict import ParityError
from export.engine.process import Died, Failed
from server.errors import StartupError

EXPECTED = (StartupError, BuildError, ParityError, GoldenError, OSError)  # of the processes that build and prove
FAILURES = (*EXPECTED, Died, Failed, MemoryError, ValueError)

MORE_MEMORY = (
    "close other programs, on a Jetson the desktop, too (sudo systemctl isolate multi-user.target), add 4 GB of swap"
    " (docs/engine.md), or ask for less: ARGS='--workspace 128 --batch 1,1,4'"
)


def explained(error: BaseException) -> str:
    """What is wrong, and how to mend it."""
    if isinstance(error, Died):
        return _died(error)
    if isinstance(error, (NoMemory, MemoryError)) or (isinstance(error, Failed) and OUT_OF_MEMORY.search(str(error))):
        return f"there was not enough memory ({str(error) or 'none was left for Python'}): {MORE_MEMORY}"
    if isinstance(error, ParityError):
        return (
            f"{error}. It was thrown away. Build the plugin again with `make plugin`; where that does not help, try"
            " PRECISION=fp32, and report it with the lines above"
        )
    if isinstance(error, Failed):
        return f"the build failed ({error}; where, is said above)"
    if isinstance(error, OSError):
        return _of_the_system(error)
    return str(error)


def _died(error: Died) -> str:
    if error.status == -signal.SIGKILL:
        return f"the build was killed, as Linux does where memory runs out (`dmesg` says so): {MORE_MEMORY}"
    return (
        f"the build crashed ({error}): most often the plugin and TensorRT do not go together, build it again with"
        " `make plugin`; ARGS=--verbose shows how far it came"
    )


def _of_the_system(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room for the engine ({error}): free some on that disk, or use another: ARGS='--out FOLDER'"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no file can be written there ({error}): sudo chown -R $USER build, or ARGS='--out FOLDER'"
    return str(error)
