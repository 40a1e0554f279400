"""The time of every layer: reports, charts, comparisons."""
