"""A served model: image files in, labels and scores out. No HTTP here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..backends.backend import Backend, infer_in_parts
from ..backends.choice import Choice, find_cards, open_backend
from ..backends.engine_card import EngineCard
from ..errors import BadRequest, ServerError, StartupError
from ..profiling.report import LayerReport
from ..stage_times import StageTimes
from . import images, model_files, preprocess
from .model_files import find_model
from .preprocess import Preprocessing
from .scores import MinScore, parse_temperature, softmax

DEFAULT_TOP_K = 5


class Model:
    """An engine with the labels and the preprocessing that belong to it.

    card: the metadata of the ONNX file, JSON values decoded; its `file_sha256`; and `not_tensorrt`, see Opened.
    temperature: divides the logits before the softmax. min_score: below it an image gets no label, where none is asked.
    last_layers: the last layer report, None before the first.
    """

    version = "1"

    def __init__(self, name: str, backend: Backend, card: Dict[str, Any], max_pixels: int = images.MAX_PIXELS) -> None:
        self.backend = backend
        self.card = card
        self.name = name
        self.labels: List[str] = card["labels"]
        self.preprocessing: Preprocessing = card["preprocessing"]
        self.temperature: float = card.get("temperature", 1.0)
        self.min_score: Optional[MinScore] = card.get("min_score")
        self.last_layers: Optional[LayerReport] = None
        self._max_pixels = max_pixels

    @property
    def engine(self) -> Optional[EngineCard]:
        """The card of the TensorRT engine that runs, None for ONNX Runtime."""
        return getattr(self.backend, "card", None)

    @property
    def problem(self) -> Optional[str]:
        """Why the model is not ready, None where it is."""
        return self.backend.problem

    def check_top_k(self, top_k: Optional[int]) -> int:
        """Return `top_k`, or for None the default; BadRequest unless it is 1 to the number of classes."""
        if top_k is None:
            return min(DEFAULT_TOP_K, len(self.labels))
        if not 1 <= top_k <= len(self.labels):
            raise BadRequest(f"top_k is {top_k}, it must be from 1 to {len(self.labels)}, the number of classes")
        return top_k

    def prepare(self, files: Sequence[bytes], times: StageTimes) -> Tuple[np.ndarray, List[Tuple[int, int]]]:
        """Decode and preprocess: float32 (N, 3, S, S), and each image's (width, height) in pixels.

        One bad image fails all: the ServerError carries its `index`.
        """
        if not files:
            raise BadRequest("the request has no image: send at least one")
        tensors, sizes = [], []
        for index, data in enumerate(files):
            try:
                with times.measure("decode"):
                    decoded = images.decode(data, self.preprocessing.size, self._max_pixels)
            except ServerError as error:
                error.index = index
                raise
            with times.measure("preprocess"):
                tensors.append(preprocess.to_tensor(decoded.image, self.preprocessing))
            sizes.append((decoded.width, decoded.height))
        if len(tensors) == 1:
            return tensors[0][None], sizes
        with times.measure("preprocess"):
            return np.stack(tensors), sizes

    def classify(
        self, files: Sequence[bytes], top_k: int, times: StageTimes, min_score: Optional[MinScore] = None
    ) -> List[Dict[str, Any]]:
        """Classify image files in this thread; one entry of the answer's `results` per file, in order."""
        self.check_top_k(top_k)
        batch, sizes = self.prepare(files, times)
        with times.measure("inference"):
            logits = infer_in_parts(self.backend, batch)
        return self.make_results(logits, sizes, top_k, times, min_score)

    def make_results(
        self,
        logits: np.ndarray,
        sizes: Sequence[Tuple[int, int]],
        top_k: int,
        times: StageTimes,
        min_score: Optional[MinScore] = None,
    ) -> List[Dict[str, Any]]:
        """The answer's `results` from logits float32 (N, K) and the images' sizes that `prepare` returned.

        min_score: instead of the model's own. Where there is one, each result says its `label`, or why it has none.
        """
        with times.measure("postprocess"):
            scores = softmax(logits, self.temperature)
            least = min_score or self.min_score
            results: List[Dict[str, Any]] = []
            for row, (width, height) in zip(scores, sizes):
                predictions = self._predictions(row, top_k)
                decided = least.decide(predictions) if least else {}
                results.append({**decided, "predictions": predictions, "image": {"width": width, "height": height}})
            return results

    def decide(self, logits: np.ndarray, min_score: Optional[MinScore] = None) -> List[Dict[str, Any]]:
        """The `label` of each image, or None and the `reason`, from logits (N, K); nothing without a min_score."""
        least = min_score or self.min_score
        scores = softmax(logits, self.temperature)
        return [least.decide(self._predictions(row, 1)) for row in scores] if least else []

    def profile(self, files: Sequence[bytes], runs: Optional[int] = None) -> LayerReport:
        """Layer report of separate, profiled runs on these files; kept as `last_layers`."""
        batch, _ = self.prepare(files[: self.backend.max_batch], StageTimes())  # what an engine takes in one run
        self.last_layers = self.backend.profile(batch, runs)
        return self.last_layers

    def close(self) -> None:
        """Free the engine."""
        self.backend.close()

    def _predictions(self, scores: np.ndarray, top_k: int) -> List[Dict[str, Any]]:
        best = np.argsort(-scores, kind="stable")[:top_k]  # stable: of equal scores the lower class comes first
        return [
            {"label": self.labels[index], "class_id": int(index), "score": round(float(scores[index]), 6)}
            for index in best
        ]


