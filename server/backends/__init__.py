"""ONNX Runtime and TensorRT behind one interface."""
