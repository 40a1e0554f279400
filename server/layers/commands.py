"""What `python -m server.layers` does: each function takes the arguments, prints, and returns the exit status."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from ..backends.choice import BACKENDS, Choice
from ..backends.engine_card import PRECISIONS
from ..errors import StartupError
from ..files import write_atomically
from ..models.model import Model, load_model
from ..models.model_files import ROOT
from ..profiling.report import LayerReport
from .chart import draw_report
from .diff import Diff, diff
from .diff_chart import draw_diff
from .diff_json import diff_to_json
from .diff_table import format_diff
from .model_explorer import make_node_data
from .read_side import parse_report, read_report, read_side
from .rounds import measure_rounds
from .table import format_report
from .times import ENOUGH_ROUNDS

IMAGE = ROOT / "tests" / "data" / "cat.jpg"


def profile(options: argparse.Namespace) -> int:
    (model,), (report,) = _measure([options.model], options)
    stem = _make_stem(model, options)
    paths = _write_report(stem, report, options)
    if options.export_model_explorer:
        paths.append(_write(options.folder / f"{stem}.model-explorer.json", to_json_text(make_node_data(report))))
    return _finish(to_json_text(report) if options.json else format_report(report), paths)


def compare(options: argparse.Namespace) -> int:
    names = [name.strip() for name in options.models.split(",") if name.strip()]
    if len(names) != 2:
        raise StartupError(f"two models are compared, and {options.models!r} names {len(names)}: give two, as a,b")
    models, reports = _measure(names, options)
    a, b = (parse_report(model.name, report, options.spread) for model, report in zip(models, reports))
    if a.label == b.label:
        a, b = replace(a, label=names[0]), replace(b, label=names[1])
    found = diff(a, b, options.fail_above, paired=options.rounds >= ENOUGH_ROUNDS)
    stems = [_make_stem(model, options) for model in models]
    if stems[0] == stems[1]:  # a model with itself, or two files of one name
        stems = [f"{stems[0]}-a", f"{stems[1]}-b"]
    paths = [path for stem, report in zip(stems, reports) for path in _write_report(stem, report, options)]
    stem = "-to-".join(stems)
    paths.append(_write(options.folder / f"{stem}.layer-diff.json", to_json_text(diff_to_json(found))))
    paths.append(_write(options.folder / f"{stem}.layer-diff.svg", draw_diff(found)))
    return _finish(to_json_text(diff_to_json(found)) if options.json else format_diff(found), paths, found)


def diff_files(options: argparse.Namespace) -> int:
    a = read_side(options.a, options.info_a, options.spread)
    b = read_side(options.b, options.info_b, options.spread)
    if a.label == b.label:
        a, b = replace(a, label=str(options.a)), replace(b, label=str(options.b))
    found = diff(a, b, options.fail_above)
    paths = [_write(options.chart, draw_diff(found))] if options.chart else []
    return _finish(to_json_text(diff_to_json(found)) if options.json else format_diff(found), paths, found)


def show_table(options: argparse.Namespace) -> int:
    return _finish(format_report(read_report(options.report)))


def draw_chart(options: argparse.Namespace) -> int:
    chart = draw_report(read_report(options.report))
    return _finish("", [_write(options.out or options.report.with_suffix(".svg"), chart)])


def to_json_text(values: Any) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _measure(names: Sequence[str], options: argparse.Namespace) -> Tuple[List[Model], List[LayerReport]]:
    """The models, closed again, and a report of each. Completes options.batch."""
    images = [_read(path) for path in options.image or [IMAGE]]
    options.batch = options.batch or len(images)
    files = [images[i % len(images)] for i in range(options.batch)]
    _make_folder(options.folder)
    models: List[Model] = []
    with ExitStack() as stack:
        for name in names:
            models.append(_load(name, options))
            stack.callback(models[-1].close)
        return models, measure_rounds(models, files, options.rounds, options.runs, _progress)


def _load(name: str, options: argparse.Namespace) -> Model:
    """name: of the model, and after a colon what is chosen for it alone.

    What was asked for is measured or nothing: a server falls back to another precision and says so, but the files and
    the comparison that are made here would be of something else.
    """
    choice = Choice(options.backend, options.precision, threads=options.threads)
    named, _, own = name.rpartition(":")
    if own in PRECISIONS:
        name, choice = named, replace(choice, precision=own)
    elif own in BACKENDS:
        name, choice = named, replace(choice, backend=own)
    model = load_model(name, choice)
    found = model.backend.precision
    if choice.precision in ("auto", found):
        return model
    model.close()
    why = model.card.get("not_tensorrt") or f"{model.backend.name} runs it so"
    raise StartupError(f"{model.name} is to be measured in {choice.precision}, and would run in {found}: {why}")


def _make_folder(folder: Path) -> None:
    """Before anything is measured, so that no measurement is lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"the folder {folder} cannot be made ({error.strerror}): name one with --folder") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"the image {path} cannot be read ({error.strerror}): name one with --image") from error


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}\r", end="", file=sys.stderr, flush=True)


def _write_report(stem: str, report: LayerReport, options: argparse.Namespace) -> List[Path]:
    return [
        _write(options.folder / f"{stem}.layers.json", to_json_text(report)),
        _write(options.folder / f"{stem}.layers.svg", draw_report(report)),
    ]


def _make_stem(model: Model, options: argparse.Namespace) -> str:
    """What the names of a report's files begin with."""
    batch = f"-batch{options.batch}" if options.batch > 1 else ""
    return f"{model.name}-{model.backend.name}-{model.backend.precision}{batch}"


def _write(path: Path, content: str) -> Path:
    try:
        write_atomically(path, content.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def _finish(text: str, paths: Sequence[Path] = (), found: Optional[Diff] = None) -> int:
    """Print, and return the exit status of what was found. The files are named on stderr: stdout may be piped on, and
    whoever reads it may stop doing so (`| head`), so everything else is done by now."""
    for path in dict.fromkeys(paths):
        print(f"written: {path}", file=sys.stderr)
    try:
        print(text.rstrip("\n"), end="\n" if text else "", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the rest of the buffer goes
    if found is None or not found.above:
        return 0
    return 2 if found.noisy else 1
