#!/usr/bin/env bash
# Run the shipped ONNX files in onnxruntime 1.10, the last version with a wheel for Python 3.6 and the one of JetPack 4.
#
#   tests/onnxruntime_1_10.sh [PYTHON]
#
# PYTHON is an interpreter of version 3.6 to 3.9 (python3.9 by default); a newer one has no wheel of 1.10. It gets a
# virtual environment of its own in build/onnxruntime_1_10, with onnxruntime 1.10.0 and nothing else of this project.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3.9}
"$python" -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 6) <= v < (3, 10) else
    f"onnxruntime 1.10 has wheels for Python 3.6 to 3.9; this is {v[0]}.{v[1]}: name another interpreter")'
venv=build/onnxruntime_1_10
[ -x $venv/bin/python ] || "$python" -m venv $venv
$venv/bin/python -m pip install --quiet --disable-pip-version-check 'onnxruntime==1.10.0' 'numpy<1.25' 'protobuf<4'
exec $venv/bin/python tests/onnxruntime_golden.py models tests/data
