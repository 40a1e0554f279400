"""python -m export.train: see train_one.py."""

import sys

from export.train.train_one import main

sys.exit(main())
