"""Images a second in training on a CPU, with the native kernels and without:
python -m benchmarks.training.training_kernels

The baseline and each hybrid, whose FWHT layers run on the native kernels or on PyTorch's operations, take whole steps
in turns: augmentation, forward, backward, optimizer. Before that, the losses of a first step with and without the
kernels, in float32, are compared; a hybrid for which they differ ends the run. The two-dimensional hybrids:

    python -m benchmarks.training.training_kernels --batch 128 --baseline resnet20 --models fwht2d_resnet20 \\
      fwht2d_resnet20_p3 fwht2d_resnet20_p5 --precision bf16 --out build/bench/training_kernels_2d_bf16.json

(Gradients of a whole model say little: through 52 BatchNorms of a fresh model those of float32 are some percent away
from those of float64, whoever computes them. Those of a layer are checked in tests/export/ops/test_native_layer.py and
test_native_fwht_2d.py.) The images are random: only time is measured. The instruction set is the best of the machine,
or FWHT_CPU's; the result names it.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch

from benchmarks.harness.result_files import RESULTS, write_result
from export.ops.native_library import find_library
from export.train.options import parse_options as parse_training
from export.train.training_step import TrainingStep
from server.profiling.turns import Make, alternate

BASELINE = "mobilenet_v2"
MODELS = (
    "fwht_mobilenet_v2",
    "fwht_mobilenet_v2 --paths 3 --soft",
    "fwht_mobilenet_v2_slim",
    "fwht_mf_mobilenet_v2",
)
VARIABLE = "FWHT_NATIVE"
MOST_DIFFERENCE = 1e-4  # of the loss: float32 in another order, through 52 layers


def make_step(model: str, native: bool, batch: int, size: int, precision: str = "fp32") -> Callable[[], torch.Tensor]:
    """A step of a fresh model, from the same weights each time; it returns the sums of losses and right answers."""
    words = ["--data", "none", "--image-size", str(size), "--batch-size", str(batch), "--device", "cpu", "--model"]
    words += [*model.split(), "--precision", precision]
    training_step = TrainingStep(parse_training(words), 10, 100, torch.device("cpu"))
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    class_ids, draws = torch.arange(batch) % 10, torch.zeros(batch, 5, dtype=torch.int16)
    rates = training_step.step_rates(0)[0]

    def run() -> torch.Tensor:
        os.environ[VARIABLE] = "required" if native else "off"
        return training_step.update(images, class_ids, draws, rates)

    return run


def compare_losses(model: str, batch: int, size: int) -> float:
    """Their relative difference in the first step. Raises SystemExit where it is too large."""
    native, plain = (float(make_step(model, native, batch, size)()[0]) for native in (True, False))
    difference = abs(native / plain - 1)
    if not difference <= MOST_DIFFERENCE:
        raise SystemExit(f"{model}: losses {native} and {plain} with and without the kernels")
    return difference


def measure(
    baseline: str, models: list[str], batch: int, size: int, precision: str, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """A row for the baseline and two for each hybrid: model, kernels, times of a step, images a second."""
    sides = [(baseline, False), *((model, native) for model in models for native in (True, False))]
    makers: dict[str, Make] = {
        f"{model}, native {native}": partial(make_step, model, native, batch, size, precision)
        for model, native in sides
    }
    times = alternate(makers, rounds, seconds)
    return [
        {"model": model, "native": native, "step": found, "images_per_s": 1000 * batch / found["median_ms"]}
        for (model, native), found in zip(sides, times.values())
    ]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.training_kernels", description=(__doc__ or "").split(":")[0]
    )
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS), help="hybrids, each with its options as one word")
    add("--baseline", default=BASELINE, help=f"what the hybrids are compared with ({BASELINE})")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="of the steps timed (fp32)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    add("--batch", type=int, default=64, help="images a step (64)")
    add("--size", type=int, default=32, help="pixels (32)")
    add("--rounds", type=int, default=3, help="turns of each side (3)")
    add("--seconds", type=float, default=5.0, help="of a turn (5)")
    add("--out", type=Path, help=f"JSON file ({RESULTS}/training_kernels_<threads>.json)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    args = parse_arguments(arguments)
    torch.set_num_threads(args.threads)
    os.environ[VARIABLE] = "required"
    library = find_library()
    differences = {model: compare_losses(model, args.batch, args.size) for model in args.models}
    rows = measure(args.baseline, args.models, args.batch, args.size, args.precision, args.rounds, args.seconds)
    for row in rows:
        share = row["images_per_s"] / rows[0]["images_per_s"]
        kernels = "native kernels" if row["native"] else "PyTorch"
        print(f"{row['model']:36} {kernels:16} {row['images_per_s']:8.1f} images/s {share:6.2f} of the baseline")
    conditions = {
        "instruction_set": library and library.instruction_set,
        "threads": args.threads,
        "batch": args.batch,
        "size": args.size,
        "precision": args.precision,
        "loss_differences": differences,
    }
    path = args.out or RESULTS / f"training_kernels_{args.threads}.json"
    print(f"written: {write_result('training_kernels', {**conditions, 'rows': rows}, path)}")


if __name__ == "__main__":
    main()
