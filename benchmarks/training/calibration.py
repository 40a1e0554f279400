"""How far the scores of shipped models are from shares of right answers: python -m benchmarks.training.calibration

The calibration error of the test images as they are, with the temperature that training images give, and the lowest
that any temperature could reach. The shipped stand-ins were trained on all training images: none is held out for them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result_files import write_result
from benchmarks.training.accuracy import list_shipped
from benchmarks.training.engine_predictions import BATCH
from export.data.datasets import Dataset, Part, load_dataset
from export.models.checkpoint import CheckpointError, load_card
from export.report.calibration import calibration_error, fit_temperature
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.models.scores import softmax

TEMPERATURES = np.arange(0.3, 3.0, 0.01)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.calibration", description=__doc__)
    parser.add_argument("names", nargs="*", help="models (all that lie in MODELS)")
    parser.add_argument("--data", type=Path, required=True, help="data set with training and test images")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of cards and ONNX files (models)")
    parser.add_argument("--images", type=int, default=5000, help="training images to fit on (5000)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/calibration.json)")
    args = parser.parse_args(arguments)
    try:
        results = measure(args.names or list_shipped(args.models), args.data, args.models, args.images)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"written: {write_result('calibration', results, args.out)}")
    return 0


def measure(names: list[str], data: Path, models: Path, images: int) -> dict[str, Any]:
    """Raises CheckpointError, ValueError or OSError for a model or data that cannot be read."""
    results: dict[str, Any] = {"models": {}}
    datasets: dict[tuple[int, str], Dataset] = {}
    for name in names:
        card = load_card(models / f"{name}.safetensors")
        plain = card["preprocessing"]
        key = plain["size"], plain["resize"]
        dataset = datasets.setdefault(key, datasets.get(key) or load_dataset(data, *key))
        if dataset.labels != card["labels"]:
            raise ValueError(f"{data} has other classes than {name}")
        chosen = np.random.default_rng(0).permutation(len(dataset.train.class_ids))[:images]
        train = Part(dataset.train.images[chosen], dataset.train.class_ids[chosen])
        fitting, test = (predict(models / f"{name}.onnx", part, plain) for part in (train, dataset.test))
        row = judge(fitting, train.class_ids, test, dataset.test.class_ids)
        row["card_temperature"] = card.get("temperature")
        results["data"] = dataset.description
        results["models"][name] = row
        print(name, row, flush=True)
    return results


def predict(onnx: Path, part: Part, preprocessing: dict[str, Any]) -> np.ndarray:
    """Logits (N, classes), by ONNX Runtime."""
    backend = OnnxRuntimeBackend(onnx)
    mean, std = (np.float32(preprocessing[key]) for key in ("mean", "std"))
    try:
        batches = (part.images[i : i + BATCH].astype(np.float32) for i in range(0, len(part.images), BATCH))
        return np.concatenate(
            [backend.infer(np.ascontiguousarray(((x - mean) / std).transpose(0, 3, 1, 2))) for x in batches]
        )
    finally:
        backend.close()


def judge(fitting: np.ndarray, fitting_ids: np.ndarray, test: np.ndarray, test_ids: np.ndarray) -> dict[str, Any]:
    """Logits (N, classes) and class ids (N,) to fit on and to judge by."""
    errors = [calibration_error(softmax(test, t), test_ids) for t in TEMPERATURES]
    fitted = fit_temperature(fitting, fitting_ids)
    return {
        "fitted_on": len(fitting_ids),
        "fitting_top1": float((fitting.argmax(axis=1) == fitting_ids).mean()),
        "top1": float((test.argmax(axis=1) == test_ids).mean()),
        "test_images": len(test_ids),
        "ece": calibration_error(softmax(test), test_ids),
        "temperature": fitted,
        "ece_fitted": None if fitted is None else calibration_error(softmax(test, fitted), test_ids),
        "ece_lowest": min(errors),
        "temperature_lowest": round(float(TEMPERATURES[int(np.argmin(errors))]), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
