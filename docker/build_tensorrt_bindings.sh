#!/bin/bash
# In the builder stage of r32: TensorRT's Python bindings, for the Python of /opt/venv. JetPack 4 has them for 3.6 only.
#
#     docker/build_tensorrt_bindings.sh REPOSITORY TAG COMMIT     of TensorRT's open source; the tag must be that commit
#
# Needs the host's TensorRT (headers of the ONNX parser, libraries), Python's headers, cmake and g++.
set -eu
repository=$1 tag=$2 commit=$3
python=/opt/venv/bin/python
read -r major minor < <("$python" -c 'import sys; print(*sys.version_info[:2])')
machine=$(uname -m)
source=/tmp/tensorrt external=/tmp/external

git clone --quiet --depth 1 --branch "$tag" "$repository" "$source"
found=$(git -C "$source" rev-parse HEAD)
[ "$found" = "$commit" ] || { echo "error: tag $tag of $repository is $found, and was $commit" >&2; exit 1; }

# The bindings want onnx/NvOnnxParser.h: the host's is the one of its library, the submodule would be another.
for folder in "/usr/include/$machine-linux-gnu" /usr/include; do
  [ ! -s "$folder/NvOnnxParser.h" ] || ln -sf "$folder/NvOnnxParser.h" "$source/parsers/onnx/"
done
[ -e "$source/parsers/onnx/NvOnnxParser.h" ] || {
  echo "error: NvOnnxParser.h is missing or empty in /usr/include/$machine-linux-gnu: on the board, sudo apt install" \
    "libnvonnxparsers-dev, and build with the default runtime nvidia (docker/doctor.sh)" >&2
  exit 1
}

# pybind11 2.9: newer ones make a module that cannot be imported under TensorRT 8.2 (NVIDIA/TensorRT issue 2288)
"$python" -m pip install --quiet --no-cache-dir --require-hashes --target "$external" -r docker/requirements/bindings-py38.txt
mkdir -p "$external/python$major.$minor"
# pyconfig.h lies in a folder of the machine, inside of this one or beside it
cp -R "/usr/include/python$major.$minor" "$external/python$major.$minor/include"
mkdir -p "$external/python$major.$minor/include/$machine-linux-gnu/python$major.$minor"
cp "/usr/include/$machine-linux-gnu/python$major.$minor/pyconfig.h" \
  "$external/python$major.$minor/include/$machine-linux-gnu/python$major.$minor/"

# a compiler takes up to 1.5 GB here, and build.sh would start twelve
jobs=$(awk -v cores="$(nproc)" '/^MemAvailable/ { n = int($2 / 1.5e6); print n < 1 ? 1 : n < cores ? n : cores }' /proc/meminfo)
sed -i "s/make -j12/make -j$jobs/" "$source/python/build.sh"
cd "$source/python"
PATH=/opt/venv/bin:$PATH PYTHONPATH=$external PYTHON_MAJOR_VERSION=$major PYTHON_MINOR_VERSION=$minor \
  TARGET_ARCHITECTURE=$machine CUDA_ROOT=/usr/local/cuda TRT_OSSPATH=$source EXT_PATH=$external bash -e build.sh
"$python" -m pip install --quiet --no-cache-dir --no-deps build/dist/tensorrt-*.whl
rm -rf "$source" "$external"
