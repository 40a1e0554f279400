#!/bin/sh
# In a builder stage, last: take out of /opt/venv what only developers use. Nothing is installed into an image later.
set -eu
cd /opt/venv/lib/python3*/site-packages
find . -type d \( -name tests -o -path ./onnx/backend/test \) -prune -exec rm -rf {} +
rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools
/opt/venv/bin/python -m pip uninstall --quiet --yes pip
