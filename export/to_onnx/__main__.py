"""python -m export.to_onnx: see from_checkpoint.py."""

import sys

from export.to_onnx.from_checkpoint import main
from server.standard_output import run_command

sys.exit(run_command(main))
