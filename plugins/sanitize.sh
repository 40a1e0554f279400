#!/usr/bin/env bash
# The kernels under compute-sanitizer: memory out of bounds or unwritten, races in shared memory, wrong barriers.
#
#     plugins/sanitize.sh      build/libfwht_kernels.so has to be there; PYTHON=interpreter with NumPy and onnx
#
# Each tool runs small launches of every kernel instance in a process of its own, as a sanitized launch is slow.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
for tool in "$(command -v compute-sanitizer || true)" /usr/local/cuda*/bin/compute-sanitizer /usr/local/cuda*/compute-sanitizer/compute-sanitizer; do
  [ -x "$tool" ] && break
done
if [ ! -x "$tool" ]; then
  echo "compute-sanitizer was not found: it comes with the CUDA toolkit (cuda-sanitizer package), from CUDA 11.0 on" >&2
  exit 2
fi
status=0
for check in memcheck racecheck synccheck; do
  echo "== compute-sanitizer --tool $check"
  "$tool" --tool "$check" --target-processes all --error-exitcode 9 --print-limit 5 "$python" -m tests.plugins.small_launches || status=1
done
exit $status
