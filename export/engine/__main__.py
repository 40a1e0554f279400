"""python -m export.engine: see from_onnx.py."""

import sys

from export.engine.from_onnx import main

sys.exit(main())
