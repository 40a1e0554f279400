#!/bin/sh
# Finds and prints what the plugin is built with: nvcc, the host compiler, the GPU's architecture, TensorRT.
#
#     plugins/find_cuda.sh [FOLDER]   FOLDER gets it as make variables too: cuda.mk and tensorrt.mk
#
# Exit status: 0 all found; 2 all but TensorRT, so the kernels can be built and the plugin cannot; 1 not even the kernels.
# Settings (environment, or variables of make):
#     CUDA_ARCH="87 90"   architectures to build for, instead of this machine's GPU
#     CXX                 host compiler
#     TENSORRT_INCLUDE    folder of NvInfer.h
#     TENSORRT_LIB        folder of libnvinfer.so; "none" links without it, for processes that load TensorRT themselves
#     FWHT_ROOT           prefix of every system folder looked into (tests)
set -u

FOLDER=${1:-}
ROOT=${FWHT_ROOT:-}
MACHINE=$(uname -m)-linux-gnu

found() { printf '%-14s%s\n' "$1" "$2"; }
complain() { printf '%s\n' "$@" >&2; }
stop() { complain "$@"; exit 1; }

# version_below 10.1 10.2: is the first version lower?
version_below() {
  [ $((${1%%.*} * 1000 + $(minor "$1"))) -lt $((${2%%.*} * 1000 + $(minor "$2"))) ]
}
minor() { echo "$1" | awk -F . '{ print $2 + 0 }'; }

# ---- nvcc

say_cuda_packages() {
  complain "It comes with the CUDA toolkit:" \
    "  JetPack 4.6  sudo apt install cuda-toolkit-10-2" \
    "               (an r32 container mounts the host's: install it on the host, run with --runtime nvidia)" \
    "  JetPack 5    sudo apt install cuda-toolkit-11-4" \
    "  JetPack 6    sudo apt install cuda-toolkit-12-6   (6.0: cuda-toolkit-12-2)" \
    "  JetPack 7    sudo apt install cuda-toolkit-13-0   (7.2: cuda-toolkit-13-2)" \
    "  elsewhere    https://developer.nvidia.com/cuda-downloads"
}

find_nvcc() {
  NVCC=$(command -v nvcc) && return
  # /usr/local/cuda before the newest of /usr/local/cuda-*
  for NVCC in "$ROOT"/usr/local/cuda/bin/nvcc $(ls -d "$ROOT"/usr/local/cuda-*/bin/nvcc 2>/dev/null | sort -rV); do
    [ -x "$NVCC" ] && return
  done
  complain "nvcc is neither on PATH nor in $ROOT/usr/local/cuda*/bin."
  say_cuda_packages
  exit 1
}

read_cuda_version() {
  CUDA_VERSION=$("$NVCC" --version 2>/dev/null | sed -n 's/.*release \([0-9][0-9.]*\).*/\1/p')
  if [ -z "$CUDA_VERSION" ]; then
    complain "$NVCC does not run: $("$NVCC" --version 2>&1 | tail -n 1)"
    say_cuda_packages
    exit 1
  fi
  found CUDA "$CUDA_VERSION ($NVCC)"
  if version_below "$CUDA_VERSION" 10.2; then
    stop "CUDA $CUDA_VERSION is too old: 10.2 (JetPack 4.6) or newer is needed."
  fi
}

# ---- host compiler

