"""Compile the kernels for every board, list what ptxas says of them:
python -m benchmarks.harness.kernel_figures [--markdown]

Registers, stack, spills and shared memory need no GPU. Writes build/bench/kernel_figures.json; --markdown prints the
table for a document. Figures of unchanged sources are read, not compiled again: figures_cache.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Callable, NamedTuple

from benchmarks.harness.cuda_compilers import ROOT, Compiler, CompilerMissing, Nvcc, Wheels
from benchmarks.harness.figures_cache import Key, find_cache, hash_sources, hold_lock, keep, read_stored
from benchmarks.harness.markdown import make_table
from benchmarks.harness.result_files import write_json

RESULT = ROOT / "build" / "bench" / "kernel_figures.json"


class Limits(NamedTuple):
    board: str
    registers: int  # of a block
    shared_bytes: int  # of a block; above 48 KiB it has to be asked for


LIMITS = {
    53: Limits("Nano, TX1", 32 * 1024, 48 * 1024),
    62: Limits("TX2", 32 * 1024, 48 * 1024),
    72: Limits("Xavier", 64 * 1024, 96 * 1024),
    87: Limits("Orin", 64 * 1024, 163 * 1024),
    90: Limits("H100, H200", 64 * 1024, 227 * 1024),
    110: Limits("Thor", 64 * 1024, 227 * 1024),
}

# The kernels' sources ask for nothing between these pairs; compiling to PTX takes longer than assembling it.
SAME_PTX = {62: 53, 110: 90}

# Every instance of each op's list, and in PTX, as the value of a variable with the same template arguments, the shared
# memory that a launch asks for besides what the kernel declares itself.
SOURCES = {
    "FWHTLayer": """
        #include "fwht_layer/kernel.cuh"
        #include "fwht_layer/tiles.h"
        #include "fwht_layer/window_kernel.cuh"
        namespace fwht {
        template <typename T> extern __device__ const int shared_bytes = T::kSharedBytes;
        #define INSTANTIATE(...)                                                           \\
            template __global__ void fwht_layer_kernel<__VA_ARGS__>(const FwhtLayerParams); \\
            template __device__ const int shared_bytes<__VA_ARGS__>;
        #define INSTANCE(...) INSTANTIATE(FWHT_LAYER_TILE(__VA_ARGS__))
        FWHT_LAYER_INSTANCES(INSTANCE)
        #define INSTANTIATE_PATHS(...)                                                           \\
            template __global__ void fwht_layer_paths_kernel<__VA_ARGS__>(const FwhtLayerParams);
        #define PATHS(...) INSTANTIATE_PATHS(FWHT_LAYER_TILE(__VA_ARGS__))
        FWHT_LAYER_PATHS_INSTANCES(PATHS)
        #define INSTANTIATE_WINDOWS(...)                                                           \\
            template __global__ void fwht_layer_windows_kernel<__VA_ARGS__>(const FwhtLayerParams);
        #define WINDOWS(...) INSTANTIATE_WINDOWS(FWHT_LAYER_TILE(__VA_ARGS__))
        FWHT_LAYER_PATHS_INSTANCES(WINDOWS)
        }
    """,
    "FWHT2D": """
        #include "fwht_2d/kernel.cuh"
        namespace fwht {
        #define MAPS(...) template __global__ void fwht_2d_kernel<MapTile<__VA_ARGS__>>(const Fwht2dParams);
        FWHT_2D_INSTANCES(MAPS)
        }
    """,
    "MFDepthwiseConv": """
        #include "mf_depthwise_conv/kernel.cuh"
        #include "mf_depthwise_conv/compiled_kernels.h"
        namespace fwht {
        #define NCHW(type, size, op, rows) \\
            template __global__ void mf_depthwise_conv_nchw<type, size, op, rows>(MfDepthwiseConvParams, MfTasks);
        #define HWC8(type, size, op, columns) \\
            template __global__ void mf_depthwise_conv_hwc8<size, op, columns>(MfDepthwiseConvParams, MfTasks);
        FWHT_MF_NCHW_INSTANCES(NCHW)
        FWHT_MF_HWC8_INSTANCES(HWC8)
        }
    """,
}


@dataclass(frozen=True)
class Figures:
    """One kernel, compiled for one architecture."""

    op: str
    kernel: str
    compiler: str
    architecture: int
    threads: int  # of __launch_bounds__, 0 without
    registers: int  # of a thread
    stack_bytes: int
    spill_bytes: int
    static_shared_bytes: int
    dynamic_shared_bytes: int

    @property
    def block_registers(self) -> int:
        """The hardware hands them out to warps in multiples of eight a thread."""
        return self.threads * -(-self.registers // 8) * 8

    @property
    def shared_bytes(self) -> int:
        return self.static_shared_bytes + self.dynamic_shared_bytes

    @property
    def launchable(self) -> bool:
        """The launch passes over a kernel whose shared memory the device does not have."""
        return self.shared_bytes <= LIMITS[self.architecture].shared_bytes


def sum_numbers(pattern: str, text: str) -> int:
    return sum(map(int, re.findall(pattern, text)))


def find_template_arguments(name: str) -> str:
    """The I...E part of a mangled name: equal for a kernel and a variable over the same type."""
    return re.sub(r"^_ZN4fwht\d+[a-z_0-9]+?I(.*?)EE(?:v.*)?$", r"\1", name)


def parse_report(op: str, compiler: str, architecture: int, ptx: str, report: str) -> list[Figures]:
    threads = {
        name: int(bounds)
        for name, head in re.findall(r"\.entry (\w+)\((.*?)\{", ptx, re.DOTALL)
        for bounds in re.findall(r"\.maxntid (\d+)", head)
    }
    variables = re.findall(r"\.u32 (_ZN4fwht12shared_bytes\w+) = (\d+);", ptx)
    dynamic = {find_template_arguments(name): int(value) for name, value in variables}
    return [
        Figures(
            op=op,
            kernel=name,
            compiler=compiler,
            architecture=architecture,
            threads=threads.get(name, 0),
            registers=sum_numbers(r"Used (\d+) registers", text),
            stack_bytes=sum_numbers(r"(\d+) bytes stack frame", text),
            spill_bytes=sum_numbers(r"(\d+) bytes spill", text),
            static_shared_bytes=sum_numbers(r"(\d+) bytes smem", text),
            dynamic_shared_bytes=dynamic.get(find_template_arguments(name), 0),
        )
        for name, text in re.findall(r"entry function '(\w+)'(.*?)(?=Compiling entry|\Z)", report, re.DOTALL)
    ]


def measure_kernels(compiler: Compiler, op: str, architecture: int, fresh: bool = False) -> list[Figures]:
    """Compiled once for one content of the sources, by whichever process asks first; `fresh`: whatever is stored."""
    key = Key(op, compiler.name, architecture, hash_sources(SOURCES[op]))
    stored = None if fresh else read_stored(key)
    if stored is not None:
        return [Figures(**kernel) for kernel in stored]
    path = find_cache(key)
    with hold_lock(path):
        if path.exists():
            return [Figures(**kernel) for kernel in json.loads(path.read_text())]
        ptx = compiler.compile_to_ptx(SOURCES[op], SAME_PTX.get(architecture, architecture))
        figures = parse_report(op, compiler.name, architecture, ptx, compiler.report_usage(ptx, architecture))
        if key.sources == hash_sources(SOURCES[op]):  # else a source was edited meanwhile
            keep(path, [asdict(kernel) for kernel in figures])
        return figures


def measure_all_kernels(
    compiler: Compiler, architectures: Collection[int] = tuple(LIMITS), fresh: bool = False
) -> list[Figures]:
    """Every op for those `architectures` that the compiler knows; two or more at once."""
    jobs = [
        (op, architecture) for architecture in architectures if architecture in compiler.architectures for op in SOURCES
    ]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        parts = pool.map(lambda job: measure_kernels(compiler, job[0], job[1], fresh), jobs)
        return [kernel for part in parts for kernel in part]


def demangle(names: list[str]) -> list[str]:
    """fwht_layer_kernel<float, 0, 32, 32, 8, 1> for a mangled name; the name itself where c++filt is not there."""
    if shutil.which("c++filt") is None:
        return names
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return [re.sub(r"fwht::|^void |\([\w:, ]+\)|(?:Map)?Tile<|(?<=>) >", "", name) for name in text.splitlines()]


HEAD = ("compiler", "sm", "kernel", "threads", "registers", "x threads", "stack", "spills", "shared")


def make_rows(figures: list[Figures]) -> list[tuple[str, ...]]:
    rows = [
        (k.compiler, k.architecture, name, k.threads, k.registers, k.block_registers, k.stack_bytes, k.spill_bytes)
        + (k.shared_bytes,)
        for k, name in zip(figures, demangle([kernel.kernel for kernel in figures]))
    ]
    return [tuple(map(str, row)) for row in rows]


def format_columns(figures: list[Figures]) -> str:
    rows = [HEAD, *make_rows(figures)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def measure_with(compiler: Callable[[], Compiler]) -> list[Figures]:
    try:
        return measure_all_kernels(compiler())
    except CompilerMissing as missing:
        print(f"left out: {missing}", file=sys.stderr)
        return []


def main() -> int:
    figures = [*measure_with(Wheels), *measure_with(Nvcc)]
    write_json(RESULT, [asdict(kernel) for kernel in figures])
    print(make_table(HEAD, make_rows(figures)) if "--markdown" in sys.argv[1:] else format_columns(figures))
    return 0 if figures else 1


if __name__ == "__main__":
    sys.exit(main())
