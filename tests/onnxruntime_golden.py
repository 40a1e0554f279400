"""Every ONNX file against its golden outputs in whichever onnxruntime is installed. Runs on Python 3.6, alone.

python tests/onnxruntime_golden.py models tests/data
"""

import sys
from pathlib import Path
from typing import Tuple

import numpy as np
import onnxruntime


def largest_difference(model: Path, golden: Path) -> Tuple[float, float]:
    """Between this onnxruntime's logits and the golden ones, for one image and for a batch; and the tolerance."""
    wanted = np.load(str(golden))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, len(wanted["image"])):
        (logits,) = session.run(None, {"image": wanted["image"][:batch]})
        worst = max(worst, float(np.abs(logits - wanted["logits"][:batch]).max()))
    return worst, float(wanted["tolerance"])


def main(models: str, goldens: str) -> int:
    failed = 0
    print("onnxruntime", onnxruntime.__version__, "Python", sys.version.split()[0])
    for model in sorted(Path(models).glob("*.onnx")):
        worst, tolerance = largest_difference(model, Path(goldens) / f"{model.stem}.golden.npz")
        passed = worst <= tolerance
        failed += not passed
        verdict = "passed" if passed else "FAILED"
        print(f"{model.stem:24} {verdict}: largest difference {worst:.2e}, tolerance {tolerance:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
