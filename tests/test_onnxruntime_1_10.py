"""The shipped files in onnxruntime 1.10 (JetPack 4's Python 3.6 has no newer one)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("onnxruntime_1_10.sh")
PYTHON = os.environ.get("PYTHON_FOR_ONNXRUNTIME_1_10")


@pytest.mark.skipif(
    not PYTHON,
    reason="needs an interpreter of Python 3.6 to 3.9: PYTHON_FOR_ONNXRUNTIME_1_10=python3.9, "
    "or run tests/onnxruntime_1_10.sh python3.9",
)
def test_shipped_files_in_onnxruntime_1_10() -> None:
    done = subprocess.run([SCRIPT, str(PYTHON)], capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
