"""How the kernels find tensors in memory: type and layout, by the numbers of plugins/c_interface.h."""

from __future__ import annotations

from typing import Any

import numpy as np

FLOAT32, FLOAT16 = 0, 1
NCHW, HWC8 = 0, 1
CHANNELS = 8  # HWC8 stores channels in multiples of 8
DTYPES: dict[int, np.dtype[Any]] = {FLOAT32: np.dtype(np.float32), FLOAT16: np.dtype(np.float16)}


def pack(values: np.ndarray, kind: int, layout: int) -> np.ndarray:
    """(N, C, H, W) as it lies in memory; the channels that fill HWC8 up hold NaN, which nobody may read."""
    values = values.astype(DTYPES[kind])
    if layout == NCHW:
        return np.ascontiguousarray(values)
    batch, channels, height, width = values.shape
    filled = np.full((batch, height, width, -(-channels // CHANNELS) * CHANNELS), np.nan, values.dtype)
    filled[..., :channels] = values.transpose(0, 2, 3, 1)
    return filled


def packed_shape(shape: tuple[int, ...], layout: int) -> tuple[int, ...]:
    """Of (N, C, H, W); in NCHW of any shape."""
    if layout == NCHW:
        return shape
    batch, channels, height, width = shape
    return (batch, height, width, -(-channels // CHANNELS) * CHANNELS)


def unpack(memory: np.ndarray, shape: tuple[int, ...], kind: int, layout: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes as `shape`, and the channels that fill up (none in NCHW)."""
    values = memory.view(DTYPES[kind]).reshape(packed_shape(shape, layout))
    if layout == NCHW:
        return values, values[:0]
    return values[..., : shape[1]].transpose(0, 3, 1, 2), values[..., shape[1] :]
