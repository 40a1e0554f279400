"""Seconds that an epoch of 50,000 images takes in training, by how a step is run:
python -m benchmarks.training.training_speed

On a GPU: as it comes, recorded as a CUDA graph, compiled and recorded, in bf16 and in float32, each with batches of
several sizes. What a variant costs before it is under way (recording, compiling) is told apart. The images are random:
only time is measured. On a CPU the same code runs without the variants that need a GPU. A variant that fails is named
with its error.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from benchmarks.harness.result_files import write_result
from export.models import MODELS
from export.train.options import parse_options
from export.train.training_step import TrainingStep

IMAGES = 50_000
WARM_UP = 3
VARIANTS = ("bf16", "bf16 --cuda-graph", "bf16 --cuda-graph --compile", "fp32 --cuda-graph", "fp32")


def main(arguments: list[str] | None = None) -> None:
    args = parse_arguments(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = []
    print("model, precision and options, batch: seconds an epoch, ms a step; seconds before it was under way")
    for model in args.models:
        for variant in args.variants:
            if device.type == "cpu" and "--cuda-graph" in variant:
                continue
            for batch in args.batches:
                row = {"model": model, "variant": variant, "batch": batch}
                try:
                    row.update(measure(model, variant, batch, args, device))
                    figures = f"{row['epoch_s']:7.2f} s {row['step_ms']:8.2f} ms; {row['first_s']:.1f} s"
                except (
                    Exception
                ) as error:  # of CUDA, cuDNN or the compiler: the other variants are of interest all the same
                    row["error"] = figures = f"{type(error).__name__}: {error}".splitlines()[0]
                rows.append(row)
                print(f"{model:24} {variant:28} {batch:5} {figures}", flush=True)
    gpu = torch.cuda.get_device_name() if device.type == "cuda" else None
    print(f"written: {write_result('training_speed', {'gpu': gpu, 'rows': rows}, args.out)}")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.training_speed", description=(__doc__ or "").split(":")[0]
    )
    add = parser.add_argument
    add("--models", nargs="+", choices=tuple(MODELS), default=["mobilenet_v2", "fwht_mf_mobilenet_v2"])
    add(
        "--variants",
        nargs="+",
        default=list(VARIANTS),
        help="precision and options of export.train, a word each",
    )
    add("--batches", nargs="+", type=int, default=[128, 512])
    add("--size", type=int, default=32, help="pixels (32)")
    add("--seconds", type=float, default=3.0, help="of each measurement (3)")
    add("--out", type=Path, help="JSON file (build/bench/training_speed.json)")
    return parser.parse_args(arguments)


def measure(model: str, variant: str, batch: int, args: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Time whole steps, the first ones apart; as many as fit into the seconds given, two at least."""
    words = ["--data", "none", "--model", model, "--image-size", str(args.size), "--batch-size", str(batch)]
    options = parse_options([*words, "--ema", "0.998", "--precision", *variant.split()])
    begin = time.perf_counter()
    training_step = TrainingStep(options, 10, max(1, IMAGES // batch), device)
    images, class_ids = (
        torch.randn(batch, 3, args.size, args.size, device=device),
        torch.arange(batch, device=device) % 10,
    )
    draws, rates = torch.zeros(batch, 5, device=device, dtype=torch.int16), training_step.step_rates(0)[0]
    for _ in range(WARM_UP):
        training_step.update(images, class_ids, draws, rates)
    synchronise(device)
    under_way, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - under_way < args.seconds:
        for _ in range(2):  # launched without waiting, as in training
            training_step.update(images, class_ids, draws, rates)
        synchronise(device)
        steps += 2
    each = (time.perf_counter() - under_way) / steps
    return {"first_s": under_way - begin, "step_ms": 1000 * each, "epoch_s": each * IMAGES / batch}


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
