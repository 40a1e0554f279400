#!/bin/sh
# Tries an image as its users run it: read-only, without privileges, engines in a volume. Says what holds and what does not.
#
#     docker/smoke.sh [IMAGE]     default: fwht-classifier:PLATFORM of this machine; exit status 0 where all holds
#
# Settings (environment):
#     ENGINE=podman       docker or podman; the first of them that is there
#     NETWORK=host        the container's network, where port forwarding cannot be had
#     READY_S=2400        how long to wait for a first engine build; a Nano may take half an hour
#     MAX_READY_S, MAX_MB, MAX_IMAGE_MB   limits that fail the run: seconds to ready, MiB at rest, MB of the image
set -eu
here=$(dirname "$0")
data=$here/../tests/data
failures=0

say() { printf '%s\n' "$*"; }
good() { say "ok      $*"; }
bad() { say "FAILED  $*"; failures=$((failures + 1)); }
holds() { # TEXT COMMAND...
  text=$1
  shift
  if "$@"; then good "$text"; else bad "$text"; fi
}
at_most() { # TEXT VALUE LIMIT
  if [ -z "$3" ]; then
    say "        $1: $2"
  elif [ "$(awk -v value="$2" -v limit="$3" 'BEGIN { print (value <= limit) }')" = 1 ]; then
    good "$1: $2 (at most $3)"
  else
    bad "$1: $2 (at most $3)"
  fi
}

for ENGINE in ${ENGINE:-docker podman}; do
  command -v "$ENGINE" >/dev/null && break
done
if ! command -v "$ENGINE" >/dev/null || ! command -v curl >/dev/null; then
  say "error: docker or podman, and curl are needed: sudo apt install docker.io curl" >&2
  exit 2
fi
IMAGE=${1:-fwht-classifier:$("$here/platform.sh")}
PLATFORM=$("$ENGINE" image inspect --format '{{index .Config.Labels "fwht.platform"}}' "$IMAGE") || {
  say "error: there is no image $IMAGE here: make image" >&2
  exit 2
}
NAME=fwht-smoke-$$
READY_S=${READY_S:-2400}

start() {
  set -- --detach --name "$NAME" --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --volume "$NAME:/app/build"
  case $PLATFORM in
    r* | gpu)
      options=$(PLATFORM=$PLATFORM "$here/run_options.sh")
      # shellcheck disable=SC2086 # several words
      set -- "$@" $options
      ;;
  esac
  if [ -n "${NETWORK:-}" ]; then
    port=18$(printf %03d $(($$ % 1000)))
    set -- "$@" --network "$NETWORK" --env "FWHT_PORT=$port"
  else
    set -- "$@" --publish 127.0.0.1::8000
  fi
  began=$(date +%s.%N)
  "$ENGINE" run "$@" "$IMAGE" >/dev/null
  [ -n "${NETWORK:-}" ] || port=$("$ENGINE" port "$NAME" 8000 | sed -n 's/.*://p' | head -n 1)
  url=http://127.0.0.1:$port
}

seconds() { awk -v began="$began" -v now="$(date +%s.%N)" 'BEGIN { printf "%.1f", now - began }'; }
running() { [ "$("$ENGINE" inspect --format '{{.State.Running}}' "$NAME" 2>/dev/null)" = true ]; }

wait_until_ready() {
  last=
  while ! curl -sf -o /dev/null "$url/readyz"; do
    running || { say "        the container stopped:"; "$ENGINE" logs "$NAME" 2>&1 | tail -n 15; return 1; }
    [ "$(date +%s)" -lt $(($(echo "$began" | cut -d . -f 1) + READY_S)) ] || { say "        not within $READY_S s"; return 1; }
    told=$(curl -s "$url/readyz" | sed -n 's/.*"detail":"\([^"]*\)".*/\1/p')
    [ "$told" = "$last" ] || say "        ${told:-no answer yet}"
    last=$told
    sleep 0.1
  done
}

classified() { # FILE LABEL: is LABEL the first?
  answer=$(curl -sf -F "file=@$data/$1" "$url/v1/classify") || return 1
  case $answer in *'"predictions":[{"label":"'"$2"'"'*) ;; *) return 1 ;; esac
}

layers_are_reported() {
  answer=$(curl -sf -F "file=@$data/cat.jpg" "$url/v1/classify?layers=true") || return 1
  case $answer in *'"schema":1'*'"op":"FWHTLayer"'*'"ms":'*) ;; *) return 1 ;; esac
}

native_kernels_run() {
  answer=$(curl -sf "$url/v1/models") || return 1
  case $answer in *'"kernels":"native '*) ;; *) return 1 ;; esac
}

status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
in_container() { "$ENGINE" exec "$NAME" "$@"; }
# shellcheck disable=SC2016 # expanded in the container
memory_mb() { in_container sh -c 'cat /proc/[0-9]*/smaps_rollup 2>/dev/null' | awk '/^Pss:/ { kb += $2 } END { printf "%d", kb / 1024 }'; }

clean() {
  "$ENGINE" rm -f "$NAME" >/dev/null 2>&1 || true
  "$ENGINE" volume rm -f "$NAME" >/dev/null 2>&1 || true
}
trap clean EXIT
trap 'exit 130' INT TERM

say "$IMAGE (platform $PLATFORM) with $ENGINE"
at_most "image, MB" "$("$ENGINE" image inspect --format '{{.Size}}' "$IMAGE" | awk '{ printf "%d", $1 / 1e6 }')" "${MAX_IMAGE_MB:-}"
start
if ! wait_until_ready; then
  bad "ready"
  exit 1
fi
at_most "seconds to ready" "$(seconds)" "${MAX_READY_S:-}"
at_most "MiB of memory at rest" "$(memory_mb)" "${MAX_MB:-}"
for label in airplane cat frog horse ship; do
  holds "$label.jpg is called $label" classified "$label.jpg" "$label"
done
holds "layer times with FWHT layers by name" layers_are_reported
if [ "$PLATFORM" = cpu ]; then
  holds "the native kernels of the image run" native_kernels_run
fi
holds "an image that is none is refused" [ "$(status -F "file=@$here/smoke.sh" "$url/v1/classify")" = 400 ]
holds "the health check of the image says ready" [ "$(in_container python -m server health)" = ready ]
holds "the user is not root" [ "$(in_container id -u)" != 0 ]
holds "the root file system is read-only" [ -z "$(in_container sh -c 'touch /app/x 2>/dev/null && echo written')" ]
holds "a bill of materials is there" in_container grep -q '"purl": "pkg:pypi/fastapi@' sbom.json
"$ENGINE" stop --time 40 "$NAME" >/dev/null
holds "stopped with status 0" [ "$("$ENGINE" inspect --format '{{.State.ExitCode}}' "$NAME")" = 0 ]
holds "no traceback in its log" [ -z "$("$ENGINE" logs "$NAME" 2>&1 | grep Traceback)" ]
"$ENGINE" rm -f "$NAME" >/dev/null
start
if wait_until_ready; then good "a second start, ready after $(seconds) s"; else bad "a second start"; fi
say
if [ "$failures" != 0 ]; then
  say "$failures of these failed"
  exit 1
fi
say "all holds"
