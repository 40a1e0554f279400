#!/bin/sh
# In a builder stage with CUDA: build pycuda, which has no wheel, into /opt/venv.
set -eu
unset PIP_CONSTRAINT
export PATH="/usr/local/cuda/bin:$PATH" # pycuda finds CUDA by nvcc
# random numbers are not needed, and libcurand is not in every image
printf 'CUDA_ENABLE_CURAND = False\n' >"$HOME/.aksetup-defaults.py"
/opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --no-binary pycuda -r docker/requirements/pycuda.txt
