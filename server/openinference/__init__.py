"""The Open Inference Protocol v2 and Triton's extensions of it."""
