"""From a decoded image to the tensor a model was trained on: resize, crop, normalise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from PIL import Image

FIELDS = ("size", "resize", "colour", "mean", "std")
RESIZES = ("crop", "stretch")


@dataclass(frozen=True)
class Preprocessing:
    """What was done to the images in training; it travels with the weights and with the ONNX file.

    size: side of the square input in pixels. resize: "crop" (shorter side to `size`, centre crop) or "stretch" (both
    sides to `size`). colour: "RGB". mean, std: per channel, in units of 0..255.
    """

    size: int
    resize: str
    colour: str
    mean: Tuple[float, float, float]
    std: Tuple[float, float, float]

    def __post_init__(self) -> None:
        if not _is_number(self.size) or self.size != int(self.size) or not 1 <= self.size <= 4096:
            raise ValueError(f"preprocessing: size is {self.size!r}, it must be a whole number from 1 to 4096")
        if self.resize not in RESIZES:
            raise ValueError(f"preprocessing: resize is {self.resize!r}, it must be one of {', '.join(RESIZES)}")
        if self.colour != "RGB":
            raise ValueError(f"preprocessing: colour is {self.colour!r}, it must be RGB")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not all(_is_number(value) for value in values):
                raise ValueError(f"preprocessing: {name} is {list(values)!r}, it must be three finite numbers")
        if min(self.std) <= 0:
            raise ValueError(f"preprocessing: std is {list(self.std)!r}, it must be above 0")

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Read the metadata property; unknown keys are ignored. ValueError says what is wrong with the text."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"preprocessing: not JSON ({error})") from error
        if not isinstance(values, dict):
            raise ValueError(f"preprocessing: {text!r} is not a JSON object with the keys {', '.join(FIELDS)}")
        missing = [field for field in FIELDS if field not in values]
        if missing:
            raise ValueError(f"preprocessing: {', '.join(missing)} is missing")
        for field in ("mean", "std"):
            if not isinstance(values[field], list):
                raise ValueError(f"preprocessing: {field} is {values[field]!r}, it must be three finite numbers")
        return cls(values["size"], values["resize"], values["colour"], tuple(values["mean"]), tuple(values["std"]))


def to_tensor(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Resize, crop and normalise an RGB image: float32 (3, size, size), channels in the order of `colour`."""
    pixels = np.asarray(_resized(image, preprocessing))  # uint8 (size, size, 3)
    # first, as arithmetic along an axis of 3 is slow
    planes: np.ndarray = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    planes -= np.array(preprocessing.mean, np.float32)[:, None, None]
    planes /= np.array(preprocessing.std, np.float32)[:, None, None]
    return planes


def _resized(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    width, height = image.size
    size = preprocessing.size
    if (width, height) == (size, size):
        return image
    if preprocessing.resize == "stretch":
        return image.resize((size, size), Image.Resampling.BILINEAR)
    # The centre square goes straight to its final size: what the crop throws away is never computed, and a 1 x 10,000
    # image does not become 32 x 320,000 on the way. Pillow's bilinear filter widens with the scale (antialiased).
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))
