"""The loss of a step, and the teacher that may have a part in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from export.models import build_model
from export.models.checkpoint import CheckpointError, save_checkpoint
from export.train.loss import Teacher, training_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]], dtype=torch.float64)
TAUGHT = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 2.0]], dtype=torch.float64)
CLASS_IDS = torch.tensor([0, 1])


def softmax(values: torch.Tensor) -> torch.Tensor:
    return values.exp() / values.exp().sum(1, keepdim=True)


def test_smoothed_cross_entropy() -> None:
    """Nine tenths of the target and a tenth spread over all three classes."""
    logs = softmax(LOGITS).log()
    expected = -(0.9 * logs[[0, 1], CLASS_IDS] + 0.1 * logs.mean(1)).mean()
    assert training_loss(LOGITS, CLASS_IDS, 0.1).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_teacher_takes_its_share_softened_by_the_temperature() -> None:
    taught, own = softmax(TAUGHT / 4), softmax(LOGITS / 4)
    distance = (taught * (taught / own).log()).sum(1).mean()
    plain = training_loss(LOGITS, CLASS_IDS, 0.0)
    found = training_loss(LOGITS, CLASS_IDS, 0.0, TAUGHT, share=0.7, temperature=4.0)
    assert found.item() == pytest.approx((0.3 * plain + 0.7 * 16 * distance).item(), rel=1e-12)
    assert training_loss(LOGITS, CLASS_IDS, 0.0, LOGITS, share=1.0, temperature=4.0).item() == pytest.approx(
        0, abs=1e-15
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    preprocessing = {
        "size": 8,
        "resize": "crop",
        "colour": "RGB",
        "mean": [120.0, 110.0, 100.0],
        "std": [60.0, 50.0, 40.0],
    }
    card: dict[str, Any] = {"architecture": "resnet32", "labels": ["a", "b"], "preprocessing": preprocessing}
    save_checkpoint(path, build_model("resnet32", 2, 8), card)
    return path


def test_a_teacher_reads_images_as_it_was_trained_to(trained: Path) -> None:
    """The same pixels, normalised in two ways, within a few float32 roundings of each other."""
    pixels = torch.randint(0, 256, (4, 3, 8, 8)).float()
    student = Teacher(trained, ["a", "b"], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    own = Teacher(trained, ["a", "b"], [120.0, 110.0, 100.0], [60.0, 50.0, 40.0])

    def normal(mean: list[float], std: list[float]) -> torch.Tensor:
        return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]

    found = student(normal([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
    expected = own(normal([120.0, 110.0, 100.0], [60.0, 50.0, 40.0]))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not student.training
    assert not any(parameter.requires_grad for parameter in student.parameters())


def test_a_teacher_of_another_size_sees_the_images_resized(trained: Path) -> None:
    """A plane of one value stays one; what is twice as large comes back as it was, but for the filter's edges."""
    teacher = Teacher(trained, ["a", "b"], [120.0, 110.0, 100.0], [60.0, 50.0, 40.0])
    small = torch.linspace(-1, 1, 8).expand(2, 3, 8, 8)
    assert torch.equal(teacher.prepare(small), small) and teacher(small).shape == (2, 2)
    for size in (4, 16, 31):
        plane = teacher.prepare(torch.full((2, 3, size, size), 0.75))
        assert plane.shape == (2, 3, 8, 8) and (plane - 0.75).abs().max() < 1e-6
    twice = small.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    torch.testing.assert_close(teacher.prepare(twice)[..., 1:-1], small[..., 1:-1], rtol=0, atol=1e-6)


def test_a_teacher_that_does_not_fit_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="knows the classes a, b, not those of --data"):
        Teacher(trained, ["b", "a"], [0.0] * 3, [1.0] * 3)
    with pytest.raises(CheckpointError, match=r"none\.json is missing"):
        Teacher(tmp_path / "none.safetensors", ["a", "b"], [0.0] * 3, [1.0] * 3)
