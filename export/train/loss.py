"""What a step makes smaller: cross-entropy with smoothed labels, and the distance to a teacher where there is one."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.models.checkpoint import load_checkpoint
from export.models.initial_weights import describe_origin


def training_loss(
    logits: Tensor,
    class_ids: Tensor,
    smoothing: float,
    teacher_logits: Tensor | None = None,
    share: float = 0.0,
    temperature: float = 1.0,
) -> Tensor:
    """(N, classes) and (N,) -> the mean over the images.

    With a teacher a `share` of it is T^2 KL(softmax(teacher / T) || softmax(logits / T)), T the temperature: Hinton,
    Vinyals, Dean, arXiv 1503.02531. T^2 keeps the size of its gradient whatever T is.
    """
    loss = F.cross_entropy(logits, class_ids, label_smoothing=smoothing)
    if teacher_logits is None:
        return loss
    student, teacher = (F.log_softmax(values / temperature, dim=1) for values in (logits, teacher_logits))
    distance = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return (1 - share) * loss + share * temperature**2 * distance


class Teacher(nn.Module):
    """A trained model that reads images made for the student: (N, 3, S, S), normalised -> logits (N, classes).

    `size`: the pixels that the teacher itself reads; images of another size are resized, bilinearly as the server does
    it, so that a small student can learn from a model of larger images. `origin`: what the student's card says of it.
    """

    gain: Tensor
    bias: Tensor

    def __init__(self, path: Path, labels: list[str], mean: list[float], std: list[float]) -> None:
        """`mean` and `std` of the student.

        Raises CheckpointError for unusable weights, ValueError where it knows other classes.
        """
        super().__init__()
        self.model, card = load_checkpoint(path)
        own = card["preprocessing"]
        if card["labels"] != labels:
            known = ", ".join(card["labels"][:10])
            raise ValueError(f"--teacher {path} knows the classes {known}, not those of --data")
        self.size: int = own["size"]
        self.sha256: str = card["sha256"]
        self.origin = describe_origin(path, card)
        spread = torch.tensor(own["std"])
        self.register_buffer("gain", (torch.tensor(std) / spread)[:, None, None])
        self.register_buffer("bias", ((torch.tensor(mean) - torch.tensor(own["mean"])) / spread)[:, None, None])
        self.requires_grad_(False)
        self.eval()

    def prepare(self, images: Tensor) -> Tensor:
        """Images made for the student, as the teacher wants them: (N, 3, size, size), normalised its way."""
        images = images * self.gain + self.bias
        if images.shape[-1] == self.size:
            return images
        return F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(self.prepare(images))
        return logits
