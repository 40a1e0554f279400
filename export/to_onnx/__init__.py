"""From trained weights to an ONNX file: folded graph, nodes, function bodies, parity with PyTorch."""