# The newest gcc that this nvcc takes, as its own header says; nothing where the header is not found.
newest_gcc() {
  top=$("$NVCC" --dryrun -x cu -c /dev/null -o /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p')
  sed -n 's/.*gcc versions later than \([0-9]*\).*/\1/p' \
    "${top:-$(dirname "$NVCC")/..}"/targets/*/include/crt/host_config.h \
    "${top:-$(dirname "$NVCC")/..}"/include/crt/host_config.h 2>/dev/null | head -n 1
}

find_host_compiler() {
  HOST_COMPILER=${CXX:-g++}
  command -v "$HOST_COMPILER" >/dev/null ||
    stop "The host compiler $HOST_COMPILER was not found: sudo apt install g++, or name one with CXX=..."
  version=$("$HOST_COMPILER" -dumpversion)
  limit=$(newest_gcc)
  # clang has limits of its own, which nvcc checks
  if [ -n "$limit" ] && [ "${version%%.*}" -gt "$limit" ] && ! "$HOST_COMPILER" --version | grep -q clang; then
    take_older_compiler
  fi
  found "host compiler" "$HOST_COMPILER $version${limit:+ (this nvcc takes gcc up to $limit)}"
}

take_older_compiler() {
  [ -z "${CXX:-}" ] && older=$limit || older=0
  while [ "$older" -ge 5 ]; do
    if command -v "g++-$older" >/dev/null; then
      HOST_COMPILER=g++-$older
      version=$("$HOST_COMPILER" -dumpversion)
      return
    fi
    older=$((older - 1))
  done
  stop "CUDA $CUDA_VERSION takes gcc up to $limit, and $HOST_COMPILER is $version:" \
    "sudo apt install g++-$limit, or name a compiler with CXX=..."
}

# ---- architecture of the GPU

find_architectures() {
  ARCHITECTURES=$(echo "${CUDA_ARCH:-}" | tr -s ', ' ' ' | sed 's/^ //; s/ $//')
  if [ -n "$ARCHITECTURES" ]; then
    found architecture "$ARCHITECTURES (CUDA_ARCH)"
  else
    detect_architecture
  fi
  known=$(echo "$NVCC_HELP" | grep -o 'sm_[0-9][0-9]*' | sort -u)
  for architecture in $ARCHITECTURES; do
    check_architecture "$architecture"
  done
}

detect_architecture() {
  soc=$(tr '\0' '\n' 2>/dev/null <"$ROOT/proc/device-tree/compatible" | sed -n 's/^nvidia,\(tegra[0-9]*\)$/\1/p' | head -n 1)
  case $soc in
    tegra210) ARCHITECTURES=53 ;;  # TX1, Nano
    tegra186) ARCHITECTURES=62 ;;  # TX2
    tegra194) ARCHITECTURES=72 ;;  # Xavier
    tegra234) ARCHITECTURES=87 ;;  # Orin
    tegra264) ARCHITECTURES=110 ;; # Thor
    *)
      soc=nvidia-smi
      ARCHITECTURES=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
        sed -n 's/^ *\([0-9]*\)\.\([0-9]\) *$/\1\2/p' | sort -un | tr '\n' ' ' | sed 's/ $//')
      ;;
  esac
  [ -n "$ARCHITECTURES" ] || stop "No NVIDIA GPU was found here. Say which one the plugin is for:" \
    "  CUDA_ARCH=53 (Nano, TX1), 62 (TX2), 72 (Xavier), 87 (Orin), 110 (Thor), 90 (H100, H200); several: CUDA_ARCH=\"87 90\""
  found architecture "$ARCHITECTURES ($soc)"
}

# Told one by one, since the compiler's own message would only come after minutes of compiling for the others.
check_architecture() {
  case $1 in
    *[!0-9]*) stop "CUDA_ARCH holds $1: an architecture is written as a number, 87 for compute capability 8.7." ;;
  esac
  if [ -z "$known" ] || echo "$known" | grep -qx "sm_$1"; then
    return
  fi
  case $1 in
    53 | 62 | 72) reason="CUDA 12.9 was the last one to know 53 (Nano, TX1), 62 (TX2) and 72 (Xavier)" ;;
    87) reason="87 (Orin) needs CUDA 11.4 or newer: JetPack 5" ;;
    110) reason="110 (Thor) needs CUDA 13.0 or newer: JetPack 7" ;;
    *) reason="CUDA_ARCH takes one of its own" ;;
  esac
  stop "nvcc of CUDA $CUDA_VERSION does not know the architecture $1; $reason." \
    "It knows $(echo "$known" | sed 's/sm_//' | sort -n | tr '\n' ' ')"
}

# ---- lists of headers

# Compiling and listing the headers in one go came late in CUDA 10 or in 11: the help says whether it is there.
find_header_lists() {
  LISTS_HEADERS=
  case $NVCC_HELP in *'(-MMD)'*'(-MF)'*) LISTS_HEADERS=yes ;; esac
}

# ---- for make

# make would read $ and # as its own
escape() { printf '%s\n' "$1" | sed 's/[$]/$$/g; s/#/\\#/g'; }

# write NAME, text on standard input: replaced in one step, and only where it changes, since every object depends on it
write() {
  cat >"$FOLDER/$1.new.$$" && if cmp -s "$FOLDER/$1.new.$$" "$FOLDER/$1"; then
    rm -f "$FOLDER/$1.new.$$"
  else
    mv -f "$FOLDER/$1.new.$$" "$FOLDER/$1"
  fi
}

. "$(dirname "$0")/find_tensorrt.sh"

find_nvcc
read_cuda_version
NVCC_HELP=$("$NVCC" --help)
find_host_compiler
find_architectures
find_header_lists
find_tensorrt
if [ -n "$FOLDER" ]; then
  mkdir -p "$FOLDER" || exit 1
  write cuda.mk <<END
NVCC := $(escape "$NVCC")
CUDA_VERSION := $CUDA_VERSION
HOST_COMPILER := $(escape "$HOST_COMPILER")
ARCHITECTURES := $ARCHITECTURES
LISTS_HEADERS := $LISTS_HEADERS
END
  write tensorrt.mk <<END
TENSORRT_VERSION := $TENSORRT_VERSION
TENSORRT_HEADERS := $(escape "$TENSORRT_HEADERS")
TENSORRT_LIBRARY := $(escape "$TENSORRT_LIBRARY")
TENSORRT_MISSING := $(escape "$TENSORRT_MISSING")
END
fi
[ -z "$TENSORRT_MISSING" ] || exit 2
