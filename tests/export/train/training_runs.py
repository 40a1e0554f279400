"""Short training runs for the tests: a small pack of real images and the real command in its own process."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from export.data.packed_images import write_packed
from server.bulk.packed_images import PackedImage, read_packed

ROOT = Path(__file__).parents[3]
TRAIN_400 = ROOT / "tests/data/cifar10_train_400.bin"
# 8x8 pixels in batches of 16 of the smallest model: a step takes about a tenth of a second.
SMALL = ["--model", "fwht_mobilenet_v2_slim", "--image-size", "8", "--batch-size", "16", "--name", "small"]
SMALL += ["--no-report"]  # tests/export/train/test_evaluation.py is about it


def small_pack(path: Path, train_each: int = 6, test_each: int = 2) -> Path:
    """The first few images of every class of the training pack, with names beside them where ten would not do."""
    chosen: list[PackedImage] = []
    counts: dict[tuple[bool, int], int] = {}
    for image in read_packed(TRAIN_400):
        key = (image.is_test, image.class_id)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= (test_each if image.is_test else train_each):
            chosen.append(image)
    write_packed(path, chosen)
    return path


def start(*arguments: str | Path, threads: int = 1, **variables: str) -> subprocess.Popen[str]:
    """The command in its own process. Threads sleep while they wait: other work may hold the cores."""
    own = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **own, **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "export.train", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end; everything that was printed."""
    output, _ = process.communicate(timeout=300)
    return output


def log_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a log without the seconds, which no two runs share."""
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
