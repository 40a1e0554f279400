"""The study of hybrids: the same images for every setting, rows that are kept, and a table of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.pages import hybrid_study_table
from benchmarks.training.hybrid_settings import BASELINE, SETTINGS
from benchmarks.training.hybrid_study import choose_images, main
from export.data.packed_images import CIFAR10_LABELS
from export.models import apply_variant, build_model
from export.models.checkpoint import save_checkpoint
from export.train.initialisation import THRESHOLD_INITS
from export.transfer.tail_step import TailOptions
from tests.export.train.training_runs import TRAIN_400

pytestmark = pytest.mark.usefixtures("torch_one_thread")


@pytest.fixture
def torch_one_thread() -> None:
    torch.set_num_threads(1)


def test_every_setting_can_be_built_and_differs() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    for setting in SETTINGS:
        apply_variant(setting.architecture, setting.variant)
        TailOptions(8, **setting.options)
        assert setting.threshold_init in THRESHOLD_INITS


def test_images_to_judge_on_are_none_to_learn_from() -> None:
    class_ids = np.arange(100) % 5
    learnt, judged = choose_images(class_ids, 50, 20)
    assert not set(learnt) & set(judged)
    assert np.bincount(class_ids[learnt]).tolist() == [10] * 5
    assert np.bincount(class_ids[judged]).tolist() == [4] * 5
    with pytest.raises(ValueError, match="20 images, not 18 and 4"):
        choose_images(class_ids, 90, 20)


def test_rows_are_kept_and_make_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline, out = tmp_path / "baseline.safetensors", tmp_path / "hybrid_study.json"
    plain = {"size": 16, "resize": "crop", "colour": "RGB", "mean": [127.0] * 3, "std": [128.0] * 3}
    card = {"architecture": BASELINE, "labels": list(CIFAR10_LABELS), "preprocessing": plain}
    save_checkpoint(baseline, build_model(BASELINE, 10, 16), card)
    words = ["--data", str(TRAIN_400), "--baseline", str(baseline), "--images", "40", "--heldout", "20", "--views", "1"]
    words += ["--epochs", "1", "--seeds", "1", "--build", str(tmp_path / "build"), "--out", str(out)]
    assert main([*words, "--settings", "1"]) == 0
    first = json.loads(out.read_text())["rows"]
    assert main([*words, "--settings", "2"]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert rows[0] == first[0]
    assert [row["setting"] for row in rows] == [setting.name for setting in SETTINGS[:2]]
    assert [row["heldout"] for row in rows] == [20, 20]
    assert main([*words, "--views", "2"]) == 1
    assert "measured under other conditions" in capsys.readouterr().err
    monkeypatch.setattr("benchmarks.pages.results.RESULTS", tmp_path)
    monkeypatch.setattr(hybrid_study_table, "RESULTS", tmp_path)
    table = hybrid_study_table.make_study_table()
    assert "| convolutions kept | 3,425,834 |" in table
    assert "40 training images of 16 pixels in 1 views, 1 epochs in fp32" in table
