"""Every ONNX file against its golden outputs in whichever onnxruntime is installed. Runs on Python 3.6, alone.

python tests/onnxruntime_golden.py models tests/data
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

# Two float32 runs of about 50 layers of up to 2,048 terms; export/parity.py derives it, this is the smallest figure it
# gives for these images.
TOLERANCE = 3e-4


def largest_difference(model: Path, golden: Path) -> float:
    """Between this onnxruntime's logits and the golden ones, one image alone and all of them as a batch."""
    wanted = np.load(str(golden))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, len(wanted["image"])):
        (logits,) = session.run(None, {"image": wanted["image"][:batch]})
        worst = max(worst, float(np.abs(logits - wanted["logits"][:batch]).max()))
    return worst


def main(models: str, goldens: str) -> int:
    failed = 0
    print("onnxruntime", onnxruntime.__version__, "Python", sys.version.split()[0])
    for model in sorted(Path(models).glob("*.onnx")):
        worst = largest_difference(model, Path(goldens) / f"{model.stem}.golden.npz")
        passed = worst <= TOLERANCE
        failed += not passed
        verdict = "passed" if passed else "FAILED"
        print(f"{model.stem:24} {verdict}: largest difference {worst:.2e}, share used {worst / TOLERANCE:.1%}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
