"""Train Walsh-Hadamard hybrids in PyTorch and export them to ONNX."""
