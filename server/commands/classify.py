"""`python -m server classify IMAGE...`: labels of image files in a table, without a server."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from ..backends.choice import BACKENDS, Choice
from ..backends.engine_card import PRECISIONS
from ..errors import BadRequest, ServerError, StartupError
from ..layers.table import format_report, format_table
from ..models.model import DEFAULT_TOP_K, Model, load_model
from ..models.scores import MinScore
from ..numbers import parse_score
from ..settings import DEFAULT_MODEL
from ..stage_times import StageTimes


def main(arguments: List[str]) -> int:
    """Read the arguments and run; see `run` for the result. Ends with status 2 where the arguments are wrong."""
    parser = argparse.ArgumentParser(prog="python -m server classify", description="Classify image files.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="A JPEG, PNG, WebP, BMP or GIF file.")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME", help="Name or .onnx file (default %(default)s)."
    )
    parser.add_argument("--backend", default="auto", choices=BACKENDS, help="As FWHT_BACKEND (default %(default)s).")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", *PRECISIONS), help="As FWHT_PRECISION (default %(default)s)."
    )
    parser.add_argument(
        "--top-k", type=int, metavar="N", help=f"Labels per image (default {DEFAULT_TOP_K}, or all if fewer)."
    )
    parser.add_argument(
        "--min-score", metavar="P", help="Lowest score that gives a label, 0 to 1 (default: the model's own, if any)."
    )
    parser.add_argument("--layers", action="store_true", help="Also show each layer's time, for the first good image.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")


def run(options: argparse.Namespace) -> int:
    """Print the labels; 0, or 1 where an image failed (named on stderr), or 2 where --top-k cannot be.

    Raises StartupError where the model cannot be loaded.
    """
    model = load_model(options.model, Choice(options.backend, options.precision))
    try:
        return _run(model, options)
    finally:
        model.close()


def _run(model: Model, options: argparse.Namespace) -> int:
    try:
        top_k = model.check_top_k(options.top_k)
        model.min_score = read_min_score(options.min_score) or model.min_score
    except BadRequest as error:
        print(f"error: --top-k: {error}", file=sys.stderr)
        return 2
    results = [_result(model, name, top_k) for name in options.images]
    good = [result["file"] for result in results if "error" not in result]
    layers = model.profile([Path(good[0]).read_bytes()]) if options.layers and good else None
    if options.json:
        about = {"model": model.name, "version": model.version}
        about.update(backend=model.backend.name, precision=model.backend.precision)
        answer = {**about, "results": results}
        print(json.dumps({**answer, "layers": layers} if layers else answer, indent=2, ensure_ascii=False))
    else:
        _print_results(results)
        if good:
            backend = model.backend
            kernels = f", {backend.kernels}" if backend.kernels else ""
            print(f"{model.name}: {backend.name}, {backend.precision}{kernels}, on {backend.provider}")
        if layers:
            print(f"\n{format_report(layers)}")
    for result in results:
        if "error" in result:
            print(f"error: {result['file']}: {result['error']}", file=sys.stderr)
    return 1 if len(good) < len(results) else 0


def read_min_score(text: Optional[str]) -> Optional[MinScore]:
    """Raises StartupError unless it is a number from 0 to 1, or not there."""
    try:
        return None if text is None else MinScore(parse_score(text))
    except ValueError as error:
        raise StartupError(f"--min-score is {error}") from None


def _result(model: Model, name: str, top_k: int) -> Dict[str, Any]:
    """One image's entry: predictions, image and timings_ms, or error."""
    stages = StageTimes()
    try:
        (result,) = model.classify([Path(name).read_bytes()], top_k, stages)
    except (OSError, ServerError) as error:
        return {"file": name, "error": getattr(error, "strerror", None) or str(error)}
    return {"file": name, **result, "timings_ms": stages.timings_ms()}


def _print_results(results: List[Dict[str, Any]]) -> None:
    rows = [["image", "label", "score", "ms"]]
    for result in results:
        if result.get("reason"):
            rows.append([result["file"], f"no label: {result['reason']}", "", ""])
        for rank, prediction in enumerate(result.get("predictions", [])):
            first = [result["file"], f"{result['timings_ms']['total']:.2f}"] if rank == 0 else ["", ""]
            rows.append([first[0], prediction["label"], f"{prediction['score']:.4f}", first[1]])
    if len(rows) > 1:
        print(format_table(rows, "<<>>"))
