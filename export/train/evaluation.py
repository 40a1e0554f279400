"""The end of a run: the best checkpoint is measured and calibrated, written with its card, and reported on."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.data.datasets import Dataset
from export.data.names import describe_name, describe_some
from export.models import build_model
from export.models.checkpoint import load_card, save_checkpoint
from export.report.calibration import calibration_error, fit_temperature
from export.report.predictions import predict
from export.train.state import load_state, save_state
from export.train.trainer import Trainer
from server.models.scores import softmax

LOW_RECALL = 0.5


def evaluate_and_save(trainer: Trainer, dataset: Dataset, preprocessing: dict[str, Any], command: str) -> None:
    """Measure the best checkpoint on the test images, in float32, and write it with its card and a report."""
    options, folder = trainer.options, trainer.folder
    best = load_state(folder.best)
    model = build_model(options.model, len(dataset.labels), options.image_size, options.variant)
    model.to(trainer.batches.device).load_state_dict(best["model"])
    logits = predict(model, dataset.test, preprocessing)
    top1 = float((logits.argmax(axis=1) == dataset.test.class_ids).mean())
    held_out = predict(model, dataset.train, preprocessing, trainer.held_out)
    scores = describe_scores(held_out, dataset.train.class_ids[trainer.held_out], logits, dataset.test.class_ids)
    card = {**make_card(trainer, dataset, preprocessing, best, top1), **scores}
    card["training"]["command"] = command
    save_checkpoint(folder.artefact, model, card)
    save_state(folder.last, {**load_state(folder.last), "finished": True})
    print(f"{folder.artefact}: {top1:.2%} of {len(logits)} test images right (epoch {best['epoch']})")
    neglected = list_neglected(logits, dataset)
    if neglected:
        print(f"note: recall below {LOW_RECALL:.0%}: {describe_some(neglected)}; docs/training.md says what helps")
    if not trainer.options.no_report:
        print_report(trainer, dataset, logits)


def list_neglected(logits: np.ndarray, dataset: Dataset) -> list[str]:
    """The classes most of whose test images get another name, the lowest recall first; one number hides them."""
    answers, class_ids = logits.argmax(axis=1), dataset.test.class_ids
    images = np.bincount(class_ids, minlength=len(dataset.labels))
    right = np.bincount(class_ids[answers == class_ids], minlength=len(dataset.labels))
    recalls = right / np.maximum(1, images)
    low = [i for i in np.argsort(recalls, kind="stable") if images[i] and recalls[i] < LOW_RECALL]
    return [f"{describe_name(dataset.labels[i])} {recalls[i]:.0%}" for i in low]


def make_card(
    trainer: Trainer, dataset: Dataset, preprocessing: dict[str, Any], best: dict[str, Any], top1: float
) -> dict[str, Any]:
    options, held_out = trainer.options, len(trainer.held_out)
    teacher = trainer.identity["options"]["teacher"]
    chosen = (
        f"the best of {trainer.epochs} epochs on {held_out} held-out training images" if held_out else "the last one"
    )
    return {
        "name": options.name,
        "architecture": options.model,
        **({"variant": options.variant} if options.variant else {}),
        "labels": dataset.labels,
        "preprocessing": preprocessing,
        "accuracy": {
            "top1": round(top1, 6),
            "images": len(dataset.test.class_ids),
            "data": dataset.description,
            "note": f"float32; {chosen}; test images read once, at the end",
        },
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


def print_report(trainer: Trainer, dataset: Dataset, logits: np.ndarray) -> None:
    """The weights are written and stay, whatever becomes of their report."""
    options, folder = trainer.options, trainer.folder
    again = f"make report-model NAME={options.name} DATA=..."
    try:
        # Here, since training does without matplotlib and scikit-learn where they are missing.
        from export.report.from_weights import make_report
        from export.report.page import report_folder

        place = report_folder(options.build, options.name)
        page = make_report(place, load_card(folder.artefact), dataset, logits, folder.log, again)
        print(f"{page}: how good each class is")
    except ImportError as error:
        print(f"no report: {error.name} is missing (python -m pip install '.[train]'); then {again} makes it")
    except OSError as error:
        print(f"no report: {error}; {again} makes it")
