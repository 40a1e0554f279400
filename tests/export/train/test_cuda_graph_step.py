"""A step can be recorded: it reads nothing back, stays in place, and what it changes can be undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.train.loss import Teacher
from export.train.options import parse_options
from export.train.training_step import TrainingStep

pytestmark = pytest.mark.usefixtures("one_thread")
LABELS = [str(i) for i in range(10)]
PREPROCESSING = {"size": 8, "resize": "crop", "colour": "RGB", "mean": [120.0] * 3, "std": [60.0] * 3}
# Values that come back to the CPU, or shapes that depend on them: the GPU would have to be waited for.
READ_BACK = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2", "unique_dim"}
FROM_NOTHING = {"arange", "empty", "zeros", "ones", "full", "scalar_tensor", "lift_fresh", "tensor"}


def make_training_step(folder: Path, device: str, *arguments: str) -> TrainingStep:
    words = ["--data", "d", "--image-size", "8", "--ema", "0.9", "--cutout", "3", "--teacher", "t", *arguments]
    options = parse_options(words)
    path = folder / "teacher.safetensors"
    card: dict[str, Any] = {"architecture": "resnet32", "labels": LABELS, "preprocessing": PREPROCESSING}
    save_checkpoint(path, build_model("resnet32", 10, 8), card)
    return TrainingStep(options, 10, 4, torch.device(device), Teacher(path, LABELS, [120.0] * 3, [60.0] * 3))


def batch(seed: int, device: str = "cpu") -> list[Tensor]:
    """Images, class ids, drawn numbers and rates."""
    random = torch.Generator().manual_seed(seed)
    images, ids = torch.randn(8, 3, 8, 8, generator=random), torch.randint(0, 10, (8,), generator=random)
    draws = torch.randint(0, 2, (8, 5), generator=random).to(torch.int16)
    return [tensor.to(device) for tensor in (images, ids, draws, torch.tensor([0.02, 0.5]))]


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The ops that run, and those that make a tensor without being told on which device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: set[str] = set()
        self.homeless: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.ops.add(name)
        if name in FROM_NOTHING and (kwargs or {}).get("device") is None:
            self.homeless.add(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("model", ["fwht_mf_mobilenet_v2", "fwht_mobilenet_v2_slim", "resnet32"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_reads_nothing_back_and_makes_nothing_on_the_cpu(tmp_path: Path, model: str, precision: str) -> None:
    training_step = make_training_step(tmp_path, "cpu", "--model", model, "--precision", precision)
    first, second = batch(0), batch(1)
    training_step.update(*first)
    with Recorder() as recorder:
        training_step.update(*second)
    assert {"_fused_sgd_", "convolution_backward", "_foreach_add_", "arange"} <= recorder.ops
    assert recorder.ops & READ_BACK == set()
    assert recorder.homeless == set()


@pytest.mark.parametrize("operator", ["1", "2", "3"])
def test_what_a_step_changes_is_changed_in_place_and_can_be_undone(tmp_path: Path, operator: str) -> None:
    training_step = make_training_step(
        tmp_path, "cpu", "--model", "fwht_mf_mobilenet_v2", "--operator", operator, "--scale"
    )
    training_step.update(*batch(0))
    changed = training_step._list_changed_tensors()
    places, before = [t.data_ptr() for t in changed], [t.clone() for t in changed]
    sums = training_step.update(*batch(1)).clone()
    after = [t.clone() for t in changed]
    assert [t.data_ptr() for t in training_step._list_changed_tensors()] == places
    still = [not torch.equal(a, b) for a, b in zip(before, after)]
    assert sum(still) > 0.95 * len(still)  # a threshold below which nothing falls has no gradient
    for tensor, value in zip(changed, before):
        tensor.copy_(value)
    assert torch.equal(training_step.update(*batch(1)), sums)
    assert all(torch.equal(a, b) for a, b in zip(training_step._list_changed_tensors(), after))


@pytest.mark.gpu
@pytest.mark.parametrize("model", ["fwht_mf_mobilenet_v2", "resnet32"])
def test_a_recorded_step_is_the_step(tmp_path: Path, model: str) -> None:
    """float32 on both sides; additions may come in another order: equal but for rounding, 1e-3 after 4 steps."""
    words = ["--model", model]
    plain, recorded = (
        make_training_step(tmp_path, "cuda", *words),
        make_training_step(tmp_path, "cuda", *words, "--cuda-graph"),
    )
    for seed in range(4):
        sums = [training_step.update(*batch(seed, "cuda")).clone() for training_step in (plain, recorded)]
        torch.testing.assert_close(sums[0], sums[1], rtol=1e-3, atol=1e-3)
    for a, b in zip(plain._list_changed_tensors(), recorded._list_changed_tensors()):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
