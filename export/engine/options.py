"""The arguments of `python -m export.engine`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from server.backends.engine_card import PRECISIONS
from server.backends.tensorrt_library import PLUGIN
from server.models.model_files import find_model

BUILD = Path(__file__).resolve().parents[2] / "build"
SMALLEST_WORKSPACE = 16  # MiB


@dataclass(frozen=True)
class Options:
    """onnx: the file. batch: least, usual and largest. workspace: in MiB, None for what suits the board. out: where the
    engine goes."""

    onnx: Path
    precision: str = "fp16"
    batch: Tuple[int, int, int] = (1, 4, 16)
    workspace: Optional[int] = None
    plugin: Path = PLUGIN
    out: Path = BUILD
    rebuild: bool = False
    verbose: bool = False

    def build_options(self) -> Dict[str, Any]:
        """Those that the engine depends on, as a BuildRequest names them."""
        names = ("onnx", "precision", "batch", "workspace", "plugin", "verbose")
        return {name: getattr(self, name) for name in names}


def read_options(arguments: Optional[List[str]], about: str) -> Options:
    """Ends the process where an argument is wrong; raises StartupError where there is no such ONNX file."""
    parser = argparse.ArgumentParser(prog="python -m export.engine", description=about.splitlines()[0])
    parser.add_argument("name", help="build/NAME.onnx, else models/NAME.onnx, or the path of an .onnx file")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp16", help="fp16, the default, or fp32")
    parser.add_argument(
        "--batch",
        type=parse_batch,
        default=(1, 4, 16),
        metavar="MIN,OPT,MAX",
        help="images of one run: least, usual, most (1,4,16)",
    )
    parser.add_argument(
        "--workspace",
        type=parse_mebibytes,
        metavar="MIB",
        help="scratch memory a layer may take (256 on a Nano, 1024 at most)",
    )
    parser.add_argument(
        "--plugin", type=Path, default=PLUGIN, help="the library with our layers (build/libfwht_plugin.so)"
    )
    parser.add_argument("--out", type=Path, default=BUILD, help="folder for the engine and its card (build)")
    parser.add_argument("--rebuild", action="store_true", help="build although an engine is there, a foreign one, too")
    parser.add_argument("--verbose", action="store_true", help="show all that TensorRT says")
    found = vars(parser.parse_args(arguments))
    return Options(onnx=find_model(found.pop("name")), **found)


def parse_batch(text: str) -> Tuple[int, int, int]:
    """ "1,4,16" -> (1, 4, 16)"""
    try:
        least, usual, most = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be three numbers, as in 1,4,16") from None
    if not 1 <= least <= usual <= most:
        raise argparse.ArgumentTypeError(f"{text!r} must be at least 1 and must not fall, as in 1,4,16")
    return least, usual, most


def parse_mebibytes(text: str) -> int:
    if not text.isdigit() or int(text) < SMALLEST_WORKSPACE:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of MiB, at least {SMALLEST_WORKSPACE}")
    return int(text)