def load_model(name: str, choice: Choice = Choice(), max_pixels: int = images.MAX_PIXELS) -> Model:  # noqa: B008
    """Load a model by name, or by the path of its ONNX file; check its metadata and run it once.

    Raises StartupError: not there, broken, without metadata, labels that do not match the outputs, or no engine of
    those that `choice` allows runs it.
    """
    path, cards = _find_files(str(name), choice)
    stem = path.stem if path is not None else name
    opened = open_backend(stem, path, cards, choice)
    try:
        card = _card(opened.source, opened.metadata)
        card.update(file_sha256=opened.sha256, not_tensorrt=opened.not_tensorrt)
        _check_outputs(opened.source, opened.backend, card)
    except BaseException:
        opened.backend.close()
        raise
    return Model(stem, opened.backend, card, max_pixels)


def _find_files(name: str, choice: Choice) -> Tuple[Optional[Path], List[Path]]:
    """The ONNX file, None where there are only engines; and the cards of engines, beside a file that is named by its
    path, and in the folders."""
    if name.endswith(".onnx"):
        path = Path(name)
        return path, find_cards(path.stem, (path.parent, *model_files.FOLDERS), choice)
    cards = find_cards(name, model_files.FOLDERS, choice)
    try:
        return find_model(name), cards
    except StartupError:
        if not cards:
            raise
        return None, cards


def _card(path: Path, metadata: Dict[str, str]) -> Dict[str, Any]:
    try:
        card: Dict[str, Any] = dict(metadata)
        card["labels"] = json.loads(metadata["labels"])
        card["preprocessing"] = Preprocessing.from_json(metadata["preprocessing"])
        for key in ("accuracy", "parameters", "min_score"):
            if key in metadata:
                card[key] = json.loads(metadata[key])
        if "temperature" in metadata:
            card["temperature"] = parse_temperature(metadata["temperature"])
    except KeyError as error:
        raise StartupError(f"{path} has no metadata property {error}: export it with `make onnx`") from error
    except ValueError as error:
        raise StartupError(f"{path} has metadata that cannot be used: {error}; export it with `make onnx`") from error
    labels = card["labels"]
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise StartupError(f"{path}: labels must be a list of names, it is {labels!r}; export it with `make onnx`")
    if "min_score" in card:
        try:
            card["min_score"] = MinScore.from_json(card["min_score"], labels)
        except ValueError as error:
            raise StartupError(f"{path}: {error}; correct the card of its weights and export it again") from error
    return card


def _check_outputs(path: Path, backend: Backend, card: Dict[str, Any]) -> None:
    size = card["preprocessing"].size
    try:
        logits = backend.infer(np.zeros((1, 3, size, size), dtype=np.float32))
    except Exception as error:
        raise StartupError(f"{path} cannot be run on an image of {size} x {size}: {error}") from error
    if logits.shape != (1, len(card["labels"])):
        raise StartupError(
            f"{path} has {len(card['labels'])} labels and outputs of shape {logits.shape}:"
            " export it with one label per output"
        )
    if not np.isfinite(logits).all():
        raise StartupError(f"{path} answers a grey image with {logits[0]}: its weights are damaged, export it again")
