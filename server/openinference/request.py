"""The request of an inference: JSON, or JSON and bytes, checked and made a tensor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from ..errors import BadRequest, TooLarge
from ..models.model import Model
from ..models.scores import MinScore
from . import binary_tensors

INPUT, OUTPUT, DATATYPE = "image", "logits", "FP32"
LONGEST_ID = 256  # characters
CHARACTERS_A_NUMBER = 64  # of JSON, indentation included: what is longer holds no tensor that could be taken
MORE_BRACKETS = 1024  # those that are not of the tensor


@dataclass(frozen=True)
class InferRequest:
    """id: None where there is none. batch: float32 (N, 3, S, S). classes: how many to name, 0 for the logits.
    min_score: below it an image gets no label, None leaves it to the model."""

    id: Optional[str]
    batch: np.ndarray
    binary: bool
    classes: int
    min_score: Optional[MinScore] = None


def read_request(body: bytes, lengths: Sequence[str], model: Model, max_images: int) -> InferRequest:
    """lengths: values of the header that says where the JSON ends. Raises BadRequest or TooLarge."""
    text, binary = binary_tensors.split_body(body, lengths)
    size = model.preprocessing.size
    if binary is not None and not text:  # bytes alone are one image, answered in bytes
        tensor = binary_tensors.decode_fp32(binary, len(binary), (1, 3, size, size))
        return InferRequest(None, check_finite(tensor), True, 0)
    check_length(text, max_images, size)
    asked = parse_body(text)
    as_bytes, classes, min_score = read_output(asked)
    tensor = read_tensor(asked["inputs"][0], binary, size, max_images)
    return InferRequest(read_id(asked), check_finite(tensor), as_bytes, min(classes, len(model.labels)), min_score)


def check_length(text: bytes, max_images: int, size: int) -> None:
    """Refuse JSON that holds more than any tensor before it is parsed: an empty list takes forty times its text."""
    longest = binary_tensors.LONGEST_JSON + CHARACTERS_A_NUMBER * max_images * 3 * size * size
    if len(text) > longest:
        raise TooLarge(f"the JSON has {len(text)} bytes, at most {longest} are read: send the tensor as binary data")
    brackets, most = text.count(b"[") + text.count(b"{"), MORE_BRACKETS + max_images * 3 * (size + 2)
    if brackets > most:
        raise BadRequest(f"the JSON has {brackets} lists and objects, a nested tensor has at most {most}")


def parse_body(text: bytes) -> Dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list) or len(asked["inputs"]) != 1:
        raise BadRequest(f'the body must be {{"inputs": [...]}} with one tensor, {INPUT!r}')
    if not isinstance(asked["inputs"][0], dict):
        raise BadRequest("the input must be an object with name, datatype, shape and data")
    return asked


def read_id(asked: Dict[str, Any]) -> Optional[str]:
    value = asked.get("id")
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_ID):
        raise BadRequest(f"id is {str(value)[:80]!r}, it must be text of at most {LONGEST_ID} characters")
    return value or None


def read_output(asked: Dict[str, Any]) -> Tuple[bool, int, Optional[MinScore]]:
    """Whether the output is wanted as bytes, how many classes of it (0: the logits themselves), and a min_score."""
    default = read_flag(read_parameters(asked), "binary_data_output", False)
    outputs = asked.get("outputs")
    if outputs is None or outputs == []:
        outputs = [{"name": OUTPUT}]
    if not isinstance(outputs, list) or len(outputs) != 1 or not isinstance(outputs[0], dict):
        raise BadRequest(f"outputs must be a list of one object, {OUTPUT!r}, or be left out")
    check_name("output", outputs[0].get("name"), OUTPUT)
    parameters = read_parameters(outputs[0])
    refuse_shared_memory(parameters)
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise BadRequest(f"classification is {classes!r}, it must be the number of classes to name")
    return read_flag(parameters, "binary_data", default), classes, read_min_score(parameters)


def read_min_score(parameters: Dict[str, Any]) -> Optional[MinScore]:
    if "min_score" not in parameters:
        return None
    value = parameters["min_score"]
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise BadRequest(f"min_score is {str(value)[:80]!r}, it must be a number from 0 to 1")
    return MinScore(value)


def read_tensor(tensor: Dict[str, Any], binary: Optional[memoryview], size: int, max_images: int) -> np.ndarray:
    """The request's one input as float32 (N, 3, size, size). Raises BadRequest."""
    check_name("input", tensor.get("name"), INPUT)
    if tensor.get("datatype") != DATATYPE:
        hint = ", normalised; image files go to POST /v1/classify" if tensor.get("datatype") == "BYTES" else ""
        raise BadRequest(f"the input's datatype is {tensor.get('datatype')!r}, it must be {DATATYPE!r}{hint}")
    shape = read_shape(tensor.get("shape"), size, max_images)
    parameters = read_parameters(tensor)
    refuse_shared_memory(parameters)
    declared = parameters.get("binary_data_size")
    if declared is None:
        if binary:
            raise BadRequest(f"{len(binary)} bytes follow the JSON and the input has no binary_data_size")
        return decode_json(tensor.get("data"), shape)
    if "data" in tensor:
        raise BadRequest("the input has both data and binary_data_size: send one of them")
    if binary is None:
        raise BadRequest(f"binary_data_size needs the header {binary_tensors.HEADER}: the length of the JSON in bytes")
    return binary_tensors.decode_fp32(binary, declared, shape)


def read_shape(shape: Any, size: int, max_images: int) -> Tuple[int, int, int, int]:
    if not isinstance(shape, list) or [type(side) for side in shape] != [int] * 4 or shape[1:] != [3, size, size]:
        raise BadRequest(f"the input's shape is {shape!r}, it must be [N, 3, {size}, {size}] with N of at least 1")
    if shape[0] < 1:
        raise BadRequest(f"the input's shape is {shape!r}, N must be at least 1")
    if shape[0] > max_images:
        raise BadRequest(f"the input's shape is {shape!r}, at most {max_images} images are taken at once")
    return shape[0], 3, size, size


def decode_json(data: Any, shape: Tuple[int, ...]) -> np.ndarray:
    """The numbers of a list, nested as the shape says or flat."""
    try:
        values: np.ndarray = np.asarray(data, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        raise BadRequest("the input's data must be numbers, nested as the shape says or flat") from None
    if values.size != np.prod(shape) or values.shape not in ((values.size,), shape):
        raise BadRequest(f"the input's data has the shape {list(values.shape)} and must have {list(shape)}, or be flat")
    return values.reshape(shape)


def check_finite(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise BadRequest("the input's data must be finite numbers")
    return values


def read_parameters(owner: Dict[str, Any]) -> Dict[str, Any]:
    parameters = owner.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise BadRequest(f"parameters is {str(parameters)[:80]!r}, it must be an object")
    return parameters or {}


def read_flag(parameters: Dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} is {str(value)[:80]!r}, it must be true or false")
    return value


def check_name(kind: str, name: Any, wanted: str) -> None:
    if name != wanted:
        raise BadRequest(f"the {kind}'s name is {name!r}, it must be {wanted!r}")


def refuse_shared_memory(parameters: Dict[str, Any]) -> None:
    if "shared_memory_region" in parameters:
        raise BadRequest("this server takes no shared memory: send the tensor as binary data or JSON")
