"""The command line of the bulk classifier as far as it goes without starting Ray; tests/benchmarks has the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.bulk.__main__ import check_packages, main
from server.errors import StartupError
from tests.server.support.http_server import ROOT
from tests.tools import need_bulk

DATA = ROOT / "tests" / "data"


def test_a_missing_package_is_named() -> None:
    with pytest.raises(StartupError, match="not installed: no_such_package.: pip install 'ray.data.'"):
        check_packages(["json", "no_such_package"])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    for name in ("cat.jpg", "a/ship.jpg"):
        (folder / name).write_bytes((DATA / Path(name).name).read_bytes())
    (folder / "text.txt").write_text("no image")
    return folder


def test_wrong_arguments_cost_nothing(
    images: Path, tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_bulk()
    rows = tmp_path / "rows"
    cases = [
        ([str(tmp_path / "none"), str(rows)], "none is not there: name a folder"),
        ([str(images), str(images / "rows")], "so its files would count as images"),
        ([str(images), str(images)], "so its files would count as images"),
        ([str(images), str(rows), "--model", "none"], "there is no model 'none': choose from"),
        ([str(images), str(rows), "--model", str(tiny), "--top-k", "5"], "--top-k: top_k is 5, it must be from 1 to 4"),
        ([str(images), str(rows), "--model", str(tiny), "--batch", "0"], "--batch is 0: it must be from 1"),
        ([str(images), str(rows), "--model", str(tiny), "--workers", "-1"], "--workers is -1: it must be from 1"),
        ([str(images), str(rows), "--model", str(tiny), "--min-score", "2"], "--min-score is '2', it must be"),
        ([str(images), str(tmp_path)], "is not empty"),
    ]
    for arguments, words in cases:
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
    assert not rows.exists() and sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_a_finished_run_does_nothing_and_another_is_refused(
    images: Path, tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_bulk()
    rows = tmp_path / "rows"
    finished(images, rows, tiny)
    before = {path: path.stat().st_mtime_ns for path in rows.rglob("*") if path.is_file()}
    command = [str(images), str(rows), "--model", str(tiny), "--top-k", "2"]
    assert main([*command, "--json", "--batch", "3"]) == 0
    output, errors = capsys.readouterr()
    assert json.loads(output) == {"images": 3, "bad": 1, "left": 0, "worked": 0, "seconds": 0}
    assert "3 images in" in errors and "1 of them bad" in errors and "nothing was left to do" in errors
    assert main([*command[:-1], "3"]) == 2 and "begun with top_k 2, and now it is 3" in capsys.readouterr().err
    assert main([*command, "--part", "8"]) == 2 and "begun with part 1024" in capsys.readouterr().err
    assert main([str(images), str(rows)]) == 2 and "begun with model 'tiny'" in capsys.readouterr().err
    changed = {path for path in rows.rglob("*") if path.is_file() and path.stat().st_mtime_ns != before.get(path)}
    assert {path.name for path in changed} <= {"lock"}


def finished(images: Path, rows: Path, model: Path) -> None:
    """What a run with --top-k 2 leaves, made without Ray."""
    from server.backends.choice import Choice
    from server.bulk.output import Output
    from server.bulk.source import open_source
    from server.bulk.worker import Job, Worker
    from server.models.model import load_model

    digest = load_model(str(model), Choice("onnxruntime")).card["file_sha256"]
    output = Output(rows)
    output.begin({"source": str(images), "model": "tiny", "model_sha256": digest, "top_k": 2, "part": 1024})
    output.add(open_source(images).list_names(), 1024)
    Worker(Job(images, rows, "tiny", model.read_bytes(), 16, 2, 1))({"part": np.array([0])})


def test_help_needs_no_ray() -> None:
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "server.bulk", "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "SRC" in done.stdout and "--address" in done.stdout
