"""Write measured figures into README.md and docs/: python -m benchmarks.pages.renew [--renew [NAME ...]]

The tables between the markers are made of benchmarks/results/*.json. `make bench` and other measurements write to
build/bench/; --renew first takes over from there the results NAME, or all of `make bench`. A test compares the pages
with the results. Raw samples stay in build/bench/: the repository keeps medians, spread and conditions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import (
    accuracy_tables,
    block_tables,
    cpu_tables,
    decision_picture,
    hybrid_study_table,
    hybrid_tables,
    instruction_tables,
    layer_lines,
    load_tables,
    noise_table,
    plane_tables,
    rival_table,
    speed_tables,
    training_tables,
)
from benchmarks.pages import verdict as readme_parts
from benchmarks.pages.markers import has_part, replace_part
from benchmarks.pages.results import RESULTS

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("fwht_node", "models", "server", "decoding", "restart", "throughput", "bulk")  # of `make bench`
RAW = ("samples_ms", "seen", "starts")  # every measurement; they stay in build/bench/

PARTS = {
    **readme_parts.PARTS,
    **accuracy_tables.PARTS,
    **block_tables.PARTS,
    **cpu_tables.PARTS,
    **hybrid_study_table.PARTS,
    **hybrid_tables.PARTS,
    **instruction_tables.PARTS,
    **layer_lines.PARTS,
    **speed_tables.PARTS,
    **rival_table.PARTS,
    **load_tables.PARTS,
    **noise_table.PARTS,
    **plane_tables.PARTS,
    **training_tables.PARTS,
}
# The parts that a page must have; others are renewed where their markers are
PAGES: dict[str, tuple[str, ...]] = {
    "README.md": ("answer", "verdict"),
    "docs/measurements.md": (
        *accuracy_tables.PARTS,
        *cpu_tables.PARTS,
        *block_tables.PARTS,
        *plane_tables.PARTS,
        *hybrid_tables.PARTS,
        *speed_tables.PARTS,
        *rival_table.PARTS,
        *load_tables.PARTS,
    ),
    "docs/multiplication_free.md": ("mf_gradients", "mf_curves", "mf_conditions"),
    "docs/training.md": ("frozen_networks", "training_kernels", "training_kernels_2d", "hybrid_study"),
    "docs/kernels.md": tuple(instruction_tables.PARTS),
    "docs/layers.md": ("layer_noise", "layer_diff"),
}


def drop_samples(value: Any) -> Any:
    """The same JSON value with every list of raw samples left out."""
    if isinstance(value, dict):
        return {key: drop_samples(v) for key, v in value.items() if key not in RAW}
    return [drop_samples(v) for v in value] if isinstance(value, list) else value


def copy_results(names: Sequence[str]) -> None:
    """Take results from build/bench/ into benchmarks/results/. Raises SystemExit where one was not measured here."""
    sources = {name: ROOT / "build" / "bench" / f"{name}.json" for name in names}
    missing = [f"build/bench/{name}.json" for name, source in sources.items() if not source.is_file()]
    if missing:
        raise SystemExit(f"not measured here: {', '.join(missing)}; name what to take over, as --renew accuracy")
    for name, source in sources.items():
        result = drop_samples(json.loads(source.read_text()))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def renew_page(text: str, page: str = "README.md") -> str:
    """The page with every part made anew. Raises SystemExit where a part that it must have is not there."""
    for name, make in PARTS.items():
        if has_part(text, name):
            text = replace_part(text, name, make())
        elif name in PAGES[page]:
            raise SystemExit(f"{page} lacks the lines <!-- {name} --> and <!-- /{name} -->")
    return text


def main() -> None:
    if sys.argv[1:2] == ["--renew"]:
        copy_results(sys.argv[2:] or NAMES)
    renew_pages()


def renew_pages() -> None:
    """Write every page anew."""
    for page in PAGES:
        path = ROOT / page
        path.write_text(renew_page(path.read_text(), page))
    decision_picture.PICTURE.write_bytes(decision_picture.draw_decision())


if __name__ == "__main__":
    main()
