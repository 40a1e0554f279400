"""The library in other ONNX Runtimes: FWHT_ONNXRUNTIMES names a folder with one installation in each sub folder
(without it the installed one is run),

pip install --no-deps --target FOLDER/1.17.3 onnxruntime==1.17.3 'numpy<2'
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.plugins.native import ROOT, build_library

FOLDER = Path(os.environ.get("FWHT_ONNXRUNTIMES", "/nonexistent"))
INSTALLED = metadata.version("onnxruntime")
VERSIONS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) if FOLDER.is_dir() else [INSTALLED]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[2])
x = numpy.random.default_rng(0).normal(0, 1, (3, 3, 32, 32)).astype(numpy.float32)
sides = [onnxruntime.InferenceSession(sys.argv[3], each, providers=["CPUExecutionProvider"]).run(None, {"image": x})[0]
         for each in (options, onnxruntime.SessionOptions())]
print(onnxruntime.__version__, numpy.abs(sides[0] - sides[1]).max())
"""


@pytest.mark.parametrize("model", ["fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_version(version: str, model: str, tmp_path: Path) -> None:
    arguments = [str(FOLDER / version), str(build_library()), str(ROOT / "models" / f"{model}.onnx")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    if tuple(map(int, version.split(".")[:2])) < (1, 17):
        assert "need ONNX Runtime 1.17 or newer" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    found, difference = done.stdout.split()
    assert found == version and float(difference) < 1e-5
