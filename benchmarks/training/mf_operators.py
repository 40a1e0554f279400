"""How the multiplication-free operators train, by the size of their first weights:
python -m benchmarks.training.mf_operators

Two measurements (docs/multiplication_free.md): how much larger the gradient gets on its way back through the layers of
an untrained hybrid, beside what theory says, and the learning curves of short runs. Hours on a CPU; a run that is done
is not repeated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.training.trial_trainings import TrialTrainings
from export.data.datasets import Dataset
from export.models import build_model
from export.ops.layers import MFDepthwiseConv
from export.train.initialisation import initialise

HYBRID, PLAIN_HYBRID = "fwht_mf_mobilenet_v2", "fwht_mobilenet_v2"
LAYERS = [f"blocks.{i}.depthwise" for i in range(13, 18)]
IMAGES = 128
PYTORCH = 1 / 3  # the bound of PyTorch's own initialisation of 3x3 depthwise weights
BOUNDS = (PYTORCH, 1.0, 2.0, 3.0, 4.0, 6.0)
# operator (0: ordinary depthwise convolutions), bound, further options
RUNS: tuple[tuple[int, float, tuple[str, ...]], ...] = (
    (2, PYTORCH, ()),
    (2, 3.0, ()),
    (1, PYTORCH, ()),
    (0, PYTORCH, ()),
    (3, 3.0, ()),
    (3, PYTORCH, ()),
    (2, 1.0, ()),
    (2, 6.0, ()),
    (2, PYTORCH, ("--lr", "0.005")),
)


def predict_growth(operator: int, bound: float, samples: int = 100_000, weights: int = 200) -> float:
    """By how much one layer multiplies a gradient's variance where BatchNorm brings its output back to size 1: P / V.

    x is ReLU(N(0, 1)) and w uniform below the bound. P is the mean of (d op / d x)^2, 0 where ReLU has cut x; V the
    variance of op(x, w) over x, averaged over w.
    """
    random = np.random.default_rng(0)
    x = np.maximum(random.normal(size=samples), 0)
    follows, spread = [], []
    for w in random.uniform(-bound, bound, weights):
        if operator == 0:
            slope, value = w * (x > 0), w * x
        elif operator == 1:  # sgn(w) x + w sgn(x): it jumps at 0, which the surrogate gradient leaves out
            slope, value = np.sign(w) * (x > 0), np.sign(w) * x + w * np.sign(x)
        else:
            on = w > 0 or operator == 2
            slope, value = on * ((x > 0) & (x < abs(w))), on * np.minimum(x, abs(w))
        follows.append(np.mean(slope.astype(float) ** 2))
        spread.append(np.var(value))
    return float(np.mean(follows) / np.mean(spread))


def measure_gradients(dataset: Dataset, operator: int, bound: float, seed: int) -> dict[str, Any]:
    """The gradient of an untrained hybrid's loss.

    `stem` is |gradient| / |weight| of the first convolution, `growth` the mean factor by which the gradient of a hybrid
    block's depthwise input grows from one block to the one before it, `follows` the share of inputs and weights in
    which the output follows the input, `weights` |gradient| / |weight| of the depthwise weights.
    """
    torch.manual_seed(seed)
    model = build_hybrid(operator, dataset.train.images.shape[1])
    if operator > 1:
        initialise(model, "ramp", bound, np.random.default_rng(seed))
    inputs: dict[str, Tensor] = {}

    def keep(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        args[0].retain_grad()
        inputs[str(module.path)] = args[0]

    for path in LAYERS:
        layer = model.get_submodule(path)
        layer.path = path  # type: ignore[assignment]
        layer.register_forward_pre_hook(keep)
    chosen = np.random.default_rng(seed).permutation(len(dataset.train.images))[:IMAGES]
    pixels = torch.from_numpy(dataset.train.images[chosen]).permute(0, 3, 1, 2).float()
    loss = F.cross_entropy(model((pixels - 120) / 63), torch.from_numpy(dataset.train.class_ids[chosen]))
    loss.backward()  # type: ignore[no-untyped-call]
    given = [inputs[path] for path in LAYERS]
    sizes = [float((x.grad * (x > 0)).norm()) for x in given if x.grad is not None]
    weights = [compute_relative_gradient(model, f"{path}.weight") for path in LAYERS]
    return {
        "stem": compute_relative_gradient(model, "stem.weight"),
        "growth": (sizes[0] / sizes[-1]) ** (1 / (len(sizes) - 1)),
        "follows": float(np.mean([measure_following(inputs[path], model.get_submodule(path)) for path in LAYERS])),
        "weights": float(np.mean(weights)),
    }


def build_hybrid(operator: int, size: int) -> nn.Module:
    if operator:
        return build_model(HYBRID, 10, size, {"operator": operator}).train()
    return build_model(PLAIN_HYBRID, 10, size).train()


def compute_relative_gradient(model: nn.Module, name: str) -> float:
    weight = model.get_parameter(name)
    return 0.0 if weight.grad is None else float(weight.grad.norm() / weight.detach().norm())


def measure_following(x: Tensor, layer: nn.Module) -> float:
    """Of all pairs of an input and a weight of its channel, those in which the output changes with the input."""
    if not isinstance(layer, MFDepthwiseConv) or layer.operator == 1:
        return float((x > 0).float().mean())
    weight = layer.weight.detach().reshape(1, layer.channels, 9)
    limits = weight.clamp(min=0) if layer.operator == 3 else weight.abs()
    flat = x.detach().flatten(2)
    return float(np.mean([((flat > 0) & (flat < limits[..., k : k + 1])).float().mean().item() for k in range(9)]))


def main() -> None:
    runs = TrialTrainings("mf_operators", __doc__)
    runs.result["gradients"] = []
    for operator in (0, 1, 2, 3):
        for bound in BOUNDS if operator > 1 else (PYTORCH,):
            seeds = [measure_gradients(runs.dataset, operator, bound, seed) for seed in range(3)]
            row = {"operator": operator, "bound": bound, "theory": predict_growth(operator, bound), "seeds": seeds}
            runs.result["gradients"].append(row)
            means = {key: round(float(np.mean([one[key] for one in seeds])), 5) for key in seeds[0]}
            print(f"operator {operator}, bound {bound:.3g}: theory {row['theory']:.3g}, {means}", flush=True)
            runs.write()
    for seed, (operator, bound, more) in runs.list_runs(RUNS):
        words = ["--model", HYBRID, "--operator", str(operator), "--mf-init", f"{bound:.4g}"]
        words = words if operator else ["--model", PLAIN_HYBRID]
        runs.run([*words, *more], seed, operator=operator, bound=bound)
    print(f"written: {runs.args.out}")


if __name__ == "__main__":
    main()
