"""Serve Walsh-Hadamard hybrid image classifiers: image in, labels and layer times out."""

__version__ = "0.1.0"
