"""Classify all test images with every shipped model, through every engine there is:
python -m benchmarks.training.accuracy

PyTorch and ONNX Runtime on the CPU in float32, and the TensorRT engines of `make engine` where there are any; what
could not be run is named with the reason. Labels are compared image by image (McNemar's test), so that two models that
saw the same images can be told apart better than by their shares alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness.families import find_baseline
from benchmarks.harness.result_files import write_result
from benchmarks.training.engine_predictions import REFERENCE, Predictions, predict_with_engines
from benchmarks.training.operations import count_operations
from export.data.datasets import load_dataset
from export.models.checkpoint import CheckpointError, load_card, load_checkpoint
from export.report.significance import compare, wilson
from export.to_onnx.from_checkpoint import SAMPLES
from server.errors import StartupError

TWINS = ("fwht_mf_mobilenet_v2", "fwht_mobilenet_v2")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options."""
    args = parse_options(arguments)
    try:
        names = args.names or list_shipped(args.models)
        kept = read_kept(args.keep, names, args.models) if args.keep else None
        results = measure(names, args.data, args.models, args.engines, kept)
    except (CheckpointError, StartupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"written: {write_result('accuracy', results, args.out)}")
    return 0


def list_shipped(models: Path) -> list[str]:
    """Raises ValueError for a folder without weights: an empty result would replace a measured one."""
    names = sorted(path.stem for path in models.glob("*.safetensors"))
    if not names:
        raise ValueError(f"{models} has no weights (*.safetensors): name the folder with --models")
    return names


def measure(
    names: list[str], data: Path, models: Path, engines_folder: Path, kept: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The results of `names`, and the rows of `kept`.

    Raises CheckpointError, StartupError, ValueError or OSError for a model or data that cannot be read, and ValueError
    for images other than those of `kept`, before any is classified.
    """
    results: dict[str, Any] = {"data": {}, "models": {}, "comparisons": []}
    right: dict[str, np.ndarray] = {}
    for name in names:
        model, card = load_checkpoint(models / f"{name}.safetensors")
        plain = card["preprocessing"]
        dataset = load_dataset(data, plain["size"], plain["resize"], to_train=False)
        check_labels(name, card["labels"], dataset.labels)
        results["data"] = {"description": dataset.description, "sha256": dataset.sha256()}
        if kept and kept["data"]["description"] != dataset.description:  # the hash is of the pixels at a model's size
            raise ValueError(f"the results to keep are of other images: {kept['data']['description']}")
        pixels = dataset.test.images.astype(np.float32)
        images = ((pixels - np.float32(plain["mean"])) / np.float32(plain["std"])).transpose(0, 3, 1, 2)
        found = predict_with_engines(name, model, np.ascontiguousarray(images), models, engines_folder)
        truth, reference = dataset.test.class_ids, found[REFERENCE]
        right[name] = np.asarray(reference == truth)
        engines = {engine: judge(ids, np.asarray(reference), truth) for engine, ids in found.items()}
        results["models"][name] = {**describe_model(model, card, models / name), "engines": engines}
        print_engines(name, engines)
    results["comparisons"] = compare_models(right)
    for row in results["comparisons"]:
        first, second = row["models"]
        print(f"{first} against {second}: {row['points']:+.2f} points, p = {row['p']:.3g} (McNemar)")
    if kept:
        results["models"] = dict(sorted({**kept["models"], **results["models"]}.items()))
        results["comparisons"] += kept["comparisons"]
    return results


def read_kept(path: Path, names: list[str], models: Path) -> dict[str, Any]:
    """Earlier results without the models of `names`, and the comparisons that hold still: both models have the weights
    they had, and not both are measured anew.

    Raises ValueError for another file, OSError for none, and CheckpointError or ValueError where a model is not shipped
    any more or has other weights now.
    """
    earlier = json.loads(path.read_text())
    if not isinstance(earlier, dict) or earlier.get("benchmark") != "accuracy":
        raise ValueError(f"{path} holds no results of this benchmark: name its JSON file with --keep")
    same = {name for name, row in earlier["models"].items() if row["weights_sha256"] == read_hash(models, name)}
    kept = {name: row for name, row in earlier["models"].items() if name not in names}
    for name in sorted(kept.keys() - same):
        raise ValueError(f"{name} has other weights now than in {path}: measure it, too")
    pairs = [
        row for row in earlier["comparisons"] if same >= set(row["models"]) and not set(names) >= set(row["models"])
    ]
    return {**earlier, "models": kept, "comparisons": pairs}


def read_hash(models: Path, name: str) -> str:
    return str(load_card(models / f"{name}.safetensors")["sha256"])


def check_labels(name: str, labels: list[str], found: list[str]) -> None:
    if labels != found:
        raise ValueError(
            f"{name} tells {', '.join(labels[:3])}, ... apart, the images are of {', '.join(found[:3])}, ..."
        )


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.accuracy", description=(__doc__ or "").split(":")[0]
    )
    add = parser.add_argument
    add("names", nargs="*", help="models (all that lie in MODELS)")
    add("--data", type=Path, default=SAMPLES, help="data set whose test images are classified (1,000 of CIFAR-10)")
    add("--models", type=Path, default=Path("models"), help="folder of weights, cards and ONNX files (models)")
    add("--engines", type=Path, default=Path("build"), help="folder of the TensorRT engines (build)")
    add("--keep", type=Path, help="earlier results (JSON): rows of models that are not named stay")
    add("--out", type=Path, help="JSON file (build/bench/accuracy.json)")
    return parser.parse_args(arguments)


def describe_model(model: torch.nn.Module, card: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a model is and costs, for one image of its size."""
    operations = count_operations(model, card["preprocessing"]["size"])
    return {
        "architecture": card["architecture"],
        "parameters": card["parameters"],
        "multiply_adds": operations.multiply_adds,
        "additions": operations.additions,
        "tanh": operations.tanh,
        "onnx_bytes": path.with_suffix(".onnx").stat().st_size,
        "weights_bytes": path.with_suffix(".safetensors").stat().st_size,
        "weights_sha256": card["sha256"],
        "trained": card.get("training", {}),
        "card_top1": card.get("accuracy", {}).get("top1"),
    }


def judge(found: Predictions, reference: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    if isinstance(found, str):
        return {"skipped": found}
    correct = int((found == truth).sum())
    low, high = wilson(correct, len(truth))
    other = int((found != reference).sum())
    return {
        "correct": correct,
        "images": len(truth),
        "top1": correct / len(truth),
        "low": low,
        "high": high,
        "other_labels": other,
    }


def compare_models(right: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Every hybrid against what it is made of, and the multiplication-free hybrid against its twin, in PyTorch."""
    pairs = [(name, find_baseline(name)) for name in right if name != find_baseline(name)] + [TWINS]
    there = [pair for pair in pairs if right.keys() >= set(pair)]
    return [{"models": pair, **compare(right[pair[0]], right[pair[1]])} for pair in there]


def print_engines(name: str, engines: dict[str, dict[str, Any]]) -> None:
    for engine, row in engines.items():
        if "skipped" in row:
            print(f"{name:24} {engine:18} not run: {row['skipped']}")
        else:
            interval = f"({row['low']:.2%} to {row['high']:.2%})"
            other = f"{row['other_labels']} labels differ from PyTorch's"
            print(f"{name:24} {engine:18} {row['top1']:.2%} {interval} of {row['images']}, {other}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
