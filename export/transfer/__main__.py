"""python -m export.transfer: see transfer.py."""

import sys

from export.transfer.transfer import main
from server.standard_output import run_command

sys.exit(run_command(main))
