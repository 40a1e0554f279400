#!/usr/bin/env bash
# Train every model on a GPU, in as many sessions on it as that takes. A table of what was done comes last.
#
#     DATA=cifar10_q75.bin benchmarks/train_on_gpu.sh [tests] [speed] [train]       default: all, in this order
#
#   DATA             what to train on (docs/data_formats.md); needed
#   PYTHON           interpreter with torch for CUDA, numpy, pillow, onnxruntime, safetensors, tqdm, pytest, and
#                    for reports matplotlib and scikit-learn   (python3)
#   OUT              folder for logs, figures and the pack of this session   (build/gpu)
#   BUILD            folder of the trainings   (build/gpu-models)
#   TRAIN_SECONDS    how long `train` may take   (480)
#   SEEDS            which   (0)
#   OPTIONS          for export.train.train_all   (--distil --precision bf16 --cuda-graph)
#   TOGETHER         how many trainings beside each other, once the baseline is done   (1)
#   SPEED            options of benchmarks.training.training_speed
#
# A session leaves OUT/training.tar.00 and on, pieces of 15 MB at most: what it finished, and the states of what it did not.
# Put those of the last session (all of them) into PACKED, and the next session goes on from there.
#   PACKED           folder of training.tar.NN   (OUT)
set -uo pipefail
cd "$(dirname "$0")/.." || exit
python=${PYTHON:-python3}
out=${OUT:-build/gpu}
packed=${PACKED:-$out}
build=${BUILD:-build/gpu-models}
mkdir -p "$out" "$build"
export FWHT_REQUIRE_GPU=${FWHT_REQUIRE_GPU:-1} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(tests speed train)
[ -e "${DATA:-}" ] || { echo "DATA=$DATA: name what to train on, as DATA=cifar10_q75.bin" >&2; exit 2; }
table=()
failed=0

# step NAME LIMIT COMMAND...: shows what it prints, keeps it in OUT/NAME.log; status 75 is no failure
step() {
  local name=$1 limit=$2 start=$SECONDS status=0 word=passed
  shift 2
  echo "=== $name: $*"
  timeout --preserve-status --signal=INT --kill-after=30 "$limit" "$@" 2>&1 | tee "$out/$name.log" | tail -n "${LINES_SHOWN:-40}"
  status=${PIPESTATUS[0]}
  case $status in
    0) ;;
    75 | 130) word="goes on" ;;
    *) word=FAILED name="$name (status $status)" failed=1 ;;
  esac
  table+=("$(printf '%-8s %-44s %5s s' "$word" "$name" $((SECONDS - start)))")
}

# train_all NAME SECONDS MODEL...
train_all() {
  local name=$1 seconds=$2
  shift 2
  # shellcheck disable=SC2086 # lists of words
  step "$name" $((seconds + 60)) "$python" -m export.train.train_all --data "$DATA" --build "$build" --seeds ${SEEDS:-0} \
    --seconds "$seconds" ${1:+--models "$@"} ${OPTIONS---distil --precision bf16 --cuda-graph}
}

train() {
  local end=$((SECONDS + ${TRAIN_SECONDS:-480})) n=${TOGETHER:-1} i
  if [ "$n" -le 1 ]; then
    train_all train "${TRAIN_SECONDS:-480}"
    return
  fi
  train_all train-baseline $((end - SECONDS)) mobilenet_v2
  if [ $failed -ne 0 ] || [ $((end - SECONDS)) -lt 5 ]; then return; fi
  local models=(fwht_mobilenet_v2 fwht_mf_mobilenet_v2 fwht_mobilenet_v2_slim resnet32 mobilenet_v2_w050) jobs=() mine
  for ((i = 0; i < n; i++)); do
    mine=()
    for ((j = i; j < ${#models[@]}; j += n)); do mine+=("${models[j]}"); done
    [ ${#mine[@]} -eq 0 ] && continue
    (train_all "train-$i" $((end - SECONDS)) "${mine[@]}" && printf '%s\n' "${table[@]: -1}" >"$out/train-$i.row") &
    jobs+=($!)
  done
  wait "${jobs[@]}"
  for ((i = 0; i < ${#jobs[@]}; i++)); do
    table+=("$(cat "$out/train-$i.row")")
    case ${table[-1]} in FAILED*) failed=1 ;; esac
  done
}

# Finished weights and logs of every session, and the state of what is unfinished, in pieces
pack() {
  local files=() name file
  for name in "$build"/*/; do
    name=$(basename "$name")
    local wanted=("$name/last.pt" "$name/best.pt")
    [ -e "$build/$name.safetensors" ] && wanted=("$name.safetensors" "$name.json" "$name.report")
    for file in "$name/log.csv" "$name/config.json" "${wanted[@]}"; do
      [ -e "$build/$file" ] && files+=("$file")
    done
  done
  rm -f "$out"/training.tar.*
  [ ${#files[@]} -eq 0 ] || tar -C "$build" -cf - "${files[@]}" | split -d -a 2 -b 15000000 - "$out/training.tar."
}

unpack() {
  compgen -G "$packed/training.tar.*" >/dev/null || return 0
  cat "$packed"/training.tar.* | tar -C "$build" -xf - || { echo "the pieces in $packed are no whole pack" >&2; exit 2; }
}

unpack
for name in "${steps[@]}"; do
  case $name in
    tests) step tests 180 "$python" -m pytest -q -p no:cacheprovider -m gpu tests/export ;;
    speed)
      # shellcheck disable=SC2086 # a list of words
      step speed 240 "$python" -m benchmarks.training.training_speed --out "$out/training_speed.json" \
        ${SPEED---models fwht_mf_mobilenet_v2 --batches 512}
      ;;
    train)
      train
      pack
      ;;
    *)
      echo "$name is no step: tests, speed, train" >&2
      exit 2
      ;;
  esac
done

echo "=== $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"); logs in $out"
for log in "$build"/*/log.csv; do [ -e "$log" ] && echo "$(basename "$(dirname "$log")"): $(tail -n 1 "$log")"; done
printf '%s\n' "${table[@]}"
exit $failed
