"""Two visits on the CPU: the second one goes on from what the first one packed, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.train.training_runs import small_pack

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = "--models fwht_mobilenet_v2_slim --image-size 8 --batch-size 16 --epochs 1000 --device cpu"


def visit(**more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "TRAIN_SECONDS": "2", **more}
    command = [str(ROOT / "benchmarks/train_on_gpu.sh"), "train"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
@pytest.mark.soak
def test_a_second_visit_goes_on(tmp_path: Path) -> None:
    data = str(small_pack(tmp_path / "pack.bin"))
    for number, packed in (("1", "none"), ("2", "1")):
        folders = {"BUILD": tmp_path / f"build{number}", "OUT": tmp_path / number, "PACKED": tmp_path / packed}
        done = visit(DATA=data, OPTIONS=OPTIONS, **{name: str(folder) for name, folder in folders.items()})
        assert done.returncode == 0, done.stderr
        assert "goes on  train" in done.stdout
        assert ("last.pt: goes on at epoch" in done.stdout) == (number == "2")
        assert (tmp_path / number / "training.tar.00").stat().st_size > 3 * 500_000 * 4  # weights, momenta, average


def test_a_missing_data_set_or_step_is_named(tmp_path: Path) -> None:
    done = visit(DATA="nowhere.bin", OUT=str(tmp_path), BUILD=str(tmp_path))
    assert done.returncode == 2 and "DATA=nowhere.bin: name what to train on" in done.stderr
