"""python -m export.report: see from_weights.py."""

import sys

from export.report.from_weights import main
from server.standard_output import run_command

sys.exit(run_command(main))
