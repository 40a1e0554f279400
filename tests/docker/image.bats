# docker/image.sh: platform, versions and the refusal of what cannot work; the engine prints its arguments in place of building.

setup() {
  load machine.bash
  program docker 'case $1 in info) echo "$RUNTIME" ;; *) printf "%s\n" "$@" "buildkit ${DOCKER_BUILDKIT:-unset}" ;; esac'
  program uname 'case $1 in -m) echo "${MACHINE:-aarch64}" ;; *) exec /usr/bin/uname "$@" ;; esac'
  unset PLATFORM IMAGE CUDA_ARCH
  export ENGINE=docker RUNTIME=nvidia
}

host_of_r32() {
  nano
  file /usr/include/aarch64-linux-gnu/NvInfer.h '#pragma once'
  file /usr/local/cuda/bin/nvcc '#!/bin/sh'
  chmod +x "$FWHT_ROOT/usr/local/cuda/bin/nvcc"
}

refused() {
  [ "$status" = 2 ] || { echo "status $status: $output"; false; }
  said "error: " "$@"
}

@test "this machine's platform, and says so" {
  jetson 36 4.3 5.15.148-tegra
  run "$DOCKER/image.sh"
  [ "$status" = 0 ]
  said "platform r36.4: " "building fwht-classifier:r36.4 with docker from docker/Dockerfile.l4t" \
    "BASE=nvcr.io/nvidia/l4t-tensorrt:r10.3.0-runtime" "CUDA_ARCH=87" "PLATFORM=r36.4" "VERSION=" "REVISION="
  [[ $output != *DOCKERFILE=* ]]
}

@test "on r32 the default runtime must build, so BuildKit is off" {
  host_of_r32
  run "$DOCKER/image.sh" --no-cache
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "buildkit 0" "CUDA_ARCH=53 62 72" "--no-cache"
}

@test "kernels for this board alone" {
  host_of_r32
  CUDA_ARCH=53 run "$DOCKER/image.sh"
  said "CUDA_ARCH=53"
  [[ $output != *"53 62"* ]]
  CUDA_ARCH=53 PLATFORM=cpu run "$DOCKER/image.sh"
  [[ $output != *CUDA_ARCH* ]] || { echo "$output"; false; }
}

@test "r32 without the default runtime nvidia" {
  host_of_r32
  RUNTIME=runc run "$DOCKER/image.sh"
  refused "default runtime of docker is 'runc'" '"default-runtime": "nvidia"'
}

@test "r32 with empty headers" {
  host_of_r32
  : >"$FWHT_ROOT/usr/include/aarch64-linux-gnu/NvInfer.h"
  run "$DOCKER/image.sh"
  refused "NvInfer.h is missing or empty" "libnvinfer-dev"
}

@test "r32 without CUDA on the host" {
  host_of_r32
  rm "$FWHT_ROOT/usr/local/cuda/bin/nvcc"
  run "$DOCKER/image.sh"
  refused "cuda-toolkit-10-2"
}

@test "a Jetson's image on a PC" {
  pc
  MACHINE=x86_64 PLATFORM=r35 run "$DOCKER/image.sh"
  refused "for a Jetson (aarch64) and this machine is x86_64"
}

@test "another value for a version" {
  pc
  PLATFORM=cpu CPU_BASE=localhost/base:mine IMAGE=mine:1 run "$DOCKER/image.sh"
  said "BASE=localhost/base:mine" "mine:1"
  [[ $output != *trixie* ]]
}

@test "a platform there is none of" {
  pc
  PLATFORM=r34 run "$DOCKER/image.sh"
  refused "there is no platform r34: choose from cpu r32 r35 r36.3 r36.4 r38 r39 gpu"
}

@test "no engine" {
  pc
  ENGINE=no-such-engine PLATFORM=cpu run "$DOCKER/image.sh"
  refused "sudo apt install docker.io" "make serve"
}
