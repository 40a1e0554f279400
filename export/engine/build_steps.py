"""What the processes of `make engine` do that touch TensorRT and the GPU; the one that was started touches neither."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional

from export.engine.builder import (
    Batch,
    Report,
    add_profile,
    build_plan,
    make_builder,
    make_config,
    make_progress_monitor,
    read_timing_cache,
    use_timing_cache,
)
from export.engine.network import BuildError, find_plugin_nodes, parse_network, require_plugins
from export.engine.onnx_wire import read_metadata, read_nodes
from server.backends import cuda
from server.backends.engine_card import EngineCard, Machine, engine_name, file_sha256
from server.backends.tensorrt_engine import Engine
from server.backends.tensorrt_layers import make_card_layers
from server.backends.tensorrt_library import current_machine, load_plugin
from server.files import write_atomically
from server.profiling.board import read_board_facts

MIB = 1 << 20
WORKSPACES = ((2.5, 128), (4.5, 256), (8.5, 512))  # GiB of memory at most, MiB of workspace; a Nano shows 3.86 GiB
LARGEST_WORKSPACE = 1024
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildRequest:
    """What to build. onnx: the file, of the hash `onnx_sha256`. plugin: the library. workspace: in MiB, None for as
    much as suits the board. timing_caches: their folder. folder: where the engine goes."""

    onnx: Path
    onnx_sha256: str
    precision: str
    batch: Batch
    plugin: Path
    timing_caches: Path
    folder: Path
    workspace: Optional[int] = None
    verbose: bool = False


def identify_machine(plugin: Path, report: Report) -> Machine:
    """What engines of this machine are built for. Raises StartupError: no TensorRT, no pycuda, no GPU, no plugin."""
    report("looking for TensorRT and the GPU")
    return current_machine(plugin)


def build_engine(request: BuildRequest, report: Report) -> EngineCard:
    """Write the engine into the request's folder; return its card, with no parity yet.

    Raises StartupError, BuildError (OutOfMemoryError among them), OSError: the disk is full.
    """
    logging.basicConfig(level=logging.DEBUG if request.verbose else logging.WARNING, format="%(message)s")
    started, moment = time.monotonic(), datetime.now(timezone.utc)
    onnx = request.onnx.read_bytes()
    if hashlib.sha256(onnx).hexdigest() != request.onnx_sha256:
        raise BuildError(f"{request.onnx} was changed while the engine was about to be built: start again")
    machine, board = current_machine(request.plugin), read_board_facts()
    workspace = request.workspace or choose_workspace(board.get("memory_bytes"))
    cache = request.timing_caches / timing_cache_name(machine)
    context = cuda.Context()
    try:
        load_plugin(request.plugin)
        plan = build_plan_from_onnx(request, onnx, workspace * MIB, cache, report)
        layers = read_engine_layers(plan, onnx)
    finally:
        context.close()
    path = request.folder / engine_name(request.onnx.stem, request.precision, request.onnx_sha256)
    path.write_bytes(plan)
    return EngineCard(
        name=request.onnx.stem,
        precision=request.precision,
        engine=path.name,
        engine_sha256=file_sha256(path),
        onnx_sha256=request.onnx_sha256,
        plugin_sha256=machine.plugin_sha256,
        tensorrt=machine.tensorrt,
        cuda=cuda.cuda_version(),
        gpu=machine.gpu,
        compute_capability=machine.compute_capability,
        multiprocessors=machine.multiprocessors,
        board=machine.board,
        profile=dict(zip(("min", "opt", "max"), request.batch)),
        metadata=read_metadata(onnx),
        layers=layers,
        parity={},
        built={
            "started": moment.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
            "workspace_mib": workspace,
            **board,
        },
    )


def build_plan_from_onnx(request: BuildRequest, onnx: bytes, workspace: int, cache: Path, report: Report) -> bytes:
    """The engine. What TensorRT measured is kept in the file `cache`."""
    builder = make_builder()
    half = request.precision == "fp16"
    report("reading the ONNX file")
    network = parse_network(builder, onnx, half)
    config = make_config(builder, half, workspace, tf32=half)  # TF32 rounds as float16 does
    add_profile(builder, config, network, request.batch)
    use_timing_cache(config, cache.read_bytes() if cache.is_file() else b"")
    monitor = make_progress_monitor(report)
    if monitor is not None:
        config.progress_monitor = monitor
    report("building")
    plan = build_plan(builder, network, config)
    try:
        write_atomically(cache, read_timing_cache(config))
    except OSError as error:
        LOG.warning("the timings were not kept, the next build takes as long (%s)", error)
    return plan


def read_engine_layers(plan: bytes, onnx: bytes) -> List[Dict[str, Any]]:
    """Of the finished engine. Raises BuildError where a custom node is not a plugin layer in it."""
    engine = Engine(plan)
    inspected = engine.inspect_layers()
    engine.close()
    graph = read_nodes(onnx)
    require_plugins(graph, find_plugin_nodes(inspected, graph))
    return make_card_layers(inspected, {node.name: node.op_type for node in graph})


def choose_workspace(memory: Optional[int]) -> int:
    """MiB, by the bytes of memory that GPU and CPU share on a board."""
    for gib, mib in WORKSPACES:
        if memory is not None and memory <= gib * 1024 * MIB:
            return mib
    return LARGEST_WORKSPACE


def timing_cache_name(machine: Machine) -> str:
    """One cache per TensorRT and GPU: timings of another are worth nothing here. All Orins have one name, and differ
    in their multiprocessors."""
    gpu = re.sub(r"[^A-Za-z0-9]+", "-", machine.gpu).strip("-")
    architecture = f"sm{machine.compute_capability.replace('.', '')}x{machine.multiprocessors}"
    return f"tensorrt-{machine.tensorrt}-{gpu}-{architecture}.timings"
