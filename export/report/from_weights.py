"""The command behind `make report-model`: weights, their card and test images -> BUILD/NAME.report/.

python -m export.report NAME --data IMAGES [--checkpoint FILE] [--build FOLDER] [--skip-bad]
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.data.datasets import Dataset, load_dataset
from export.data.names import describe_path, describe_some, escape_unprintable_output
from export.models.checkpoint import CheckpointError, load_checkpoint
from export.report.measures import measure_report
from export.report.page import report_folder, write_report
from export.report.predictions import predict
from export.to_onnx.from_checkpoint import ROOT, find_checkpoint


def make_report(
    folder: Path, card: dict[str, Any], dataset: Dataset, logits: np.ndarray, log: Path, made_by: str
) -> Path:
    """Measure what a model answered for the test images of `dataset`, logits (N, classes), and write it into `folder`.

    The curves are those of the run's log, where there is one. Returns the page. Raises ImportError where matplotlib or
    scikit-learn is missing.
    """
    names = dataset.test_names or [f"test image {i}" for i in range(len(logits))]
    report = measure_report(logits, dataset.test.class_ids, card["labels"], card.get("temperature"), names)
    named = {
        "name": card["name"],
        "data": dataset.description,
        "made_by": made_by,
        "weights_sha256": card.get("sha256"),
    }
    images = dataset.test.images[[mistake["image"] for mistake in report["mistakes"]]]
    return write_report(folder, {**named, **report}, images, read_log(log))


def read_log(path: Path) -> list[dict[str, float | None]]:
    """The rows of a run's log.csv, one an epoch; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]


def report_weights(checkpoint: Path, data: Path, build: Path, skip_bad: bool, made_by: str) -> Path:
    """Raises CheckpointError and ValueError where weights or data cannot be used, or do not belong together."""
    model, card = load_checkpoint(checkpoint)
    plain = card["preprocessing"]
    dataset = load_dataset(data, plain["size"], plain.get("resize", "crop"), skip_bad, to_train=False)
    if dataset.labels != card["labels"]:
        raise ValueError(
            f"{describe_path(data)} has the classes {describe_some(dataset.labels)}, {describe_path(checkpoint)} knows "
            f"{describe_some(card['labels'])}: name the data that it was trained on"
        )
    name = checkpoint.stem
    logits = predict(model, dataset.test, plain)
    card = {"name": name, **card}
    return make_report(report_folder(build, name), card, dataset, logits, build / name / "log.csv", made_by)


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m export.report", description="How good a model is: numbers and pictures in BUILD/NAME.report/."
    )
    parser.add_argument("name", help="of what was trained: BUILD/NAME.safetensors, else models/NAME.safetensors")
    parser.add_argument("--data", type=Path, required=True, help="the data set, whose test images are classified")
    parser.add_argument("--checkpoint", type=Path, help="weights to report on instead, their card beside them")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder of what was made (build)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be decoded")
    args = parser.parse_args(arguments)
    escape_unprintable_output()
    made_by = describe_path(shlex.join(["python", "-m", "export.report", *arguments]))
    trained = args.build / f"{args.name}.safetensors"
    try:
        checkpoint = args.checkpoint or (trained if trained.is_file() else find_checkpoint(args.name))
        print(report_weights(checkpoint, args.data, args.build, args.skip_bad, made_by))
    except ImportError as error:
        print(f"error: {error.name} is missing: python -m pip install '.[train]' brings it", file=sys.stderr)
        return 1
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
