"""One random call of MFDepthwiseConv: its parameters, its arrays, the float64 reference and the distance allowed.

The distance is what contract.json says, to first order in 2^-24, and two small terms for what that leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.tensor_layout import DTYPES, FLOAT16
from export.ops.contract import read_contract
from export.ops.native_structures import MfDepthwiseConvParams
from export.ops.reference import activate, mf_depthwise_conv

CONTRACT = read_contract("mf_depthwise_conv")
SECOND_ORDER = 1 + 2.0**-16  # the products of two roundings: about 28 / 2 times 2^-24 of the first order
SMALLEST = 2.0**-148  # two roundings below float32's normal numbers
WEIGHTS = ("weight", "gain", "bias")
Arrays = dict[str, np.ndarray]


def _evaluated(kind: str, names: dict[str, Any]) -> np.ndarray:
    formula = CONTRACT["tolerances"][kind].replace("^", "**")
    return np.asarray(eval(formula, {"abs": np.abs, "max": np.maximum}, names), np.float64)


@dataclass(frozen=True)
class Case:
    batch: int = 2
    channels: int = 5
    height: int = 7
    width: int = 6
    kernel: int = 3
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (1, 1, 1, 1)  # top, left, bottom, right
    op: int = 1
    activation: int = 0
    kind: int = 0
    layout: int = 0

    @property
    def out_size(self) -> tuple[int, int]:
        top, left, bottom, right = self.pads
        return (
            (self.height + top + bottom - self.kernel) // self.strides[0] + 1,
            (self.width + left + right - self.kernel) // self.strides[1] + 1,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.batch, self.channels, self.height, self.width

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        return (self.batch, self.channels, *self.out_size)

    def params(self) -> MfDepthwiseConvParams:
        """All but the pointers."""
        return MfDepthwiseConvParams(
            batch=self.batch,
            channels=self.channels,
            height=self.height,
            width=self.width,
            out_height=self.out_size[0],
            out_width=self.out_size[1],
            kernel_size=self.kernel,
            stride_h=self.strides[0],
            stride_w=self.strides[1],
            pad_top=self.pads[0],
            pad_left=self.pads[1],
            op=self.op,
            activation=self.activation,
            type=self.kind,
            layout=self.layout,
        )

    def arrays(self) -> Arrays:
        """x, weight, gain and bias; zeros of both signs are common in x and weight, and so are equal sizes."""
        generator = np.random.default_rng(abs(hash(self)))
        arrays = {
            "x": generator.normal(0, 1.5, self.shape).astype(DTYPES[self.kind]),
            "weight": generator.normal(0, 1, (self.channels, 1, self.kernel, self.kernel)).astype(np.float32),
            "gain": generator.normal(0, 1, self.channels).astype(np.float32),
            "bias": generator.normal(0, 1, self.channels).astype(np.float32),
        }
        for name in ("x", "weight"):
            values = arrays[name]
            for special in (0.0, -0.0, 1.0, -1.0):
                values[generator.random(values.shape) < 0.1] = special
        return arrays

    def reference(self, arrays: Arrays) -> np.ndarray:
        sums = self._sums(arrays["x"], arrays["weight"])
        gain, bias = (arrays[name].astype(np.float64)[:, None, None] for name in ("gain", "bias"))
        return activate(gain * sums + bias, self.activation)

    def tolerance(self, arrays: Arrays, reference: np.ndarray) -> np.ndarray:
        x, weight = arrays["x"], arrays["weight"]
        # the terms of operator 3 are not negative
        sizes = self._sums(x, weight) if self.op == 3 else self._sums(np.abs(x), np.abs(weight))
        gain, bias = (arrays[name].astype(np.float64)[:, None, None] for name in ("gain", "bias"))
        names = {"k": self.kernel, "S": sizes, "gain": gain, "bias": bias, "reference": reference}
        allowed = SECOND_ORDER * _evaluated("float32", names) + SMALLEST
        return _evaluated("float16", {**names, "float32": allowed}) if self.kind == FLOAT16 else allowed

    def _sums(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The reference knows one stride and one padding: pad before, and drop outputs afterwards."""
        top, left, bottom, right = self.pads
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        ones, zeros = np.ones(self.channels), np.zeros(self.channels)
        every = mf_depthwise_conv(padded, weight, ones, zeros, stride=1, padding=0, operator=self.op)
        return every[:, :, :: self.strides[0], :: self.strides[1]]
