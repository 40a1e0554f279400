#!/bin/sh
# Pin the Python packages of the images again, at their newest: docker/requirements/*.txt, with hashes.
#
#     docker/lock_requirements.sh     needs uv (pip install uv) and the package index
#
# A platform's set is resolved for its Python on aarch64, wheels only; hashes of all other wheels of a version are in the
# file, too, so that cpu-py313.txt is also the set for amd64 (tests/docker/test_requirements.py resolves both).
set -eu
cd "$(dirname "$0")/.."

pin() { # OUTPUT PYTHON PLATFORM SOURCE...
  output=docker/requirements/$1.txt python=$2 platform=$3
  shift 3
  uv pip compile --quiet --no-config --no-python-downloads --no-header --no-annotate --upgrade --generate-hashes \
    --python-version "$python" --python-platform "$platform" --output-file "$output" "$@"
}

wheels='--only-binary :all:'
# shellcheck disable=SC2086 # two words
{
  pin cpu-py313 3.13 aarch64-manylinux_2_28 $wheels pyproject.toml --extra cpu docker/requirements/cpu.in
  # glibc of r32 is 2.27, of r35 2.31
  pin device-py38 3.8 aarch64-manylinux2014 $wheels pyproject.toml docker/requirements/device.in
  pin bindings-py38 3.8 aarch64-manylinux2014 $wheels docker/requirements/bindings.in
  pin device-py310 3.10 aarch64-manylinux_2_28 $wheels pyproject.toml docker/requirements/device.in
  pin device-py312 3.12 aarch64-manylinux_2_28 $wheels pyproject.toml docker/requirements/device.in
}
pin pycuda 3.8 aarch64-manylinux2014 --no-deps docker/requirements/pycuda.in
