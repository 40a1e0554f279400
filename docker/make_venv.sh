#!/bin/sh
# In a builder stage: the virtual environment /opt/venv with the pinned packages, wheels only.
#
#     docker/make_venv.sh PYTHON REQUIREMENTS     REQUIREMENTS: a file of docker/requirements, without .txt
set -eu
python=$1 requirements=docker/requirements/$2.txt

# NGC's images constrain every pip to their own versions, by this variable
unset PIP_CONSTRAINT
"$python" -m venv /opt/venv
# the pip of Ubuntu 18.04 knows no manylinux2014, so that it would build everything; the last for Python 3.8
/opt/venv/bin/python -m pip install --quiet --no-cache-dir 'pip>=23,<25.1'
/opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r "$requirements"
