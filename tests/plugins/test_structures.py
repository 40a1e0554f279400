"""The structures that Python hands to the kernels are those of the C++ headers, field by field."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.harness.cpu_library import FwhtBottleneckParams
from export.ops.native_structures import (
    Fwht2dParams,
    Fwht2dTrainingParams,
    FwhtLayerGradientsParams,
    FwhtLayerParams,
    MfDepthwiseConvParams,
)

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
HEADERS = {
    FwhtLayerParams: "fwht_layer/params.h",
    FwhtLayerGradientsParams: "fwht_layer/cpu_gradients.h",
    MfDepthwiseConvParams: "mf_depthwise_conv/params.h",
    Fwht2dParams: "fwht_2d/params.h",
    Fwht2dTrainingParams: "fwht_2d/cpu_training.h",
    FwhtBottleneckParams: "fwht_bottleneck/params.h",
}


@pytest.mark.parametrize("structure", HEADERS, ids=lambda structure: structure.__name__)
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_offsets_and_size(structure: type[ctypes.Structure], tmp_path: Path) -> None:
    fields = [(field[0], getattr(structure, field[0]).offset) for field in structure._fields_]
    name = f"fwht::{structure.__name__}"
    lines = [
        f'#include "{HEADERS[structure]}"',
        "#include <cstddef>",
        f'static_assert(sizeof({name}) == {ctypes.sizeof(structure)}, "the size");',
        *(f'static_assert(offsetof({name}, {field}) == {offset}, "{field}");' for field, offset in fields),
    ]
    source = tmp_path / "offsets.cpp"
    source.write_text("\n".join(lines) + "\n")
    command = ["g++", "-std=c++14", "-fsyntax-only", f"-I{PLUGINS}", str(source)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
