#!/bin/sh
# Prints what a container needs for the GPU of this machine: the runtime, and the groups that own its device nodes.
#
#     docker run $(docker/run_options.sh) ...
#     env $(docker/run_options.sh --compose) docker compose -f docker/compose.yaml --profile jetson up -d
#     docker/run_options.sh --kubernetes >docker/kubernetes/overlays/PLATFORM/groups.yaml     run it on the node
#
# Settings (environment): PLATFORM=r36.4 instead of this machine's (docker/platform.sh).
set -eu
here=$(dirname "$0")
. "$here/board_facts.sh"

fail() { printf 'error: %s\n' "$@" >&2; exit 2; }

PLATFORM=${PLATFORM:-$("$here/platform.sh")}
groups=$(gpu_groups "$PLATFORM")
if [ "$PLATFORM" != cpu ] && [ -z "$(gpu_nodes "$PLATFORM" gpu)" ]; then
  echo "warning: no GPU of platform $PLATFORM is here: there is none of $(gpu_patterns "$PLATFORM" gpu | tr '\n' ' ')" >&2
fi

print_run() {
  case $PLATFORM in
    r*) set -- --runtime nvidia ;;
    gpu) set -- --gpus all ;;
    *) set -- ;;
  esac
  for group in $groups; do
    set -- "$@" --group-add "$group"
  done
  echo "$*"
}

# docker/compose.yaml has a place for each; what is not said here has its value there.
print_compose() {
  printf 'PLATFORM=%s' "$PLATFORM"
  # shellcheck disable=SC2086 # a list of numbers
  set -- $groups
  [ $# -le 2 ] || fail "the GPU's nodes belong to $# groups ($*), and docker/compose.yaml has room for 2: add one there"
  number=1
  for group; do
    printf ' GPU_GROUP_%s=%s' "$number" "$group"
    number=$((number + 1))
  done
  echo
}

print_kubernetes() {
  cat <<YAML
# The groups that own the GPU's device nodes: what docker/run_options.sh --kubernetes printed on a node. Where nodes differ,
# the numbers of all.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: fwht-classifier
spec:
  template:
    spec:
      securityContext:
        supplementalGroups: [$(echo "$groups" | tr '\n' ',' | sed 's/,$//; s/,/, /g')]
YAML
}

case ${1:-} in
  '') print_run ;;
  --compose) print_compose ;;
  --kubernetes) print_kubernetes ;;
  *) fail "usage: docker/run_options.sh [--compose | --kubernetes]" ;;
esac
