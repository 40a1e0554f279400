"""The TensorRT adapters without a GPU: compiled against TensorRT's headers, run with stand-ins for the kernels.

TENSORRT_INCLUDE names the folder of NvInfer.h, or several as PATH does; TENSORRT_LIB the folder of libnvinfer, for the
one test that asks TensorRT's own registry. CUDA's headers are looked for in CUDA_HOME and /usr/local/cuda.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
DRIVER = Path(__file__).parent / "adapters"
REGISTRATION = PLUGINS / "tensorrt/registration.cpp"
ADAPTERS = sorted([*PLUGINS.glob("tensorrt/*.cpp"), *PLUGINS.glob("*/plugin.cpp"), *PLUGINS.glob("*/check.cpp")])
CHECKS = [DRIVER / "creators.cpp", DRIVER / "shapes.cpp", DRIVER / "runs.cpp", DRIVER / "maps.cpp"]
CONTRACTS = [PLUGINS / f"{op}/contract.json" for op in ("fwht_layer", "mf_depthwise_conv", "fwht_2d")]
# IPluginV2DynamicExt is deprecated from TensorRT 10 on, and the one interface that 8.2 has, too
FLAGS = ["-std=c++14", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations"]
DEFAULT_INCLUDE = f"/usr/include/{platform.machine()}-linux-gnu"


def is_header(header: Path) -> bool:
    """An empty NvInfer.h is what a container mounts where the host has no TensorRT."""
    return header.is_file() and header.stat().st_size > 0


def header_folders() -> list[Path]:
    named = os.environ.get("TENSORRT_INCLUDE", DEFAULT_INCLUDE).split(os.pathsep)
    return [Path(folder) for folder in named if is_header(Path(folder) / "NvInfer.h")]


def version_of(folder: Path) -> str:
    """ "8.5", whichever way NvInferVersion.h spells it."""
    text = (folder / "NvInferVersion.h").read_text()
    numbers = [
        re.search(rf"#define (?:NV_TENSORRT_{part}|TRT_{part}_ENTERPRISE) (\d+)", text) for part in ("MAJOR", "MINOR")
    ]
    return ".".join(number[1] if number else "?" for number in numbers)


def cuda_include() -> Path:
    for home in (os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"):
        if home and is_header(Path(home) / "include/cuda_runtime_api.h"):
            return Path(home) / "include"
    pytest.skip("needs the CUDA headers: set CUDA_HOME, or install the CUDA toolkit in /usr/local/cuda")


def compiled(sources: list[Path], result: Path, *flags: str) -> Path:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("needs a C++ compiler: apt install g++, or name one in CXX")
    done = subprocess.run([compiler, *FLAGS, *map(str, sources), *flags, "-o", str(result)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return result


FOLDERS = [pytest.param(folder, id=version_of(folder)) for folder in header_folders()] or [
    pytest.param(None, id="no headers")
]


@pytest.fixture(params=FOLDERS)
def headers(request: pytest.FixtureRequest) -> Path:
    """The folder of NvInfer.h, one TensorRT after the other."""
    if not isinstance(request.param, Path):
        pytest.skip("needs TensorRT's headers: set TENSORRT_INCLUDE to the folder of NvInfer.h")
    return request.param


def flags_for(headers: Path) -> list[str]:
    # Named again, a system folder would come before the C++ library's own headers
    is_system = str(headers).startswith("/usr/include")
    return [*([] if is_system else ["-isystem", str(headers)]), "-isystem", str(cuda_include()), "-pthread"]


def output_of(*command: Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120)
    output = done.stdout.decode()
    assert done.returncode == 0 and "FAILED" not in output, output + done.stderr.decode()
    return output


def test_adapters_do_as_tensorrt_expects(headers: Path, tmp_path: Path) -> None:
    fakes = [DRIVER / "main.cpp", DRIVER / "fakes.cpp", DRIVER / "fake_kernels.cpp"]
    adapters = [source for source in ADAPTERS if source != REGISTRATION]
    output = output_of(compiled([*fakes, *CHECKS, *adapters], tmp_path / "driver", *flags_for(headers)))
    written = [name for source in CHECKS for name in re.findall(r"^CHECK_THAT\((\w+)\)", source.read_text(), re.M)]
    assert sorted(re.findall(r"^ok (\w+)$", output, re.M)) == sorted(written)


def test_loading_the_library_registers_its_ops(headers: Path, tmp_path: Path) -> None:
    """In TensorRT's registry where its library is there; otherwise the source is only compiled."""
    flags = flags_for(headers)
    library = [*ADAPTERS, DRIVER / "fake_kernels.cpp"]
    plugin = compiled(library, tmp_path / "libplugin.so", *flags, "-shared", "-fPIC", "-fvisibility=hidden")
    tensorrt = Path(os.environ.get("TENSORRT_LIB", "")) / f"libnvinfer.so.{version_of(headers).split('.')[0]}"
    if not tensorrt.is_file():
        pytest.skip(f"compiled; to see it registered, set TENSORRT_LIB to the folder of {tensorrt.name}")
    linking = [str(tensorrt), "-ldl", f"-Wl,-rpath,{tensorrt.parent}"]
    loader = compiled([DRIVER / "real_registry.cpp"], tmp_path / "loader", *flags, *linking)
    output = output_of(loader, plugin)
    assert re.findall(r"^ok (\w+ \d)$", output, re.M) == [
        "FWHTLayer 1",
        "FWHTLayer 2",
        "FWHTLayer 3",
        "FWHTLayerAdd 1",
        "FWHTLayerAdd 2",
        "FWHTLayerAdd 3",
        "MFDepthwiseConv 1",
        "FWHT2D 1",
    ]


def op_of(contract: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {
        "name": contract["name"],
        "version": version,
        "residual": -1,
        "inputs": [tensor["name"] for tensor in contract["inputs"]],
        "attributes": [attribute_of(a) for a in contract["attributes"] if a.get("since", "1") <= version],
    }


def op_with_residual(contract: dict[str, Any], version: str = "1") -> dict[str, Any]:
    op, residual = op_of(contract, version), contract["with_residual"]
    inputs = [*op["inputs"], residual["input"]["name"]]
    return {**op, "name": residual["name"], "residual": len(contract["inputs"]), "inputs": inputs}


def attribute_of(contract: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": contract["name"],
        "count": 1 if contract["type"] == "int" else contract["length"],
        "required": contract["required"],
        "default": contract.get("default", 0),
        "min": contract.get("min", 0),
        "max": contract.get("max", 0),
        "values": contract.get("values", []),
    }


def test_the_adapters_know_the_ops_as_their_contracts(tmp_path: Path) -> None:
    ops = json.loads(output_of(compiled([DRIVER / "ops.cpp"], tmp_path / "ops")))
    layer, conv, maps = (json.loads(contract.read_text()) for contract in CONTRACTS)
    newer = [make(layer, version) for version in ("2", "3") for make in (op_of, op_with_residual)]
    assert ops == [op_of(layer), op_with_residual(layer), op_of(conv), *newer, op_of(maps)]
    assert {contract["version"] for contract in (layer, conv, maps)} == {"1"}
    assert {contract["namespace"] for contract in (layer, conv, maps)} == {""}
