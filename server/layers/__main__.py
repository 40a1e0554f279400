"""`python -m server.layers`: measure each layer's time on this machine, compare two measurements, show them.

    profile MODEL             one model: table, JSON report and chart
    compare A,B               two models in turns, so that they share the machine's noise: table, JSON and chart
    diff A.json B.json        two files: reports of ours or profiles of trtexec, in any mixture
    table REPORT.json         a report again as a table
    chart REPORT.json         a report again as an SVG chart

Exit status: 0; 1 where --fail-above was given and something is certainly slower by more than that; 2 where it could not
be done, or not be judged, with the reason and the cure on stderr.
"""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from pathlib import Path
from typing import Callable, List, Optional

from ..backends.choice import BACKENDS
from ..backends.engine_card import PRECISIONS
from ..errors import ServerError, StartupError
from ..settings import DEFAULT_MODEL
from . import commands as run
from .rounds import ROUNDS
from .times import ENOUGH_ROUNDS

SPREAD = 0.05  # as much as Triton's own performance tests take for noise
MODELS = "Names or .onnx files, each with :fp16, :fp32, :tensorrt or :onnxruntime after it where the two shall differ."
GATE = "Status 1 where a layer or the whole is certainly slower in B by more than this share of A, as 10%%."


def main(arguments: Optional[List[str]] = None) -> int:
    options = make_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of layers may have letters that a terminal has not
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        return status
    except (StartupError, ServerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception:  # of an engine or its driver; Python's own status for it, 1, is the gate's
        traceback.print_exc()
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m server.layers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = made.add_subparsers(metavar="COMMAND", dest="command", required=True)

    def command(name: str, text: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=f"{text}.")
        one.set_defaults(run=function)
        return one

    one = command("profile", "Measure the layers of one model", run.profile)
    one.add_argument("model", nargs="?", default=DEFAULT_MODEL, metavar="MODEL", help="Name or .onnx file.")
    one.add_argument("--export-model-explorer", action="store_true", help="Also write node data for Model Explorer.")
    one.add_argument("--json", action="store_true", help="Print the report instead of the table.")
    _add_measuring(one)
    two = command("compare", "Measure two models in turns and compare them", run.compare)
    two.add_argument("models", metavar="A,B", help=MODELS)
    _add_measuring(two)
    _add_comparing(two)
    files = command("diff", "Compare two files", run.diff_files)
    for side in "AB":
        files.add_argument(
            side.lower(), type=Path, metavar=f"{side}.json", help="A report, or trtexec --exportProfile."
        )
        files.add_argument(
            f"--info-{side.lower()}", type=Path, metavar="FILE", help=f"trtexec --exportLayerInfo of {side}'s engine."
        )
    files.add_argument("--chart", type=Path, metavar="FILE", help="Also draw the difference into this SVG file.")
    _add_comparing(files)
    table = command("table", "Show a report as a table", run.show_table)
    table.add_argument("report", type=Path, metavar="REPORT.json")
    chart = command("chart", "Draw a report", run.draw_chart)
    chart.add_argument("report", type=Path, metavar="REPORT.json")
    chart.add_argument("--out", type=Path, metavar="FILE", help="The SVG file (default: beside the report).")
    return made


def _add_measuring(to: argparse.ArgumentParser) -> None:
    to.add_argument("--backend", default="auto", choices=BACKENDS, help="As FWHT_BACKEND (default %(default)s).")
    precisions = ("auto", *PRECISIONS)
    to.add_argument("--precision", default="auto", choices=precisions, help="As FWHT_PRECISION (default %(default)s).")
    to.add_argument("--threads", type=int, default=0, metavar="N", help="As FWHT_THREADS (default %(default)s).")
    to.add_argument(
        "--image",
        type=Path,
        action="append",
        metavar="FILE",
        help="Image to measure with; repeatable (default: a cat).",
    )
    to.add_argument("--batch", type=_count, metavar="N", help="Images in a run (default: as many as are named).")
    to.add_argument(
        "--rounds",
        type=_rounds,
        default=ROUNDS,
        metavar="N",
        help=f"Measurements one after the other (default %(default)s; 1, or at least {ENOUGH_ROUNDS}).",
    )
    to.add_argument("--runs", type=_count, metavar="N", help="Runs in a round (default: about a tenth of a second).")
    to.add_argument(
        "--folder", type=Path, default=Path("build"), metavar="DIR", help="Where the files go (default %(default)s)."
    )


def _add_comparing(to: argparse.ArgumentParser) -> None:
    to.add_argument("--fail-above", type=_share, metavar="SHARE", help=GATE)
    to.add_argument(
        "--spread",
        type=_share,
        default=SPREAD,
        metavar="SHARE",
        help="What another measurement may differ by where a file does not tell, as trtexec's (default 5%%).",
    )
    to.add_argument("--json", action="store_true", help="Print JSON instead of the table.")


def _count(text: str) -> int:
    return _whole(text, 1)


def _rounds(text: str) -> int:
    return 1 if text == "1" else _whole(text, ENOUGH_ROUNDS, "1, or ")


def _whole(text: str, low: int, also: str = "") -> int:
    if not text.isdecimal() or not low <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} must be {also}a whole number from {low} to 100000")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} must be a percentage, as 10%")
    return share


if __name__ == "__main__":
    sys.exit(main())
