#!/usr/bin/env bash
# Everything of the plugin that needs a GPU, in one run: build, check, sanitize, time. A table of results comes last.
#
#     benchmarks/on_gpu.sh [build] [kernels] [sanitize] [bench] [engines] [make_engines] [serving]
#                                                                           default: all of them, in this order
#
#   PYTHON            interpreter with NumPy, onnx, pytest, and for two parts torch and onnxruntime   (python3)
#   TENSORRT_PYTHON   interpreter with TensorRT, NumPy, onnx and pytest (for make_engines pycuda, NumPy and Pillow), where
#                     PYTHON has no TensorRT
#   TENSORRT_INCLUDE, TENSORRT_LIB, CUDA_ARCH   as for `make plugin` (plugins/find_cuda.sh)
#   DATA              packed file of test images (docs/data_formats.md); else the 1,000 in tests/data
#   OUT               folder for logs and JSON   (build/bench)
#
# Each step may take STEP_SECONDS (240) and is named in the table as passed, failed, or not run and why.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
python=${PYTHON:-python3}
out=${OUT:-build/bench}
mkdir -p "$out" build
export PYTHONDONTWRITEBYTECODE=1
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(build kernels sanitize bench engines make_engines serving)
table=()
failed=0

has() { "$1" -c 'import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))' "${@:2}"; }

# The interpreter with TensorRT, or nothing.
tensorrt_python() {
  for one in "$python" ${TENSORRT_PYTHON:+"$TENSORRT_PYTHON"}; do
    has "$one" tensorrt && echo "$one" && return
  done
}

# row STATE WHAT SECONDS
row() {
  table+=("$(printf '%-8s %-34s %5s s' "$1" "$2" "$3")")
  [ "$1" = FAILED ] && failed=1
}

# step NAME COMMAND...: shows the end of its output, keeps all of it
step() {
  local name=$1 start=$SECONDS status=0
  shift
  echo "=== $name: $*"
  timeout "${STEP_SECONDS:-240}" bash -c '"$@"' bash "$@" >"$out/$name.log" 2>&1 || status=$?
  tail -n "${LINES_SHOWN:-25}" "$out/$name.log"
  case $status in
    0) row passed "$name" $((SECONDS - start)) ;;
    124) row FAILED "$name (over its time)" $((SECONDS - start)) ;;
    *) row FAILED "$name (status $status)" $((SECONDS - start)) ;;
  esac
}

# Without the folder of TensorRT's headers the kernels alone will do. (Called by `step`.)
# shellcheck disable=SC2329
build_libraries() {
  rm -f build/libfwht_kernels.so
  make --no-print-directory -f plugins/Makefile -j "$(nproc)" && return
  [ -z "${TENSORRT_INCLUDE:-}" ] && [ -e build/libfwht_kernels.so ]
}
export -f build_libraries

# A second run must keep what the first one made. (Called by `step`.)
# shellcheck disable=SC2329
keeps() {
  local said
  said=$("$@" 2>&1)
  echo "$said"
  [[ $said == *"kept, it fits"* ]]
}
export -f keeps

# What `make engine` does, for every shipped model: built, proved on its golden images, put into build/ with its card.
make_engines() {
  local model precision command
  for model in models/*.onnx; do
    for precision in fp32 fp16; do
      command=("$1" -m export.engine "$(basename "$model" .onnx)" --precision "$precision")
      LINES_SHOWN=4 step "engine-$(basename "$model" .onnx)-$precision" "${command[@]}" --rebuild
    done
  done
  LINES_SHOWN=1 step engine-again keeps "${command[@]}"
}

for name in "${steps[@]}"; do
  case $name in
    build) step build build_libraries ;;
    kernels) step kernels env FWHT_REQUIRE_GPU=1 "$python" -m pytest -q -p no:cacheprovider -rP tests/plugins/test_gpu_kernels.py ;;
    sanitize) PYTHON=$python step sanitize plugins/sanitize.sh ;;
    bench)
      LINES_SHOWN=150 TENSORRT_PYTHON=$(tensorrt_python) step bench "$python" -m benchmarks.kernels.plugin
      [ "$out" -ef build/bench ] || cp build/bench/plugin*.json "$out"/ 2>/dev/null
      ;;
    engines)
      if [ -z "$(tensorrt_python)" ]; then
        row "not run" "engines: no interpreter has tensorrt" 0
      else
        has "$python" onnxruntime PIL && step labels "$python" -m tests.plugins.onnx_labels ${DATA:+"$DATA"}
        step engines env FWHT_REQUIRE_GPU=1 "$(tensorrt_python)" -m pytest -q -p no:cacheprovider -rP tests/plugins/test_gpu_engines.py
      fi
      ;;
    make_engines)
      if [ -z "$(tensorrt_python)" ] || ! has "$(tensorrt_python)" pycuda numpy PIL; then
        row "not run" "make_engines: needs tensorrt and pycuda" 0
      else
        make_engines "$(tensorrt_python)"
      fi
      ;;
    serving)
      if [ -z "$(tensorrt_python)" ] || ! has "$(tensorrt_python)" pycuda fastapi; then
        row "not run" "serving: no interpreter has all of tensorrt, pycuda and fastapi" 0
      else
        step serving "$(tensorrt_python)" -m benchmarks.serving.gpu_serving --out "$out/gpu_serving.json"
        step throughput "$(tensorrt_python)" -m benchmarks.serving.throughput --way tensorrt --out "$out/throughput.json"
        step overhead "$(tensorrt_python)" -m benchmarks.serving.overhead --backend tensorrt --out "$out/overhead.json"
      fi
      ;;
    *)
      echo "$name is no step: build, kernels, sanitize, bench, engines, make_engines, serving" >&2
      exit 2
      ;;
  esac
done

echo "=== $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"); logs in $out"
printf '%s\n' "${table[@]}"
exit $failed
