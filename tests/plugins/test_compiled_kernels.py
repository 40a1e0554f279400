"""Every kernel, compiled for the boards, fits them: no GPU needed. `pytest -s` prints the figures.

One compiler and the board with the fewest registers and the least shared memory, compiled if the sources are not those
of the stored figures; with --full two compilers and every board that they know, always compiled.
"""

from __future__ import annotations

import itertools

import pytest

from benchmarks.harness.cuda_compilers import CompilerMissing, Nvcc, Wheels
from benchmarks.harness.kernel_figures import (
    LIMITS,
    SOURCES,
    Figures,
    find_template_arguments,
    format_columns,
    measure_all_kernels,
)

pytestmark = pytest.mark.slow
SLICE = [53]
EVERYWHERE = 48 * 1024  # bytes of shared memory that a block has on every board, unasked


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    compilers = {"wheels": Wheels, "nvcc": Nvcc} if metafunc.config.getoption("--full") else {"wheels": Wheels}
    metafunc.parametrize("figures", list(compilers.values()), ids=list(compilers), indirect=True, scope="module")


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> list[Figures]:
    try:
        compiler = request.param()
    except CompilerMissing as missing:
        pytest.skip(str(missing))
    full = request.config.getoption("--full")
    found = measure_all_kernels(compiler, LIMITS if full else SLICE, fresh=full)
    assert found, f"{compiler.name} knows none of the boards"
    print("\n" + format_columns(found))
    return found


def refuse(figures: list[Figures], rule: str) -> None:
    """Fail with the table of those that break the rule."""
    if figures:
        pytest.fail(f"{len(figures)} kernels break the rule: {rule}\n{format_columns(figures)}")


def test_every_op_has_kernels_for_every_architecture(figures: list[Figures]) -> None:
    counts = {
        op: {sum(k.op == op and k.architecture == a for k in figures) for a in {k.architecture for k in figures}}
        for op in SOURCES
    }
    assert all(len(count) == 1 and count.pop() > 0 for count in counts.values()), counts


def test_nothing_is_spilled_and_no_array_lies_on_the_stack(figures: list[Figures]) -> None:
    refuse([k for k in figures if k.launchable and k.spill_bytes + k.stack_bytes > 0], "all values stay in registers")


def test_every_kernel_has_launch_bounds(figures: list[Figures]) -> None:
    refuse([k for k in figures if k.threads == 0], "__launch_bounds__ says how many threads a block has")


def test_a_block_fits_the_registers(figures: list[Figures]) -> None:
    refuse([k for k in figures if k.block_registers > LIMITS[k.architecture].registers], "registers x threads")


def test_shared_memory_is_declared_only_as_far_as_every_board_has_it(figures: list[Figures]) -> None:
    refuse([k for k in figures if k.static_shared_bytes > EVERYWHERE], "48 KiB static shared memory")


def test_what_a_board_cannot_launch_has_another_kernel_there(figures: list[Figures]) -> None:
    """A larger tile may need more shared memory than the older boards have; the launch then takes the next one."""
    layers = [k for k in figures if k.op == "FWHTLayer"]
    for architecture, kernels in itertools.groupby(layers, lambda k: k.architecture):
        of_board = list(kernels)
        assert {case_of(k) for k in of_board if k.launchable} == {case_of(k) for k in of_board}, architecture


KINDS = ("fwht_layer_kernel", "fwht_layer_paths_kernel", "fwht_layer_windows_kernel")


def case_of(kernel: Figures) -> tuple[str, int, str]:
    """What a launch needs a kernel for: type and layout, n, and one smooth path, paths or blocks."""
    types, rows, columns = template_match(kernel.kernel)
    (kind,) = (kind for kind in KINDS if kind in kernel.kernel)
    return types, rows * columns, kind


def template_match(name: str) -> tuple[str, int, int]:
    # NS_4TileI f LNS_6LayoutE0E Li32E Li16E Li8E Li1E: type and layout, then rows, columns, pixels, vec
    types, *sizes = find_template_arguments(name).split("Li")
    return types, int(sizes[0].rstrip("E")), int(sizes[1].rstrip("E"))


def test_the_oldest_boards_have_a_kernel_for_every_length(figures: list[Figures]) -> None:
    oldest = min(k.architecture for k in figures)
    lengths = {
        case_of(k)[1:]
        for k in figures
        if k.op == "FWHTLayer" and k.architecture == oldest and k.shared_bytes <= EVERYWHERE
    }
    assert lengths == {(2**power, kind) for power in range(1, 13) for kind in KINDS}
