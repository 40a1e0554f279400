#!/bin/sh
# Builds the image of this machine's platform, or of another: fwht-classifier:PLATFORM.
#
#     docker/image.sh [OPTION...]     options go to the engine's build, like --no-cache
#
# Settings (environment, or variables of make):
#     PLATFORM=r36.4    instead of this machine's (docker/platform.sh)
#     ENGINE=podman     docker, podman or buildah; the first of them that is there
#     IMAGE=name:tag    instead of fwht-classifier:PLATFORM
#     CUDA_ARCH=53      kernels for these architectures alone (this board's), instead of all boards of the platform
#     CPU_BASE=... and so on: another value for a line of docker/versions.env
set -eu
here=$(dirname "$0")
. "$here/board_facts.sh"

fail() { printf 'error: %s\n' "$@" >&2; exit 2; }

find_engine() {
  for ENGINE in ${ENGINE:-docker podman buildah}; do
    command -v "$ENGINE" >/dev/null && return
  done
  fail "neither docker, podman nor buildah is there: on a Jetson and on Ubuntu, sudo apt install docker.io" \
    "(without containers: make serve, or make install)"
}

# The platform's lines as build arguments; a variable of the same name in the environment goes first.
build_arguments() {
  prefix=$(echo "$PLATFORM" | tr 'a-z.' 'A-Z_')_
  lines=$(sed -n "s/^$prefix//p" "$here/versions.env")
  [ -n "$lines" ] || fail "there is no platform $PLATFORM: choose from $(platforms)"
  echo "$lines" | while IFS='=' read -r key value; do
    eval "value=\${$prefix$key:-\$value}"
    [ "$key" != CUDA_ARCH ] || value=${CUDA_ARCH:-$value}
    printf '%s=%s\n' "$key" "$value"
  done
}

platforms() { sed -n 's/_DOCKERFILE=.*//p' "$here/versions.env" | tr 'A-Z_' 'a-z.' | tr '\n' ' '; }

# r32 takes CUDA and TensorRT from the host while it builds.
check_r32() {
  runtime=$("$ENGINE" info --format '{{.DefaultRuntime}}' 2>/dev/null || true)
  [ "$runtime" = nvidia ] || fail "the default runtime of $ENGINE is '${runtime:-unknown}', and on JetPack 4 a build needs nvidia, which
mounts CUDA and TensorRT. Put \"default-runtime\": \"nvidia\" into /etc/docker/daemon.json, beside \"runtimes\", then
sudo systemctl restart docker (docs/jetson_nano.md)"
  header=$ROOT/usr/include/aarch64-linux-gnu/NvInfer.h
  [ -s "$header" ] || fail "$header is missing or empty on this host, so it is in the container:
sudo apt install nvidia-jetpack, or only libnvinfer-dev libnvonnxparsers-dev libnvparsers-dev libnvinfer-plugin-dev"
  [ -x "$ROOT/usr/local/cuda/bin/nvcc" ] || fail "$ROOT/usr/local/cuda/bin/nvcc is not there: sudo apt install cuda-toolkit-10-2"
}

check_machine() {
  case $PLATFORM in
    r*) [ "$(uname -m)" = aarch64 ] || fail "the image $PLATFORM is for a Jetson (aarch64) and this machine is $(uname -m): build it there" ;;
  esac
  [ "$PLATFORM" != r32 ] || check_r32
}

PLATFORM=${PLATFORM:-$("$here/platform.sh")}
arguments=$(build_arguments)
dockerfile=$(echo "$arguments" | sed -n 's/^DOCKERFILE=//p')
find_engine
check_machine
IMAGE=${IMAGE:-fwht-classifier:$PLATFORM}

set -- --file "$here/Dockerfile.$dockerfile" --tag "$IMAGE" "$@"
while IFS='=' read -r key value; do
  [ "$key" = DOCKERFILE ] || set -- --build-arg "$key=$value" "$@"
done <<END
$arguments
PLATFORM=$PLATFORM
VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/../server/__init__.py")
REVISION=$(git -C "$here" rev-parse HEAD 2>/dev/null || echo unknown)
CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
END
case $ENGINE in
  docker)
    # BuildKit does not know the default runtime, by which r32 gets CUDA
    [ "$PLATFORM" != r32 ] || export DOCKER_BUILDKIT=0
    set -- build "$@"
    ;;
  *) set -- build --format docker "$@" ;; # the OCI format has no health check
esac
echo "building $IMAGE with $ENGINE from docker/Dockerfile.$dockerfile" >&2
exec "$ENGINE" "$@" "$here/.."
