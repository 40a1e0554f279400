"""The command behind `make engine`: an ONNX file -> a TensorRT engine and its card, proved right first.

python -m export.engine NAME [--precision fp16|fp32] [--batch 1,4,16] [--workspace MIB] [--rebuild]

Needs TensorRT, pycuda and NumPy; neither torch nor onnx nor onnxruntime. The engine is built in one process and proved
in another (export/engine/build_steps.py); nothing in build/ changes before both are done.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from export.engine.build_steps import BuildRequest, build_engine, identify_machine
from export.engine.failures import EXPECTED, FAILURES, explain
from export.engine.files import open_build_folder, publish, why_build, write_card
from export.engine.onnx_wire import read_metadata, read_nodes
from export.engine.options import Options, read_options
from export.engine.parity import prove_engine, read_golden
from export.engine.parity_verdict import ParityVerdict
from export.engine.process import run_in_own_process
from export.engine.progress import Progress
from server.backends.engine_card import EngineCard, Machine, card_path
from server.errors import ServerError, StartupError
from server.models.preprocess import Preprocessing


@dataclass(frozen=True)
class Steps:
    """What runs in processes of its own; each is given a function to report its progress to as its last argument."""

    identify_machine: Callable[..., Machine] = identify_machine
    build_engine: Callable[..., EngineCard] = build_engine
    prove_engine: Callable[..., ParityVerdict] = prove_engine


def make_engine(options: Options, progress: Progress, steps: Steps = Steps()) -> Path:
    """Build, prove and put into place, or keep what is there; returns the card's path.

    Raises one of FAILURES, and then nothing was changed.
    """

    def run(step: Callable[..., Any], *arguments: Any) -> Any:
        return run_in_own_process(step, arguments, EXPECTED, progress.update)

    onnx = options.onnx.read_bytes()
    sha256, graph = hashlib.sha256(onnx).hexdigest(), read_nodes(onnx)
    golden = read_golden(options.onnx, sha256, *read_shapes(options.onnx, read_metadata(onnx)))
    with open_build_folder(options.out, lambda: progress.print_line("waiting for another build to end")) as folder:
        machine: Machine = run(steps.identify_machine, options.plugin)
        path = card_path(options.out, options.onnx.stem, options.precision)
        reason = options.rebuild or why_build(path, machine, sha256, options.batch)
        if not reason:
            progress.print_line(
                f"{path}: kept, it fits the machine, the ONNX file and the plugin (ARGS=--rebuild builds it anew)"
            )
            return path
        why = "as asked for" if options.rebuild else reason
        where = f"with TensorRT {machine.tensorrt} for {machine.gpu} (compute capability {machine.compute_capability})"
        progress.print_line(f"building {options.onnx} in {options.precision} {where}: {why}")
        request = BuildRequest(onnx_sha256=sha256, timing_caches=options.out, folder=folder, **options.build_options())
        card: EngineCard = run(steps.build_engine, request)
        parity: ParityVerdict = run(steps.prove_engine, write_card(folder, card), options.plugin, golden, graph)
        card = replace(card, parity=parity.to_json())
        write_card(folder, card)
        publish(folder, card, options.out)
    size = (options.out / card.engine).stat().st_size
    plugins = sum(node.is_custom for node in graph)
    what = f"{size / 1e6:.1f} MB, {len(card.layers)} layers, {plugins} of them plugins"
    progress.print_line(f"{path}: {what}, built in {card.built['seconds']} s\nparity with ONNX Runtime on {parity}")
    return path


def read_shapes(path: Path, properties: Dict[str, str]) -> Tuple[Tuple[int, int, int], int]:
    """Shape of an image, (3, S, S), and the number of classes. Raises StartupError where the metadata tell neither."""
    try:
        size = Preprocessing.from_json(properties["preprocessing"]).size
        return (3, size, size), len(json.loads(properties["labels"]))
    except (KeyError, ValueError, TypeError, ServerError) as error:
        raise StartupError(
            f"{path} has no labels and preprocessing in it ({error!r}): export it with `make onnx`"
        ) from error


@contextmanager
def treat_signals_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP where a connection breaks, clean away what was begun."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Optional[List[str]] = None, steps: Steps = Steps()) -> int:
    """Exit status: 0, 1 where there is no engine, 2 for wrong arguments, 130 where it was interrupted."""
    progress = Progress(sys.stderr)
    try:
        with treat_signals_as_ctrl_c():
            make_engine(read_options(arguments, __doc__ or ""), progress, steps)
    except FAILURES as error:
        progress.clear()
        print(f"error: {explain(error)}\nno engine was changed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.clear()
        print("interrupted: no engine was changed", file=sys.stderr)
        return 130
    return 0
