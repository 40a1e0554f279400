"""python -m export.report: see from_weights.py."""

import sys

from export.report.from_weights import main

sys.exit(main())
