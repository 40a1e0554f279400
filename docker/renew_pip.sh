#!/bin/sh
# Renews the pip of a virtual environment that an old system made: docker/renew_pip.sh PYTHON
#
# Ubuntu 20.04 (JetPack 5.1) brings pip 20.0.2, which knows wheels up to manylinux2014 alone and would find no ONNX Runtime for
# arm64; 25.0 is the last pip for Python 3.8. Nothing is done where pip is new enough.
set -eu
python=$1
if ! "$python" -c 'import sys, pip; sys.exit(int(pip.__version__.split(".")[0]) < 23)'; then
  "$python" -m pip install --quiet --disable-pip-version-check 'pip>=23,<25.1'
fi
