# shellcheck shell=sh
# TensorRT for the plugin library: its headers, version and library. Sourced by find_cuda.sh, which sets ROOT and MACHINE
# and has found(), complain() and version_below(). Settings: TENSORRT_INCLUDE and TENSORRT_LIB, as described there.

# Keeps the first reason: a library is not looked for without its headers.
tensorrt_missing() {
  TENSORRT_MISSING=$1
  found TensorRT "missing"
  complain "$1" "$2" \
    "  JetPack 4.6  sudo apt install libnvinfer-dev" \
    "               (an r32 container mounts the host's: install it on the host, run with --runtime nvidia)" \
    "  JetPack 5    sudo apt install libnvinfer-dev" \
    "  JetPack 6, 7 sudo apt install libnvinfer-headers-dev libnvinfer-dev" \
    "  elsewhere    the same packages, or an unpacked archive: TENSORRT_INCLUDE=.../include TENSORRT_LIB=.../lib" \
    "               (of NVIDIA's images l4t-tensorrt, those named -devel hold them, those named -runtime do not)"
}

find_tensorrt() {
  TENSORRT_MISSING= TENSORRT_VERSION= TENSORRT_HEADERS= TENSORRT_LIBRARY= TENSORRT_SAID=
  find_headers && read_tensorrt_version && find_library &&
    found TensorRT "$TENSORRT_VERSION ($TENSORRT_HEADERS, $TENSORRT_SAID)"
}

find_headers() {
  empty=
  set -- "$ROOT/usr/include/$MACHINE" "$ROOT/usr/include" "$ROOT/usr/local/tensorrt/include" "$ROOT/opt/tensorrt/include"
  [ -z "${TENSORRT_INCLUDE:-}" ] || set -- "$TENSORRT_INCLUDE"
  for TENSORRT_HEADERS in "$@"; do
    [ -s "$TENSORRT_HEADERS/NvInfer.h" ] && return
    [ -e "$TENSORRT_HEADERS/NvInfer.h" ] && empty=$TENSORRT_HEADERS/NvInfer.h
  done
  if [ -n "$empty" ]; then
    tensorrt_missing "$empty is empty" \
      "So it is in a container whose host has no TensorRT (JetPack 4). The package that brings it:"
  else
    tensorrt_missing "NvInfer.h was not found in $*" "The package that brings it:"
  fi
  return 1
}

# The numbers are macros, from TensorRT 10.13 on macros of macros.
read_tensorrt_version() {
  TENSORRT_VERSION=$(awk '
    $1 == "#define" { value[$2] = $3 }
    function number(name) { return name in value ? number(value[name]) : name }
    END { print number("NV_TENSORRT_MAJOR") "." number("NV_TENSORRT_MINOR") "." number("NV_TENSORRT_PATCH") }
  ' "$TENSORRT_HEADERS/NvInferVersion.h" 2>/dev/null)
  case $TENSORRT_VERSION in
    *[!0-9.]* | "")
      tensorrt_missing "$TENSORRT_HEADERS/NvInferVersion.h names no version" "The package that brings it:"
      return 1
      ;;
  esac
  if version_below "$TENSORRT_VERSION" 8.2; then
    tensorrt_missing "TensorRT $TENSORRT_VERSION is too old: 8.2 (JetPack 4.6.1) or newer is needed" "The packages:"
    return 1
  fi
}

find_library() {
  if [ "${TENSORRT_LIB:-}" = none ]; then
    TENSORRT_SAID="linked without libnvinfer"
    return
  fi
  set -- "$TENSORRT_HEADERS/../lib" "$ROOT/usr/lib/$MACHINE" "$ROOT/usr/lib" "$ROOT/usr/local/tensorrt/lib" \
    "$ROOT/opt/tensorrt/lib"
  [ -z "${TENSORRT_LIB:-}" ] || set -- "$TENSORRT_LIB"
  for folder in "$@"; do
    # with its major number first: the one that the running engine will load
    TENSORRT_LIBRARY=$folder/libnvinfer.so.${TENSORRT_VERSION%%.*}
    TENSORRT_SAID=$TENSORRT_LIBRARY
    [ -s "$TENSORRT_LIBRARY" ] && return
  done
  TENSORRT_LIBRARY=
  tensorrt_missing \
    "the headers are of TensorRT $TENSORRT_VERSION, and libnvinfer.so.${TENSORRT_VERSION%%.*} was not found in $*" \
    "The package that brings it (or TENSORRT_LIB=none to link without it):"
  return 1
}
