"""The arithmetic of a model for one image, counted layer by layer from its formulas.

A multiplication counts as a multiply-add, whether or not something is added; a comparison or a subtraction as an
addition. Per output pixel, with the BatchNorm behind a layer folded into it:

    convolution, linear   k k C_in / groups multiply-adds for each output channel; the BatchNorm is in the weights
    FWHTLayer             two transforms of n log2(n) additions; for each coefficient a subtraction (the threshold), a
                          scaling (1 / sqrt(n) and `scale`) and a product; for each output channel gain and bias, and
                          pool - 1 additions. The n values of tanh are counted on their own. All that P times for
                          P paths, and P - 1 additions; a soft path has neither tanh nor the product. In block
                          mode the same for each window whose results are not cut
    FWHT2D                of each map: with m = n / stride, two transforms of 2 m m log2(m) additions; for each of m m
                          coefficients what FWHTLayer has for its own, P times for P paths; gain and bias; with a stride
                          an addition for each pixel of the input
    MFDepthwiseConv       k k pairs for each channel, two additions each (operators 2 and 3: a comparison and an
                          addition), and gain and bias
    mul                   a multiply-add for each value
    norm                  a multiply-add for each value: a BatchNorm that no layer could take
    addition, pool        an addition for each value; pool: and a product for each channel
    hard sigmoid, swish   one and two multiply-adds for each value

ReLU and ReLU6 are not counted: an engine fuses them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.folded_graph import HARD_SIGMOID, HARD_SWISH, FoldedLayer, fold_graph
from export.to_onnx.nodes import list_pads

Shape = tuple[int, int, int]  # channels, height, width
HARD = {HARD_SIGMOID: 1, HARD_SWISH: 2}


@dataclass(frozen=True)
class Operations:
    multiply_adds: int = 0
    additions: int = 0
    tanh: int = 0

    def __add__(self, other: Operations) -> Operations:
        sums = (self.multiply_adds + other.multiply_adds, self.additions + other.additions, self.tanh + other.tanh)
        return Operations(*sums)


def count_operations(model: nn.Module, size: int) -> Operations:
    """Of one image of `size` x `size` pixels. Raises ValueError for a layer that the exporter does not know."""
    shapes: dict[str, Shape] = {"image": (3, size, size)}
    total = Operations()
    for layer in fold_graph(model):
        inputs = [shapes[name] for name in layer.inputs]
        shapes[layer.name], operations = _layer(layer, inputs[0])
        total += operations + Operations(HARD.get(layer.activation, 0) * _values(shapes[layer.name]))
    return total


def _layer(layer: FoldedLayer, shape: Shape) -> tuple[Shape, Operations]:
    """The shape of what a layer makes of an input of that shape, and what it costs."""
    module, (channels, height, width) = layer.module, shape
    if isinstance(module, nn.Conv2d):
        above, _, below, _ = list_pads(module)
        made = (module.out_channels, *_sides(shape, module.kernel_size[0], module.stride[0], above + below))
        return made, Operations(multiply_adds=_values(made) * module.weight[0].numel())
    if isinstance(module, FWHTLayer):
        made, pixels = (module.out_channels, height, width), height * width
        coefficients = module.n * (-(-module.out_channels * module.pool // module.n) if module.block else 1)
        values = module.paths * coefficients
        additions = 2 * coefficients * (module.n.bit_length() - 1) + module.out_channels * (module.pool - 1)
        additions += 2 * values - coefficients
        products = values if module.soft else 2 * values
        tanh = 0 if module.soft else values
        return made, Operations(pixels * (products + module.out_channels), pixels * additions, pixels * tanh)
    if isinstance(module, FWHT2D):
        return _plane(module)
    if isinstance(module, MFDepthwiseConv):
        made = (channels, *_sides(shape, module.kernel_size, module.stride, 2 * module.padding))
        return made, Operations(_values(made), _values(made) * 2 * module.kernel_size**2)
    if isinstance(module, nn.Linear):
        return (module.out_features, 1, 1), Operations(module.weight.numel())
    if layer.op == "add":
        return shape, Operations(additions=_values(shape))
    if layer.op in ("norm", "mul"):
        return shape, Operations(_values(shape))
    return (channels, 1, 1), Operations(channels, _values(shape))


def _plane(module: FWHT2D) -> tuple[Shape, Operations]:
    made = (module.channels, -(-module.height // module.stride), -(-module.width // module.stride))
    m = module.n // module.stride
    values = module.paths * m * m
    windows = module.height * module.width if module.stride > 1 else 0
    additions = 4 * m * m * (m.bit_length() - 1) + 2 * values - m * m + windows
    products = values if module.soft else 2 * values
    tanh = 0 if module.soft else values
    channels = module.channels
    return made, Operations(channels * products + _values(made), channels * additions, channels * tanh)


def _sides(shape: Shape, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """`padding`: above and below together."""
    height, width = ((side + padding - kernel) // stride + 1 for side in shape[1:])
    return height, width


def _values(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]
