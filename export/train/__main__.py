"""python -m export.train: see train_one.py."""

import sys

from export.train.train_one import main
from server.standard_output import run_command

sys.exit(run_command(main))
