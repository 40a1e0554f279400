"""What is said of each error, and its cure."""

from __future__ import annotations

import errno
import re

import pytest

from export.engine.failures import explain
from export.engine.process import ProcessFailed


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room for the engine"),
        (PermissionError(errno.EACCES, "Permission denied"), "chown"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.onnx"), "No such file"),
        (MemoryError(), "not enough memory .none was left for Python"),
        (ProcessFailed("MemoryError: cuMemAlloc failed: out of memory"), "not enough memory"),
        (ProcessFailed("KeyError: 'x'"), "the build failed"),
    ],
)
def test_explanations(error: Exception, words: str) -> None:
    assert re.search(words, explain(error))
