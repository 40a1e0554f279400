"""What a kernel's count is compared with: the counts of the kernels that did its work before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# A tile by its readable name: paths, type, layout, rows, columns, pixels, pixels of a thread.
LAYER = re.compile(r"^fwht_layer(_paths)?_kernel<(\w+), \(?[\w:]*\)?(\d), (\d+), (\d+), (\d+), (\d+), (?:true|false)>$")

# A kernel of FWHT2D: side of what is transformed, type, layout, stride.
PLANE = re.compile(r"^fwht_2d_kernel<(\d+), (\w+), (\d), (\d)>$")


def name_work(kernel: str) -> tuple[str | int, ...]:
    """Equal for kernels that a launch may take for the same tensors: a tile's rows, columns and pixels are its own
    affair; its type, layout, n, pixels of a thread and packing are not."""
    found = LAYER.match(kernel)
    if found is None:
        return (kernel,)
    paths, kind, layout, rows, columns, _, vector = found.groups()
    return paths or "", kind, layout, int(rows) * int(columns), vector, kernel.endswith("true>")


def find_counts_before(kernel: str, before: Mapping[str, Sequence[float]]) -> list[float] | None:
    """Case by case the least that any kernel of the same work issued; None where there was none."""
    work = name_work(kernel)
    counts = [cases for name, cases in before.items() if name_work(name) == work]
    return [min(of_case) for of_case in zip(*counts)] if counts else None
