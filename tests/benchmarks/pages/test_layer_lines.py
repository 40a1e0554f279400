"""What docs/layers.md shows of a comparison, chosen from what the command prints."""

from __future__ import annotations

import pytest

from benchmarks.pages.layer_lines import choose_lines

PRINTED = """written: build/a.json
A  mobilenet_v2       onnxruntime, fp32, cpu, batch 1
NOISY: A: other programs used up to 86% of the processors meanwhile

layer                op                 A, ms  B, ms   B - A       lies between
stem                 Conv               0.032  0.032  +0.001  +2%  -0.003 and +0.005
blocks.13.expand     Conv -> FWHTLayer  0.029  0.019  -0.010 -34%  -0.012 and -0.008  faster

a whole run: A 1.028 ms, B 0.806 ms
layers: 0 slower, 12 faster
"""


def test_the_lines_with_our_layers_are_chosen() -> None:
    noise, head, layer, dots, whole, layers = choose_lines(PRINTED).splitlines()
    assert (noise[:5], head[:5], layer[:16], dots) == ("NOISY", "layer", "blocks.13.expand", "...")
    assert whole.startswith("a whole run") and layers.startswith("layers:")


def test_what_is_no_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="no table"):
        choose_lines("error: there is no model")
