#!/bin/sh
# TensorRT's Python bindings and the libraries that they are linked to, from a builder stage into the image.
#
#     docker/bindings.sh copy PYTHON    in the builder: the system's bindings for PYTHON, and libnvparsers, into /opt/venv
#     docker/bindings.sh complete       in the image: lays what its libraries lack, and fails where that is not enough
#
# Those of TensorRT 8 are linked to libnvparsers.so.8, which an image of the libraries that run engines may leave out; then
# `import tensorrt` would fail at the first start, on the board.
set -eu
ROOT=${FWHT_ROOT:-} # prefix of every file, for tests
venv=$ROOT/opt/venv

missing() { ldd "$1" | sed -n 's/^[[:space:]]*\(libnv\(infer\|parsers\|onnxparser\)[^ ]*\) => not found.*/\1/p'; }

copy() { # PYTHON
  packages=$venv/lib/$1/site-packages
  cp -R "$ROOT/usr/lib/$1/dist-packages/tensorrt" "$packages/"
  mkdir -p "$packages/tensorrt/libraries"
  for module in "$packages"/tensorrt/*.so; do
    ldd "$module" | sed -n 's/.*=> \(\/[^ ]*libnvparsers[^ ]*\) .*/\1/p' | while read -r library; do
      cp -L "$library" "$packages/tensorrt/libraries/"
    done
  done
}

lay_what_is_missing() {
  for module in "$venv"/lib/python3*/site-packages/tensorrt/*.so; do
    folder=$(dirname "$module")/libraries
    for library in $(missing "$module"); do
      [ -e "$folder/$library" ] || continue
      cp "$folder/$library" "$ROOT/usr/lib/$(uname -m)-linux-gnu/"
      echo "$library came with the bindings, this base image has none"
    done
    rm -rf "$folder"
    ldconfig
    lacking=$(missing "$module")
    [ -z "$lacking" ] || {
      echo "error: TensorRT's bindings need $(echo "$lacking" | tr '\n' ' ')and this base image has none: another BASE" \
        "in docker/versions.env" >&2
      exit 1
    }
  done
}

case ${1:-} in
  copy) copy "$2" ;;
  complete) lay_what_is_missing ;;
  *) echo "usage: docker/bindings.sh copy PYTHON | complete" >&2; exit 2 ;;
esac
