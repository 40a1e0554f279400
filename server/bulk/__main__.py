"""Classify folders of millions of images: `python -m server.bulk SRC DST`, one row per image in Parquet (docs/bulk.md).

Killed at any moment and started again the same way, it goes on; ended and started again, it does nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from ..backends.choice import Choice
from ..errors import BadRequest, StartupError
from ..models.model import DEFAULT_TOP_K, Model, load_model
from ..models.model_files import find_model
from ..numbers import parse_score
from ..profiling.machine import list_cpus
from ..settings import DEFAULT_MODEL
from .source import open_source

if TYPE_CHECKING:  # they import packages that may be missing, which `check_options` reports
    from .progress import Progress
    from .worker import Job

NEEDED = ("ray", "pyarrow", "pandas")  # the last two are Ray Data's own needs
MOST = 100_000


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit status: 0 once every image has its row, 1 where parts could not be written, 2 where it cannot begin."""
    options = make_parser().parse_args(arguments)
    try:
        check_options(options)
        result = run_bulk(options)
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: start it again the same way and it goes on", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(result))
    return 1 if result["left"] else 0


def make_parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m server.bulk", description="Classify folders of images.")
    made.add_argument(
        "source", type=Path, metavar="SRC", help="Folder of images, with folders in it; or a packed file."
    )
    made.add_argument("output", type=Path, metavar="DST", help="Folder for the Parquet files, new or of the same run.")
    made.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME", help="Name or .onnx file (default %(default)s)."
    )
    made.add_argument(
        "--top-k", type=int, metavar="N", help=f"Labels per image (default {DEFAULT_TOP_K}, or all if fewer)."
    )
    made.add_argument(
        "--min-score", metavar="P", help="Lowest score that gives a label, 0 to 1 (default: the model's own, if any)."
    )
    made.add_argument("--batch", type=int, default=4, metavar="N", help="Images of one run (default %(default)s).")
    made.add_argument(
        "--part", type=int, default=1024, metavar="N", help="Images of one file in DST (default %(default)s)."
    )
    made.add_argument("--workers", type=int, metavar="N", help="Processes (default: CPUs / threads).")
    made.add_argument("--threads", type=int, default=1, metavar="N", help="Threads of each (default %(default)s).")
    made.add_argument("--json", action="store_true", help="Print the numbers of the end as JSON, too.")
    made.add_argument("--address", metavar="HOST:PORT", help="Ray cluster to use (default: this machine).")
    return made


def check_options(options: argparse.Namespace) -> None:
    """StartupError where a package is missing or a number cannot be."""
    check_packages(NEEDED)
    for name in ("batch", "part", "workers", "threads"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= MOST:
            raise StartupError(f"--{name} is {value}: it must be from 1 to {MOST}")


def check_packages(names: Sequence[str]) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise StartupError(
            f"the bulk classifier needs Ray Data (not installed: {', '.join(missing)}): pip install 'ray[data]', which "
            "`make bulk` does by itself"
        )


def run_bulk(options: argparse.Namespace) -> Dict[str, Any]:
    """List the images, classify those that have no row yet, and print and return the totals (Progress.end)."""
    from .output import Output
    from .progress import Progress
    from .worker import Job

    source, folder = options.source.resolve(), options.output.resolve()
    if folder == source or source in folder.parents:
        raise StartupError(f"{folder} lies in {source}, so its files would count as images: name another folder")
    names = open_source(source).list_names()
    model, file, top_k = check_model(options)
    output = Output(folder)
    # What decides which rows there are and what they say; batch, workers and threads may be others the next time.
    digest = model.card["file_sha256"]
    min_score = check_min_score(options.min_score)
    card = {"source": str(source), "model": model.name, "model_sha256": digest, "top_k": top_k, "part": options.part}
    output.begin(card if min_score is None else {**card, "min_score": min_score})
    with output.locked():
        output.sweep()
        new = output.add(names, options.part)
        found = [output.find_done(part) for part in range(len(output.parts))]
        left = [part for part, done in enumerate(found) if done is None]
        progress = Progress(sum(output.parts), new, [done for done in found if done])
        if left:
            job = Job(source, folder, model.name, file, options.batch, top_k, options.threads, min_score)
            classify(left, job, options.workers, options.address, progress)
        return progress.end(folder)


def check_model(options: argparse.Namespace) -> Tuple[Model, bytes, int]:
    """The model, closed again, its file, and --top-k: what is wrong with them is raised before any worker loads it."""
    model = load_model(options.model, Choice("onnxruntime", threads=1))
    model.close()
    try:
        return model, find_model(options.model).read_bytes(), model.check_top_k(options.top_k)
    except BadRequest as error:
        raise StartupError(f"--top-k: {error}") from error


def check_min_score(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else parse_score(text)
    except ValueError as error:
        raise StartupError(f"--min-score is {error}") from None


def classify(parts: List[int], job: Job, workers: Optional[int], address: Optional[str], progress: Progress) -> None:
    from . import ray as bulk_ray  # late: importing Ray takes seconds, and a finished run needs none

    wanted = (workers or max(1, len(list_cpus()) // job.threads)) * job.threads
    # Ray prints messages of its own, as of a worker that died: stdout is for --json.
    with redirect_stdout(sys.stderr), bulk_ray.connect_ray(address, wanted) as cpus:
        most = cpus // job.threads
        if not most:
            raise StartupError(f"--threads is {job.threads} and there are {cpus} CPUs: say fewer")
        for part in bulk_ray.classify_parts(parts, job, min(workers or most, most, len(parts))):
            progress.add(part)


if __name__ == "__main__":
    sys.exit(main())
