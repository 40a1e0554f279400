"""The end of a run: the best checkpoint is measured and calibrated, written with its card, and reported on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from export.data.datasets import Dataset
from export.data.names import describe_name, describe_some
from export.models import build_model
from export.models.checkpoint import load_card, save_checkpoint
from export.report.calibration import calibration_error, fit_temperature
from export.report.predictions import predict
from export.train.state import RunFolder, load_state, save_state
from export.train.trainer import Trainer
from server.models.scores import softmax

LOW_RECALL = 0.5


@dataclass(frozen=True)
class TrainedModel:
    """What was trained, on which data: `held_out` are positions of its training images, `card` all but the measured."""

    folder: RunFolder
    model: nn.Module
    dataset: Dataset
    preprocessing: dict[str, Any]
    held_out: np.ndarray
    card: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name


def evaluate_and_save(
    trainer: Trainer,
    dataset: Dataset,
    preprocessing: dict[str, Any],
    command: str,
    origin: dict[str, Any] | None = None,
) -> None:
    """Measure the best checkpoint on the test images, in float32, and write it with its card and a report.

    `origin`: where the weights came from that it started from, and the `teacher` that it learned from.
    """
    options, folder = trainer.options, trainer.folder
    best = load_state(folder.best)
    model = build_model(options.model, len(dataset.labels), options.image_size, options.variant)
    model.to(trainer.batches.device).load_state_dict(best["model"])
    card = make_card(trainer, dataset, preprocessing, best)
    card["training"]["command"] = command
    if origin:
        card["origin"] = origin
    trained = TrainedModel(folder, model, dataset, preprocessing, trainer.held_out, card)
    logits = measure_and_save(trained, describe_choice(trainer), f" (epoch {best['epoch']})")
    save_state(folder.last, {**load_state(folder.last), "finished": True})
    tell_neglected(logits, dataset)
    if not trainer.options.no_report:
        print_report(trained, logits)


def measure_and_save(trained: TrainedModel, chosen: str, which: str = "") -> np.ndarray:
    """Write weights and card with accuracy, temperature and calibration; the logits of the test images.

    `chosen` tells in the card how the weights were chosen, `which` in the line that is printed.
    """
    dataset, model, preprocessing = trained.dataset, trained.model, trained.preprocessing
    logits = predict(model, dataset.test, preprocessing)
    held_out = predict(model, dataset.train, preprocessing, trained.held_out)
    top1 = float((logits.argmax(axis=1) == dataset.test.class_ids).mean())
    accuracy = {
        "top1": round(top1, 6),
        "images": len(dataset.test.class_ids),
        "data": dataset.description,
        "note": f"float32; {chosen}; test images read once, at the end",
    }
    ids = dataset.train.class_ids[trained.held_out]
    scores = describe_scores(held_out, ids, logits, dataset.test.class_ids)
    save_checkpoint(trained.folder.artefact, model, {**trained.card, "accuracy": accuracy, **scores})
    print(f"{trained.folder.artefact}: {top1:.2%} of {len(logits)} test images right{which}")
    return logits


def describe_choice(trainer: Trainer) -> str:
    held_out = len(trainer.held_out)
    if not held_out:
        return "the last one"
    return f"the last of {trainer.epochs} epochs that is as good as the best on {held_out} held-out training images"


def tell_neglected(logits: np.ndarray, dataset: Dataset) -> None:
    neglected = list_neglected(logits, dataset)
    if neglected:
        print(f"note: recall below {LOW_RECALL:.0%}: {describe_some(neglected)}; docs/training.md says what helps")


def list_neglected(logits: np.ndarray, dataset: Dataset) -> list[str]:
    """The classes most of whose test images get another name, the lowest recall first; one number hides them."""
    answers, class_ids = logits.argmax(axis=1), dataset.test.class_ids
    images = np.bincount(class_ids, minlength=len(dataset.labels))
    right = np.bincount(class_ids[answers == class_ids], minlength=len(dataset.labels))
    recalls = right / np.maximum(1, images)
    low = [i for i in np.argsort(recalls, kind="stable") if images[i] and recalls[i] < LOW_RECALL]
    return [f"{describe_name(dataset.labels[i])} {recalls[i]:.0%}" for i in low]


def make_card(
    trainer: Trainer, dataset: Dataset, preprocessing: dict[str, Any], best: dict[str, Any]
) -> dict[str, Any]:
    """All but what is measured at the end."""
    options, held_out = trainer.options, len(trainer.held_out)
    teacher = trainer.identity["options"]["teacher"]
    return {
        "name": options.name,
        "architecture": options.model,
        **({"variant": options.variant} if options.variant else {}),
        "labels": dataset.labels,
        "preprocessing": preprocessing,
        "training": {
            "images": len(trainer.train),
            "heldout_images": held_out,
            "heldout_accuracy": best["heldout_accuracy"],
            "epochs": trainer.epochs,
            "chosen_epoch": best["epoch"],
            "seed": options.seed,
            "precision": options.precision,
            **({"teacher_sha256": teacher} if teacher else {}),
        },
    }


def describe_scores(
    held_out: np.ndarray, held_out_ids: np.ndarray, test: np.ndarray, test_ids: np.ndarray
) -> dict[str, Any]:
    """`temperature` and `calibration` of a card: fitted on held-out logits, judged on test logits (N, classes).

    Without a temperature, where the held-out images do not tell one, `calibration` says so.
    """
    temperature = fit_temperature(held_out, held_out_ids)
    if temperature and not lowers_error(temperature, held_out, held_out_ids):
        temperature = None
    before = round(calibration_error(softmax(test), test_ids), 6)
    if temperature is None:
        why = f"no temperature: {len(held_out)} held-out images are too few, all right, or no better scored by one"
        return {"calibration": {"ece_before": before, "test_images": len(test), "note": why}}
    after = round(calibration_error(softmax(test, temperature), test_ids), 6)
    fitted = {"fitted_on": len(held_out), "test_images": len(test), "ece_before": before, "ece_after": after}
    return {"temperature": temperature, "calibration": fitted}


def lowers_error(temperature: float, logits: np.ndarray, class_ids: np.ndarray) -> bool:
    """Whether the calibration error falls by it, and not the likelihood alone."""
    before, after = (calibration_error(softmax(logits, t), class_ids) for t in (1.0, temperature))
    return after < before


def print_report(trained: TrainedModel, logits: np.ndarray) -> None:
    """The weights are written and stay, whatever becomes of their report."""
    folder = trained.folder
    again = f"make report-model NAME={trained.name} DATA=..."
    try:
        # Here, since training does without matplotlib and scikit-learn where they are missing.
        from export.report.from_weights import make_report
        from export.report.page import report_folder

        place = report_folder(folder.build, trained.name)
        page = make_report(place, load_card(folder.artefact), trained.dataset, logits, folder.log, again)
        print(f"{page}: how good each class is")
    except ImportError as error:
        print(f"no report: {error.name} is missing (python -m pip install '.[train]'); then {again} makes it")
    except OSError as error:
        print(f"no report: {error}; {again} makes it")
