"""What every rival shares: the ONNX file, the Pillow call, the labels. Needs ONNX Runtime, NumPy and Pillow only.

It decodes as the server does (a large JPEG at a fraction of its size, the centre square), but without the server's
checks of files that nobody vouches for, which the rivals do not have.
"""

from __future__ import annotations

import io
import json
import os
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

TOP_K = 5


class Classifier:
    """The model of the environment variable RIVAL_MODEL, in one session with RIVAL_THREADS threads (0: its default)."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("RIVAL_THREADS", "0"))
        self.session = onnxruntime.InferenceSession(os.environ["RIVAL_MODEL"], options, ["CPUExecutionProvider"])
        card = self.session.get_modelmeta().custom_metadata_map
        self.labels: list[str] = json.loads(card["labels"])
        self.preprocessing: dict[str, Any] = json.loads(card["preprocessing"])
        self.mean = np.float32(self.preprocessing["mean"])
        self.std = np.float32(self.preprocessing["std"])

    def preprocess(self, data: bytes) -> np.ndarray:
        """float32 (3, size, size) of an image file."""
        size = self.preprocessing["size"]
        image: Image.Image = Image.open(io.BytesIO(data))
        image.draft("RGB", (2 * size, 2 * size))
        image = image.convert("RGB")
        if image.size != (size, size):
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            image = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
        pixels = (np.asarray(image, dtype=np.float32) - self.mean) / self.std
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def compute_scores(self, batch: np.ndarray) -> np.ndarray:
        """Softmax of the logits, (N, classes)."""
        logits = np.float64(self.session.run(None, {"image": batch})[0])
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
        return result

    def rank_labels(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """The best labels of one row of `scores`."""
        best = np.argsort(-scores, kind="stable")[:TOP_K]
        return [{"label": self.labels[index], "score": round(float(scores[index]), 6)} for index in best]
