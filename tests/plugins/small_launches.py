"""One small launch of every kind, for compute-sanitizer: python -m tests.plugins.small_launches

Every n, both types and layouts, odd maps, with and without residual, pooling and DC; every depthwise kernel. The
outputs are looked at as in the tests: written completely, and nothing beside them.
"""

from __future__ import annotations

import numpy as np

from benchmarks.harness.kernel_run import Format, run_fwht_layer, run_mf_depthwise_conv
from benchmarks.harness.kernels import NCHW, Library
from benchmarks.harness.node_models import Layer
from benchmarks.harness.plugin_cases import FORMATS

SHAPES = ((1, 4, 4), (2, 8, 8), (1, 5, 7), (3, 1, 1))  # N, H, W: whole tiles and such as fit none


def fwht_layers(n: int) -> list[Layer]:
    wide = [Layer(n, n, n, activation=6), Layer(max(1, n - 1), max(1, n // 3), n, keep_dc=0)]
    return wide + ([Layer(n, n // 4, n, pool=2, activation=1)] if n >= 4 else [])


def run_fwht_layers(library: Library, form: Format, generator: np.random.Generator) -> int:
    count = 0
    for n in (2**k for k in range(1 if form.layout == NCHW else 3, 13)):
        for number, layer in enumerate(fwht_layers(n)):
            batch, height, width = SHAPES[(number + n.bit_length()) % len(SHAPES)]
            x = form.rounded(generator.normal(0, 1, (batch, layer.in_channels, height, width)))
            added = form.rounded(generator.normal(0, 1, (batch, layer.out_channels, height, width)))
            run_fwht_layer(library, layer, layer.weights(generator), x, form, added if number % 2 else None)
            count += 1
    return count


def run_depthwise(library: Library, form: Format, generator: np.random.Generator) -> int:
    count = 0
    for op in (1, 2, 3):
        for size in (3, 5):
            for stride in (1, 2):
                x = form.rounded(generator.normal(0, 1, (2, 11, 9, 7)))
                weights = {
                    "weight": generator.normal(0, 1, (11, 1, size, size)).astype(np.float32),
                    "gain": np.ones(11, np.float32),
                    "bias": np.zeros(11, np.float32),
                }
                run_mf_depthwise_conv(library, x, weights, form, stride, size // 2, op, activation=6)
                count += 1
    return count


def main() -> None:
    library, generator = Library(), np.random.default_rng()
    count = sum(run(library, form, generator) for form in FORMATS for run in (run_fwht_layers, run_depthwise))
    print(f"{count} launches, all outputs complete")


if __name__ == "__main__":
    main()
