"""The answer to an inference: the logits, or the best classes of each image; as JSON or as bytes."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np

from ..errors import BadRequest
from ..models.model import Model
from . import binary_tensors
from .request import DATATYPE, OUTPUT, InferRequest


class Answer(NamedTuple):
    """A response's body and headers."""

    body: bytes
    headers: Dict[str, str]


def encode_answer(asked: InferRequest, model: Model, logits: np.ndarray, request_id: str) -> Answer:
    """logits: float32 (N, classes). Raises BadRequest where they are not finite, which JSON could not say."""
    if not np.isfinite(logits).all():
        raise BadRequest("the logits overflow: the input must be normalised as GET /v1/models describes")
    output, binary = encode_classes(asked, model, logits) if asked.classes else encode_logits(asked, logits)
    text = json.dumps(  # ASCII: an id may hold half a surrogate pair, which UTF-8 cannot
        {
            "model_name": model.name,
            "model_version": model.version,
            "id": asked.id or request_id,
            "outputs": [output],
        },
        separators=(",", ":"),
    ).encode("ascii")
    if not asked.binary:
        return Answer(text, {"content-type": "application/json"})
    headers = {"content-type": "application/octet-stream", binary_tensors.HEADER: str(len(text))}
    return Answer(text + binary, headers)


def encode_logits(asked: InferRequest, logits: np.ndarray) -> Tuple[Dict[str, Any], bytes]:
    output = {"name": OUTPUT, "datatype": DATATYPE, "shape": list(logits.shape)}
    if not asked.binary:
        return {**output, "data": logits.ravel().tolist()}, b""
    binary = np.ascontiguousarray(logits, dtype=binary_tensors.FP32).tobytes()
    return {**output, "parameters": {"binary_data_size": len(binary)}}, binary


def encode_classes(asked: InferRequest, model: Model, logits: np.ndarray) -> Tuple[Dict[str, Any], bytes]:
    names = format_classes(scale_logits(logits, model.temperature), asked.classes, model.labels)
    output: Dict[str, Any] = {"name": OUTPUT, "datatype": "BYTES", "shape": [len(logits), asked.classes]}
    decided = model.decide(logits, asked.min_score)
    labels = {key: [one.get(key) for one in decided] for key in ("label", "reason")} if decided else {}
    if not asked.binary:
        return {**output, **({"parameters": labels} if labels else {}), "data": names}, b""
    binary = binary_tensors.encode_texts(names)
    return {**output, "parameters": {**labels, "binary_data_size": len(binary)}}, binary


def scale_logits(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Such that their softmax is the scores; those of a model without a temperature stay as they are."""
    return logits if temperature == 1.0 else np.float64(logits) / temperature


def format_classes(logits: np.ndarray, count: int, labels: List[str]) -> List[str]:
    """ "value:index:label" of each image's `count` highest logits, the highest first (Triton's classification)."""
    best = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    return [f"{row[index]:f}:{index}:{labels[index]}" for row, chosen in zip(logits, best) for index in chosen]
