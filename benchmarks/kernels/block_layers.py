"""Time FWHTLayer with blocks on a CPU: python -m benchmarks.kernels.block_layers

Against ONNX Runtime's 1x1 convolution and Clip, and against the layer over all channels that the hybrids have, with and
without a factor for each coefficient: 1024 -> 1024 channels on the two papers' tensors, 10x1024x32x32 (arXiv
2104.07085) and 10x1024x8x8 (arXiv 2201.02711), and layers of fwht_mobilenet_v2 at batch 1 and 16. The block sizes of
the second paper are not known, so there are two for each layer. As its authors coded it, a layer that makes more
channels than it reads has windows that overlap, one that makes fewer takes means of C_in // C_out results, and every
coefficient has a threshold and a factor.

Before a row is timed each FWHTLayer is compared with the float64 reference; a row that is wrong ends the run. The
instruction set is the best of the machine, or FWHT_CPU's; the result names it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.harness.native_run import make_parser, prepare_library, write_native_result
from benchmarks.harness.node_models import LayerCase
from benchmarks.kernels.cpu_layers import (
    BATCHES,
    draw_layer,
    finish_row,
    make_checked_layer,
    make_convolution,
    make_runner,
)
from benchmarks.kernels.fwht_node import BIG, REAL
from export.ops.windows import list_window_starts
from server.profiling.turns import Make, alternate

# The layer over all channels, pixels each way, block sizes, batch sizes
ROWS = [
    (*BIG, (64, 256), (10,)),
    (*BIG[:2], 8, (64, 256), (10,)),
    *((*layer, (32, 64), BATCHES) for layer in (REAL[0], REAL[1], REAL[4], REAL[9])),
]


def make_block_case(layer: LayerCase, block: int) -> LayerCase:
    """The layer of the same channels with blocks, as the second paper's authors coded it."""
    pool = max(layer.in_channels // layer.out_channels, 1)
    return replace(layer, n=block, block=block, pool=pool, keep_dc=0)


def measure_row(
    name: str, layer: LayerCase, pixels: int, blocks: tuple[int, ...], batch: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Check, then time in turns. Raises SystemExit where a layer is wrong."""
    sides: dict[str, Make] = {}
    shares: dict[str, float] = {}
    cases = {"fwht_layer": layer, "with_factors": layer}
    cases.update({f"blocks_{block}": make_block_case(layer, block) for block in blocks})
    for side, case in cases.items():
        weights, x = draw_layer(case, pixels, batch, ones=side == "fwht_layer")
        if not sides:
            convolution = make_convolution(layer, weights, pixels)
            sides["convolution"] = partial(make_runner, convolution, {"x": x}, options.threads, False)
        model, shares[side] = make_checked_layer(case, weights, x, options.threads)
        sides[side] = partial(make_runner, model, {"x": x}, options.threads, True)
    times = alternate(sides, options.rounds, options.seconds)
    channels = (layer.in_channels, layer.out_channels)
    windows = {str(block): len(list_window_starts(*channels, block)) for block in blocks}
    return finish_row(name, x, times, "convolution", tolerance_share=shares, channels=channels, windows=windows)


def main() -> None:
    options = make_parser("kernels.block_layers", __doc__, rounds=7, seconds=0.1).parse_args()
    conditions = prepare_library(options.threads)
    rows = [
        measure_row(name, layer, pixels, blocks, batch, options)
        for name, layer, pixels, blocks, batches in ROWS
        for batch in batches
    ]
    print(f"written: {write_native_result('block_layers', conditions, {'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
