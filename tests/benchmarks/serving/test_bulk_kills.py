"""A slice of `make soak`: a bulk run that is killed once and gone on with, and what counts as a problem."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.serving.bulk_images import write_images
from benchmarks.serving.bulk_kills import MODEL, find_problems, measure
from tests.tools import need_bulk

need_bulk()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_killed_once() -> None:
    found = measure(600, 1, 7, "--part", "16")
    assert found["problems"] == []
    killed, ended = found["events"]
    assert 0 < killed["parts"] < killed["of"] == 38 and ended["images"] == 600 and ended["bad"] == found["bad"] == 50
    assert ended["worked"] <= 600 - 16 * killed["parts"]


def test_what_counts_as_a_problem(tmp_path: Path) -> None:
    from server.backends.choice import Choice
    from server.bulk.output import Output
    from server.models.model import load_model
    from server.stage_times import StageTimes

    images = tmp_path / "images"
    good, twice, wrong, missing, spoiled = names = write_images(images, 5)
    output = Output(tmp_path / "rows")
    output.begin({})
    (result,) = load_model(MODEL, Choice("onnxruntime")).classify([(images / good).read_bytes()], 1, StageTimes())
    best = result["predictions"][0]
    rows = [{"path": name, **best} for name in (good, twice, twice, spoiled, "stranger")]
    output.write(0, [*rows, {"path": wrong, **best, "label": "plane"}], {})
    found = find_problems(tmp_path / "rows", images, names, {spoiled}, [good, wrong])
    assert [problem.split(" ", 1)[1] for problem in found[:-1]] == [
        "has 2 rows",
        "has 0 rows",
        "is no image",
        "is bad and has no reason",
    ]
    assert found[-1].startswith(f"{wrong} is ") and len(found) == 5
