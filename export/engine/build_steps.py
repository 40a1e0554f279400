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

from export.engine.build import (
    Batch,
    Report,
    add_profile,
    configured,
    new_builder,
    serialised,
    timings,
    use_timings,
    watched,
)
from export.engine.network import BuildError, parsed, plugin_names, require_plugins
from export.engine.onnx_wire import metadata, nodes
from server.backends import cuda
from server.backends.engine_card import EngineCard, Machine, engine_name, file_sha256
from server.backends.tensorrt_engine import Engine, current_machine, load_plugin
from server.backends.tensorrt_layers import make_card_layers
from server.files import write_atomically
from server.profiling.board import read_board_facts

MIB = 1 << 20
WORKSPACES = ((2.5, 128), (4.5, 256), (8.5, 512))  # GiB of memory at most, MiB of workspace; a Nano shows 3.86 GiB
LARGEST_WORKSPACE = 1024
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What to build. onnx: the file, of the hash `onnx_sha256`. plugin: the library. workspace: in MiB, None for as
    much as the board bears. timings: folder of the timing caches. folder: where the engine goes."""

    onnx: Path
    onnx_sha256: str
    precision: str
    batch: Batch
    plugin: Path
    timings: Path
    folder: Path
    workspace: Optional[int] = None
    verbose: bool = False


def survey(plugin: Path, report: Report) -> Machine:
    """What engines of this machine are built for. Raises StartupError: no TensorRT, no pycuda, no GPU, no plugin."""
    report("looking for TensorRT and the GPU")
    return current_machine(plugin)


def build(order: Order, report: Report) -> EngineCard:
    """Write the engine into the order's folder; return its card, with no parity yet.

    Raises StartupError, BuildError (NoMemory among them), OSError: the disk is full.
    """
    logging.basicConfig(level=logging.DEBUG if order.verbose else logging.WARNING, format="%(message)s")
    started, moment = time.monotonic(), datetime.now(timezone.utc)
    onnx = order.onnx.read_bytes()
    if hashlib.sha256(onnx).hexdigest() != order.onnx_sha256:
        raise BuildError(f"{order.onnx} was changed while the engine was about to be built: start again")
    machine, board = current_machine(order.plugin), read_board_facts()
    workspace = order.workspace or fitting_workspace(board.get("memory_bytes"))
    cache = order.timings / timings_name(machine)
    context = cuda.Context()
    try:
        load_plugin(order.plugin)
        plan = engine_plan(order, onnx, workspace * MIB, cache, report)
        layers = engine_layers(plan, onnx)
    finally:
        context.close()
    path = order.folder / engine_name(order.onnx.stem, order.precision, order.onnx_sha256)
    path.write_bytes(plan)
    return EngineCard(
        name=order.onnx.stem,
        precision=order.precision,
        engine=path.name,
        engine_sha256=file_sha256(path),
        onnx_sha256=order.onnx_sha256,
        plugin_sha256=machine.plugin_sha256,
        tensorrt=machine.tensorrt,
        cuda=cuda.cuda_version(),
        gpu=machine.gpu,
        compute_capability=machine.compute_capability,
        profile=profile_of(order.batch),
        metadata=metadata(onnx),
        layers=layers,
        parity={},
        built={
            "started": moment.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
            "workspace_mib": workspace,
            **board,
        },
    )


def engine_plan(order: Order, onnx: bytes, workspace: int, cache: Path, report: Report) -> bytes:
    """The engine. What was measured is kept in the file `cache`."""
    builder = new_builder()
    half = order.precision == "fp16"
    report("reading the ONNX file")
    network = parsed(builder, onnx, half)
    config = configured(builder, half, workspace, tf32=half)  # TF32 rounds as float16 does
    add_profile(builder, config, network, order.batch)
    use_timings(config, cache.read_bytes() if cache.is_file() else b"")
    monitor = watched(report)
    if monitor is not None:
        config.progress_monitor = monitor
    report("building")
    plan = serialised(builder, network, config)
    try:
        write_atomically(cache, timings(config))
    except OSError as error:
        LOG.warning("the timings were not kept, the next build takes as long (%s)", error)
    return plan


def engine_layers(plan: bytes, onnx: bytes) -> List[Dict[str, Any]]:
    """Of the finished engine. Raises BuildError where a custom node is not a plugin layer in it."""
    engine = Engine(plan)
    told = engine.inspect_layers()
    engine.close()
    graph = nodes(onnx)
    require_plugins(graph, plugin_names(told, graph))
    return make_card_layers(told, {node.name: node.op_type for node in graph})


def fitting_workspace(memory: Optional[int]) -> int:
    """MiB, by the bytes of memory that GPU and CPU share on a board."""
    for gib, mib in WORKSPACES:
        if memory is not None and memory <= gib * 1024 * MIB:
            return mib
    return LARGEST_WORKSPACE


def profile_of(batch: Batch) -> Dict[str, int]:
    """As the card has it."""
    return dict(zip(("min", "opt", "max"), batch))


def timings_name(machine: Machine) -> str:
    """One cache per TensorRT and GPU: timings of another are worth nothing here."""
    gpu = re.sub(r"[^A-Za-z0-9]+", "-", machine.gpu).strip("-")
    return f"tensorrt-{machine.tensorrt}-{gpu}-sm{machine.compute_capability.replace('.', '')}.timings"
