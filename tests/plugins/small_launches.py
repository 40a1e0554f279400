"""One small launch of every kind, for compute-sanitizer: python -m tests.plugins.small_launches

Every n, both types and layouts, odd maps, with and without residual, pooling, paths, blocks and DC; every depthwise
kernel; maps of every side and stride. The outputs are looked at as in the tests: written completely, and nothing beside
them.
"""

from __future__ import annotations

import numpy as np

from benchmarks.harness.kernel_library import Library
from benchmarks.harness.kernel_run import FORMATS, Format, run_fwht_2d, run_fwht_layer, run_mf_depthwise_conv
from benchmarks.harness.node_models import LayerCase
from benchmarks.harness.plane_models import PlaneCase
from benchmarks.harness.tensor_layout import NCHW

SHAPES = ((1, 4, 4), (2, 8, 8), (1, 5, 7), (3, 1, 1))  # N, H, W: whole tiles and such as fit none


def fwht_layers(n: int) -> list[LayerCase]:
    wide = [LayerCase(n, n, n, activation=6), LayerCase(max(1, n - 1), max(1, n // 3), n, keep_dc=0)]
    wide += [LayerCase(n, max(1, n // 2), n, paths=3), LayerCase(n, n, n, paths=8, soft=1)]
    wide += [LayerCase(3 * n, n, n, pool=3, block=n), LayerCase(2 * n, n - 1, n, soft=1, block=n)]
    wide += [LayerCase(n + n // 2 + 1, 2 * n, n, keep_dc=0, block=n)] if n <= 2048 else []
    return wide + ([LayerCase(n, n // 4, n, pool=2, activation=1)] if n >= 4 else [])


def run_fwht_layers(library: Library, form: Format, generator: np.random.Generator) -> int:
    count = 0
    for n in (2**k for k in range(1 if form.layout == NCHW else 3, 13)):
        for number, layer in enumerate(fwht_layers(n)):
            batch, height, width = SHAPES[(number + n.bit_length()) % len(SHAPES)]
            x = form.round(generator.normal(0, 1, (batch, layer.in_channels, height, width)))
            added = form.round(generator.normal(0, 1, (batch, layer.out_channels, height, width)))
            run_fwht_layer(library, layer, layer.draw_weights(generator), x, form, added if number % 2 else None)
            count += 1
    return count


def run_depthwise(library: Library, form: Format, generator: np.random.Generator) -> int:
    count = 0
    for op in (1, 2, 3):
        for size in (3, 5):
            for stride in (1, 2):
                x = form.round(generator.normal(0, 1, (2, 11, 9, 7)))
                weights = {
                    "weight": generator.normal(0, 1, (11, 1, size, size)).astype(np.float32),
                    "gain": np.ones(11, np.float32),
                    "bias": np.zeros(11, np.float32),
                }
                run_mf_depthwise_conv(library, x, weights, form, stride, size // 2, op, activation=6)
                count += 1
    return count


def run_maps(library: Library, form: Format, generator: np.random.Generator) -> int:
    count = 0
    for n in (2**k for k in range(1, 8)):
        for stride in (1, 2, 4):
            if n // stride not in range(1, 65):
                continue
            case = PlaneCase(max(1, n - 1), n, n, stride, activation=6, paths=1 + count % 2, soft=count % 3 % 2)
            x = form.round(generator.normal(0, 1, (2, 11, case.height, case.width)))
            run_fwht_2d(library, case, case.draw_weights(generator, 11), x, form)
            count += 1
    return count


def main() -> None:
    library, generator = Library(), np.random.default_rng()
    count = sum(run(library, form, generator) for form in FORMATS for run in (run_fwht_layers, run_depthwise, run_maps))
    print(f"{count} launches, all outputs complete")


if __name__ == "__main__":
    main()
