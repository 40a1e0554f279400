"""python -m export.to_onnx: see from_checkpoint.py."""

import sys

from export.to_onnx.from_checkpoint import main

sys.exit(main())
