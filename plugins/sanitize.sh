#!/usr/bin/env bash
# The kernels under compute-sanitizer: memory out of bounds or unwritten, races in shared memory, wrong barriers.
#
#     plugins/sanitize.sh      build/libfwht_kernels.so has to be there; PYTHON=interpreter with NumPy and onnx
#
# Exit status 77: it cannot run here, and the last line says why. Virtual machines may be refused a GPU's debugging.
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
  exit 77
fi
status=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for check in memcheck racecheck synccheck; do
  echo "== compute-sanitizer --tool $check"
  "$tool" --tool "$check" --target-processes all --error-exitcode 9 --print-limit 5 "$python" -m tests.plugins.small_launches \
    2>&1 | tee "$said" && continue
  # a summary is the end of every run that took place
  refused=$(grep -iE 'not supported|not permitted|unable to (attach|initialize)|failed to (attach|initialize)|internal sanitizer error' "$said" |
    head -n 1)
  if [ -n "$refused" ] && ! grep -q 'ERROR SUMMARY' "$said"; then
    echo "compute-sanitizer refuses this machine: $refused" >&2
    exit 77
  fi
  status=1
done
exit $status
