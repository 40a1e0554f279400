#!/usr/bin/env bash
# Everything of the plugin that needs a GPU, in the order of its worth: what a lent machine has no time for comes last.
#
#     benchmarks/on_gpu.sh [STEP...]      all that has not passed yet; a step that is named runs in any case
#
#   build          the libraries, for this machine's GPU alone
#   kernels        every kernel against float64
#   labels         what ONNX Runtime answers on the 1,000 test images (on the CPU)
#   make_engines   the four models' engines by `make engine`, proved and kept; float16 first
#   serving        labels over HTTP, layer report, hybrid against baseline at batch 1, 4, 16
#   bench          copy of a tensor, cuDNN's convolutions, TensorRT's layers: each against its bound
#   engines        TensorRT engines by its API: golden outputs, labels, two streams
#   sanitize       compute-sanitizer
#   load           throughput and overhead of the server
#
# Settings (environment):
#   PYTHON            interpreter with NumPy, onnx, pytest, and for two parts torch and onnxruntime   (python3)
#   TENSORRT_PYTHON   interpreter with TensorRT, NumPy, onnx and pytest (for make_engines pycuda, NumPy and Pillow), where
#                     PYTHON has no TensorRT
#   TENSORRT_INCLUDE, TENSORRT_LIB, CUDA_ARCH   as for `make plugin` (plugins/find_cuda.sh)
#   DATA              packed file of test images (docs/data_formats.md); else the 1,000 in tests/data
#   OUT               folder for logs and JSON   (build/bench)
#   BUDGET_SECONDS    of all steps together; the one that runs then is stopped, the rest are not run   (720: 14 minutes
#                     with two for moving files to the machine and back)
#   STEP_SECONDS      of each step, instead of the time that each has
#
# Each step is a row: passed, FAILED, or not run and why. It is printed when it ends and kept in OUT/on_gpu.txt, so that a
# run which is killed loses the step it was at alone; started again it goes on. A change of the sources or the GPU starts anew.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
python=${PYTHON:-python3}
out=${OUT:-build/bench}
budget=${BUDGET_SECONDS:-720}
LEAST_SECONDS=10 # a step is not begun with less
NOT_RUN=77       # exit status of a command that cannot run here; its last line says why
ALL=(build kernels labels make_engines serving bench engines sanitize load)
mkdir -p "$out" build
rows=$out/on_gpu.txt
export PYTHONDONTWRITEBYTECODE=1
failed=0 running='' named=$#
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=("${ALL[@]}")
for name in "${steps[@]}"; do
  [[ " ${ALL[*]} " == *" $name "* ]] || { echo "$name is no step: ${ALL[*]}" >&2; exit 2; }
done

has() { "$1" -c 'import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))' "${@:2}"; }

# The interpreter with TensorRT, or nothing.
tensorrt_python() {
  for one in "$python" ${TENSORRT_PYTHON:+"$TENSORRT_PYTHON"}; do
    has "$one" tensorrt && echo "$one" && return
  done
}

