"""What a run refuses before it computes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.train.loss import Teacher
from export.transfer.tail_start import check_embedding

PREPROCESSING = {"size": 8, "resize": "crop", "colour": "RGB", "mean": [120.0] * 3, "std": [60.0] * 3}


def test_embedding_of_another_width_is_no_hint(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    card = {"architecture": "resnet32", "labels": ["a", "b"], "preprocessing": PREPROCESSING}
    save_checkpoint(path, build_model("resnet32", 2, 8), card)
    teacher = Teacher(path, ["a", "b"], [120.0] * 3, [60.0] * 3)
    check_embedding(teacher, build_model("resnet32", 2, 16))
    with pytest.raises(ValueError, match="the teacher's embedding has 64 values and the model's 1280: choose --hint 0"):
        check_embedding(teacher, build_model("fwht_mobilenet_v2", 2, 8))
