"""The comparison of two models, layer by layer, in docs/layers.md: python -m benchmarks.pages.layer_charts

Measures as `make compare` does, with native kernels, keeps the charts as docs/layers.svg and docs/layer_diff.svg and
the lines that matter as benchmarks/results/layer_diff.txt, and writes them into the page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.pages import renew
from benchmarks.pages.layer_lines import LINES, choose_lines
from server.files import write_atomically

BASELINE, HYBRID = "mobilenet_v2", "fwht_mobilenet_v2"
STATUSES = (0, 1, 2)  # nothing above the limit, something, and something in a noisy measurement


def main() -> None:
    subprocess.run(["plugins/build_native.sh", "--quiet"], cwd=renew.ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "server.layers", "compare", f"{BASELINE},{HYBRID}", "--folder", folder]
        environment = {**os.environ, "FWHT_NATIVE": "required"}
        done = subprocess.run(
            [*command, "--fail-above", "10%"],
            cwd=renew.ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in STATUSES:
            raise SystemExit(f"the comparison failed with status {done.returncode}")
        chart = f"{HYBRID}-onnxruntime-fp32.layers.svg"
        difference = f"{BASELINE}-onnxruntime-fp32-to-{HYBRID}-onnxruntime-fp32.layer-diff.svg"
        for source, target in ((chart, "layers.svg"), (difference, "layer_diff.svg")):
            write_atomically(renew.ROOT / "docs" / target, (Path(folder) / source).read_bytes())
    write_atomically(LINES, choose_lines(done.stdout).encode())
    print(LINES.read_text())
    renew.renew_pages()


if __name__ == "__main__":
    main()
