"""From an ONNX file to a TensorRT engine, on the board that runs it: Python 3.8, neither torch nor onnx."""
