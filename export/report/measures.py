"""The numbers of a report: what report.json holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from export.report.calibration import calibration_error, sort_into_bins
from export.report.significance import wilson
from server.models.scores import softmax

MISTAKES = 20


def measure_report(
    logits: np.ndarray, class_ids: np.ndarray, labels: list[str], temperature: float | None, names: list[str]
) -> dict[str, Any]:
    """Logits (N, classes), class ids (N,) and names of N test images -> plain values; null for what no image tells."""
    scores = softmax(logits, temperature or 1.0)
    return {
        "images": len(class_ids),
        "accuracy": measure_accuracy(int((logits.argmax(axis=1) == class_ids).sum()), len(class_ids)),
        "classes": measure_classes(logits.argmax(axis=1), class_ids, labels),
        "confusion": count_confusions(logits.argmax(axis=1), class_ids, len(labels)),
        "calibration": {
            "temperature": temperature,
            "ece_before": calibration_error(softmax(logits), class_ids),
            "ece_after": None if temperature is None else calibration_error(scores, class_ids),
            "bins_before": [asdict(one) for one in sort_into_bins(softmax(logits), class_ids)],
            "bins": [asdict(one) for one in sort_into_bins(scores, class_ids)],
        },
        "mistakes": list_mistakes(scores, class_ids, labels, names),
    }


def measure_accuracy(right: int, images: int) -> dict[str, Any]:
    """The share with Wilson's 95 % interval."""
    low, high = wilson(right, images)
    return {"top1": right / images, "right": right, "low": low, "high": high}


def measure_classes(answers: np.ndarray, class_ids: np.ndarray, labels: list[str]) -> list[dict[str, Any]]:
    """Recall (of the images of a class, how many got its name) and precision (of those that got it, how many are)."""
    from sklearn.metrics import precision_recall_fscore_support

    every = range(len(labels))
    precision, recall, _, support = precision_recall_fscore_support(
        class_ids, answers, labels=list(every), zero_division=np.nan
    )
    answered = np.bincount(answers, minlength=len(labels))
    return [
        {
            "label": labels[i],
            "images": int(support[i]),
            "answers": int(answered[i]),
            "recall": None if np.isnan(recall[i]) else float(recall[i]),
            "precision": None if np.isnan(precision[i]) else float(precision[i]),
        }
        for i in every
    ]


def count_confusions(answers: np.ndarray, class_ids: np.ndarray, classes: int) -> list[list[int]]:
    """A row for each class, a column for each answer."""
    from sklearn.metrics import confusion_matrix

    counts: list[list[int]] = confusion_matrix(class_ids, answers, labels=list(range(classes))).tolist()
    return counts


def list_mistakes(
    scores: np.ndarray, class_ids: np.ndarray, labels: list[str], names: list[str]
) -> list[dict[str, Any]]:
    """The wrong answers with the highest scores, the most confident first; `image` counts the test images from 0."""
    answers, best = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(answers != class_ids)
    order = wrong[np.argsort(-best[wrong], kind="stable")][:MISTAKES]
    return [
        {
            "image": int(i),
            "name": names[i],
            "label": labels[class_ids[i]],
            "answer": labels[answers[i]],
            "score": float(best[i]),
        }
        for i in order
    ]
