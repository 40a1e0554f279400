#!/bin/sh
# Builds the CPU kernels for ONNX Runtime: build/libfwht_onnxruntime.so, with the C++ compiler of this machine and nothing
# else; build/libfwht_onnxruntime.json says what it was built from. Run in the root of the repository. Where the card says
# that nothing has changed, nothing is done.
#
#     plugins/build_native.sh [--quiet]     quiet: say nothing where nothing is to be done
#
# Settings: CXX, the compiler (else c++, g++ or clang++ on PATH).
set -eu

LIBRARY=build/libfwht_onnxruntime.so
CARD=build/libfwht_onnxruntime.json
FLAGS="-std=c++14 -O2 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -Wall -Wextra -pthread"

# What the CUDA side has, too.
SHARED="plugins/fwht_2d/check.h plugins/fwht_2d/op.h plugins/fwht_2d/params.h plugins/fwht_bottleneck/op.h plugins/fwht_bottleneck/params.h plugins/fwht_layer/check.cpp plugins/fwht_layer/check.h plugins/fwht_layer/op.h plugins/fwht_layer/params.h
  plugins/fwht_layer/windows.h plugins/host_device.h plugins/mf_depthwise_conv/check.h plugins/mf_depthwise_conv/op.h
  plugins/mf_depthwise_conv/params.h plugins/tensorrt/op.h plugins/tensorrt/refuse.h"

stop() { printf '%s\n' "$@" >&2; exit 1; }

[ -f plugins/build_native.sh ] || stop "run \`make native\` in the root of the repository"

find_compiler() {
  set -- c++ g++ clang++
  [ -z "${CXX:-}" ] || set -- "$CXX"
  for compiler in "$@"; do
    command -v "$compiler" >/dev/null 2>&1 && return
  done
  stop "no C++ compiler (${CXX:-c++, g++ or clang++}) was found: on Debian, Ubuntu and JetPack, sudo apt install g++." \
    "Without the CPU kernels all models run, slower, on ONNX Runtime's own operators."
}

# The instruction sets of the machine that the compiler builds for, and what each needs.
list_sets() {
  case $machine in
    x86_64*) sets="avx512 avx2 baseline" ;;
    aarch64* | arm64*) sets="neon baseline" ;;
    *) sets="baseline" ;;
  esac
}

flags_of() {
  case $1 in
    avx2) echo "-mavx2 -mfma" ;;
    # gcc 7 to 12 warn of its own headers
    avx512) echo "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -Wno-uninitialized -Wno-maybe-uninitialized -Wno-unknown-warning-option" ;;
  esac
}

sum_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# write_card LIBRARY: the last hash tells a whole library from a damaged one, which could end a process that loads it
write_card() {
  names=$(echo "$sets" | sed 's/\([a-z0-9]*\)/"\1"/g; s/ /, /g')
  printf '{"version": "%s", "machine": "%s", "instruction_sets": [%s], "compiler": "%s", "sources": "%s", "sha256": "%s"}\n' \
    "$version" "$machine" "$names" "$identity" "$digest" "$(sum_of <"$1")"
}

compile() {
  # shellcheck disable=SC2086
  "$compiler" $FLAGS -DFWHT_VERSION="\"$version\"" "$@" || return 1
}

find_compiler
machine=$("$compiler" -dumpmachine)
machine=${machine%%-*}
identity=$("$compiler" --version | head -n 1 | tr -d '"')
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' server/__init__.py)
list_sets
# shellcheck disable=SC2086
FILES=$(find plugins/cpu plugins/onnxruntime plugins/*/cpu_* $SHARED plugins/build_native.sh -type f | LC_ALL=C sort)
# shellcheck disable=SC2086
digest=$(cat $FILES | sum_of)
if [ -f $LIBRARY ] && [ -f $CARD ] && [ "$(write_card $LIBRARY)" = "$(cat $CARD)" ]; then
  [ "${1:-}" = --quiet ] || echo "$LIBRARY is up to date"
  exit 0
fi

mkdir -p build
folder=$(mktemp -d build/native.XXXXXX)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
echo "compiling $LIBRARY ($(echo "$sets" | sed 's/ /, /g'); some seconds, once)"
jobs=
for set in $sets; do
  # shellcheck disable=SC2046
  compile $(flags_of "$set") -c "plugins/cpu/kernels_$set.cpp" -o "$folder/$set.o" &
  jobs="$jobs $!"
done
for source in $(echo "$FILES" | grep '\.cpp$' | grep -v '^plugins/cpu/kernels_'); do
  compile -c "$source" -o "$folder/$(echo "$source" | tr / _).o"
done
for job in $jobs; do wait "$job"; done
case $(uname -s) in Darwin) link= ;; *) link=-Wl,-z,defs ;; esac
compile -shared $link "$folder"/*.o -o "$folder/library.so"
# The old card must not speak for the new library, nor the new one for the old.
rm -f $CARD
mv -f "$folder/library.so" $LIBRARY
write_card $LIBRARY >"$folder/card.json"
mv -f "$folder/card.json" $CARD
echo "built $LIBRARY"
