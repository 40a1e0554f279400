"""The CPU kernel of a bottleneck against its float64 reference, within the derived tolerance, on every instruction set
of this machine; the same bits for any batch and number of threads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.harness.cpu_library import Refused
from tests.plugins.cpu_bottleneck_case import BottleneckCase
from tests.plugins.native import native_libraries

SHIPPED = [
    BottleneckCase((96, 576, 96), (1024, 1024), 1, 8, 8, residual=1, ones=True),
    BottleneckCase((96, 576, 160), (1024, 1024), 2, 8, 8, stride=2, ones=True),
    BottleneckCase((160, 960, 160), (1024, 1024), 5, 4, 4, residual=1, ones=True),
    BottleneckCase((160, 960, 320), (1024, 1024), 1, 4, 4, operator=1, ones=True),
]
SIZES = [(1, 1), (1, 9), (2, 2), (3, 3), (7, 7), (5, 12), (14, 14), (17, 3), (33, 31)]
SIZES += [(4, 4), (8, 8), (6, 4), (5, 8), (12, 8), (4, 16), (3, 16), (8, 2), (9, 1)]  # vectors that are whole rows


def draw_case(generator: np.random.Generator) -> BottleneckCase:
    stride, residual = int(generator.integers(1, 3)), int(generator.integers(0, 2))
    first, hidden, last = (int(generator.integers(1, most)) for most in (40, 130, 70))
    fits = stride == 1 and residual
    height, width = SIZES[int(generator.integers(0, len(SIZES)))]
    smallest = [1 << (max(2, *pair) - 1).bit_length() for pair in ((first, hidden), (hidden, last))]
    return BottleneckCase(
        (first, hidden, first if fits else last),
        (smallest[0] << int(generator.integers(0, 2)), max(smallest[1], 1 << (max(2, first) - 1).bit_length())),
        int(generator.integers(1, 20)),
        height,
        width,
        stride,
        int(generator.integers(0, 4)),
        tuple(int(generator.choice([0, 1, 6])) for _ in range(3)),  # type: ignore[arg-type]
        int(generator.integers(1, 3)),
        int(generator.integers(0, 2)),
        bool(generator.integers(0, 2)),
        int(fits),
        int(generator.integers(0, 1 << 30)),
    )


@pytest.mark.parametrize("case", SHIPPED, ids=str)
def test_the_shipped_shapes(case: BottleneckCase) -> None:
    print(f"{case.check(native_libraries()):.0%} of the tolerance")


def test_any_shape(pytestconfig: pytest.Config) -> None:
    generator = np.random.default_rng(15)
    shares = [
        draw_case(generator).check(native_libraries()) for _ in range(400 if pytestconfig.getoption("--full") else 40)
    ]
    print(f"{max(shares):.0%} of the tolerance, {len(shares)} shapes")


@pytest.mark.parametrize("operator", [0, 1, 2, 3])
def test_rows_in_bands(operator: int) -> None:
    """A map that does not fit the cache is cut into rows; the last of them are fewer."""
    case = BottleneckCase((6, 120, 6), (128, 128), 1, 61, 47, operator=operator, residual=1)
    print(f"{case.check(native_libraries()):.0%} of the tolerance")
    replace(case, stride=2, residual=0).check(native_libraries())


@pytest.mark.parametrize("case", [*SHIPPED, replace(SHIPPED[2], height=3, width=3), BottleneckCase((3, 20, 3))])
def test_the_same_bits_for_any_batch_and_threads(case: BottleneckCase) -> None:
    for library in native_libraries().values():
        many = replace(case, batch=64 if case.channels[0] < 10 else 9)
        whole = many.run(library)
        for threads in (2, 3, 7):
            assert many.run(library, threads).tobytes() == whole.tobytes()
        alone = replace(case, batch=1)
        assert alone.run(library, 2).tobytes() == alone.run(library).tobytes()


def test_an_image_has_the_same_bits_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    case = BottleneckCase((7, 33, 7), batch=1, height=5, width=3, residual=1)
    x, *layers = case.draw_arrays()
    for library in native_libraries().values():
        alone = case.run(library)
        for batch in (2, 3, 8, 64):
            many = (np.repeat(x, batch, axis=0), *layers)
            monkeypatch.setattr(BottleneckCase, "draw_arrays", lambda self, many=many: many)
            y = replace(case, batch=batch).run(library)
            monkeypatch.undo()
            assert all(each.tobytes() == alone[0].tobytes() for each in y), batch


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stride": 3}, "stride must be 1 or 2"),
        ({"operator": 4}, "operator must be 0"),
        ({"height": 0}, "H and W must be at least 1"),
        ({"channels": (7, 65, 7)}, "expand: FWHTLayer: out_channels must be from 1 to n"),
        ({"channels": (7, 33, 8), "residual": 1}, "a residual needs stride 1"),
        ({"stride": 2, "residual": 1}, "a residual needs stride 1"),
        ({"activations": (6, 2, 0)}, "activation must be 0"),
        ({"n": (64, 32)}, "project: FWHTLayer: X must have from 1 to n channels"),
    ],
)
def test_what_cannot_be_run_is_answered_with_a_sentence(changed: dict[str, object], words: str) -> None:
    case = replace(BottleneckCase(), **changed)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=words):
        case.run(next(iter(native_libraries().values())))