gpu() { nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"; }

# What rows count for: the sources, and the GPU.
key=$({ gpu; find plugins export server benchmarks models tests/plugins -type f ! -path '*/__pycache__/*' -print0 2>/dev/null |
  sort -z | xargs -0 sha256sum; } | sha256sum | cut -c 1-12)

# row STATE NAME SECONDS [REASON]
row() {
  printf '%-8s %-34s %5s s  %s%s\n' "$1" "$2" "$3" "$key" "${4:+  $4}" | tee -a "$rows"
  [ "$1" != FAILED ] || failed=1
}

passed_before() { grep -qs "^passed  *$1  *[0-9]* s  $key" "$rows"; }
left() { echo $((budget - SECONDS)); }

# shellcheck disable=SC2329 # called by the trap
stop() {
  [ -z "$running" ] || kill -TERM "$running" 2>/dev/null
  row FAILED "$step_name" $((SECONDS - start)) "stopped"
  exit 143
}
trap stop TERM INT

# step NAME SECONDS FILE COMMAND...: keeps all of its output, shows the end. FILE: what it makes, or nothing.
step() {
  local limit=${STEP_SECONDS:-$2} file=$3 status=0 reason=
  step_name=$1 start=$SECONDS
  shift 3
  if [ "$named" = 0 ] && passed_before "$step_name" && { [ -z "$file" ] || [ -e "$file" ]; }; then
    echo "kept     $step_name: it has passed"
    return
  fi
  if [ "$(left)" -lt "$LEAST_SECONDS" ]; then
    row "not run" "$step_name" 0 "$(left) of $budget s are left"
    return
  fi
  [ "$limit" -le "$(left)" ] || { limit=$(left) && reason=", all that was left"; }
  echo "=== $step_name (at most $limit s): $*"
  timeout --kill-after=10 "$limit" bash -c '"$@"' bash "$@" >"$out/$step_name.log" 2>&1 &
  running=$!
  wait "$running" || status=$?
  running=
  tail -n "${LINES_SHOWN:-25}" "$out/$step_name.log"
  case $status in
    0) row passed "$step_name" $((SECONDS - start)) ;;
    "$NOT_RUN") row "not run" "$step_name" $((SECONDS - start)) "$(tail -n 1 "$out/$step_name.log")" ;;
    124 | 137) row FAILED "$step_name" $((SECONDS - start)) "over its time of $limit s$reason" ;;
    *) row FAILED "$step_name" $((SECONDS - start)) "status $status" ;;
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
  local file model precision command
  for precision in fp16 fp32; do
    for file in models/*.onnx; do
      model=$(basename "$file" .onnx)
      command=("$1" -m export.engine "$model" --precision "$precision")
      LINES_SHOWN=4 step "engine-$model-$precision" 120 "build/$model-$precision.engine.json" "${command[@]}" --rebuild
    done
  done
  LINES_SHOWN=1 step engine-again 60 "" keeps "${command[@]}"
}

# needs NAME MODULE...: the interpreter with TensorRT and these in $trt; else a row that says what is missing
needs() {
  local name=$1
  shift
  trt=$(tensorrt_python)
  [ -n "$trt" ] && has "$trt" "$@" && return
  row "not run" "$name" 0 "no interpreter has all of: $*"
  return 1
}

test_on_gpu() { step "$1" 120 "" env FWHT_REQUIRE_GPU=1 "$2" -m pytest -q -p no:cacheprovider -rP "tests/plugins/$3"; }

echo "=== $(gpu); at most $budget s; rows in $rows, logs in $out"
for name in "${steps[@]}"; do
  case $name in
    build) step build 180 build/libfwht_kernels.so build_libraries ;;
    kernels) test_on_gpu kernels "$python" test_gpu_kernels.py ;;
    labels)
      if has "$python" onnxruntime PIL; then
        step labels 90 build/onnx_labels.npz "$python" -m tests.plugins.onnx_labels ${DATA:+"$DATA"}
      else
        row "not run" labels 0 "$python has not both of onnxruntime and PIL"
      fi
      ;;
    make_engines) ! needs make_engines tensorrt pycuda numpy PIL || make_engines "$trt" ;;
    serving)
      ! needs serving tensorrt pycuda fastapi ||
        step serving 180 "" "$trt" -m benchmarks.serving.gpu_serving --out "$out/gpu_serving.json"
      ;;
    bench)
      for part in plugin_copy plugin_torch plugin_engines; do
        LINES_SHOWN=60 TENSORRT_PYTHON=$(tensorrt_python) step "$part" 120 "" "$python" -m benchmarks.kernels.plugin "$part"
        [ "$out" -ef build/bench ] || cp build/bench/plugin*.json "$out"/ 2>/dev/null
      done
      ;;
    engines) ! needs engines tensorrt || test_on_gpu engines "$trt" test_gpu_engines.py ;;
    sanitize) PYTHON=$python step sanitize 150 "" plugins/sanitize.sh ;;
    load)
      if needs load tensorrt pycuda fastapi; then
        step throughput 90 "" "$trt" -m benchmarks.serving.throughput --way tensorrt --out "$out/throughput.json"
        step overhead 60 "" "$trt" -m benchmarks.serving.overhead --backend tensorrt --out "$out/overhead.json"
      fi
      ;;
  esac
done
echo "=== $SECONDS of $budget s; all rows are in $rows"
exit $failed
