# docker/doctor.sh on made-up machines: each trouble with its cure.

setup() {
  load machine.bash
  unset PORT
}

# A Nano as it should be.
good_nano() {
  nano
  program uname 'case $1 in -m) echo aarch64 ;; *) exec /usr/bin/uname "$@" ;; esac'
  program docker 'echo "Docker version 20.10.7, build 20.10.7-0ubuntu5~18.04.3"'
  file /usr/local/cuda/bin/nvcc '#!/bin/sh
echo "Cuda compilation tools, release 10.2, V10.2.300"'
  chmod +x "$FWHT_ROOT/usr/local/cuda/bin/nvcc"
  file /usr/include/aarch64-linux-gnu/NvInfer.h '#pragma once'
  file /usr/include/aarch64-linux-gnu/NvInferVersion.h '#define NV_TENSORRT_MAJOR 8
#define NV_TENSORRT_MINOR 2
#define NV_TENSORRT_PATCH 1'
  file /etc/nvidia-container-runtime/host-files-for-container.d/tensorrt.csv 'lib, /usr/include/aarch64-linux-gnu/NvInfer.h
sym, /usr/lib/aarch64-linux-gnu/libnvinfer.so
sym, /usr/lib/aarch64-linux-gnu/libnvinfer_plugin.so
sym, /usr/lib/aarch64-linux-gnu/libnvonnxparser.so
sym, /usr/lib/aarch64-linux-gnu/libnvparsers.so'
  file /etc/docker/daemon.json '{"default-runtime": "nvidia", "runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}'
  power_modes nano 0
  file /sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq 1479000
  file /sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq 1479000
  file /proc/net/tcp '  sl  local_address rem_address   st
   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0'
}

# The power modes of a board, of which one is on.
power_modes() { # BOARD MODE
  mkdir -p "$FWHT_ROOT/etc"
  cp "$BATS_TEST_DIRNAME/boards/nvpmodel/$1.conf" "$FWHT_ROOT/etc/nvpmodel.conf"
  file /var/lib/nvpmodel/status "pmode:$(printf %04d "$2") fmode:fanNull"
}

examine() { run "$DOCKER/doctor.sh"; }

wrong() { # NAME TEXT...
  [ "$status" = 1 ] || { echo "$output"; false; }
  name=$1
  shift
  grep -q "^WRONG   $name" <<<"$output" || { echo "$output"; false; }
  said "cure: " "$@"
}

@test "nothing wrong" {
  good_nano
  examine
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "NVIDIA Jetson Nano" "L4T 32.7.1, JetPack 4.6.1: image r32" "8.2.1, headers in" "10.2" "4096 MiB in files" \
    "fixed at 1479 MHz" "8000 is free" "nothing wrong was found"
}

@test "headers that are empty, because the host has no package behind the mount" {
  good_nano
  : >"$FWHT_ROOT/usr/include/aarch64-linux-gnu/NvInfer.h"
  examine
  wrong TensorRT "NvInfer.h is empty" "libnvinfer-dev"
}

@test "no headers" {
  good_nano
  rm "$FWHT_ROOT/usr/include/aarch64-linux-gnu/NvInfer.h"
  examine
  wrong TensorRT "NvInfer.h is not there" "libnvinfer-dev"
}

@test "mounts without headers" {
  good_nano
  file /etc/nvidia-container-runtime/host-files-for-container.d/tensorrt.csv 'lib, /usr/lib/aarch64-linux-gnu/libnvinfer.so.8'
  examine
  wrong mounts "lists NvInfer.h" "nvidia-container-csv-tensorrt"
}

@test "no CUDA" {
  good_nano
  rm "$FWHT_ROOT/usr/local/cuda/bin/nvcc"
  examine
  wrong CUDA "cuda-toolkit-10-2"
}

@test "no runtime nvidia" {
  good_nano
  file /etc/docker/daemon.json '{}'
  examine
  wrong docker "names no runtime nvidia"
}

@test "a runtime nvidia that is not the default" {
  good_nano
  file /etc/docker/daemon.json '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}'
  examine
  wrong docker '"default-runtime": "nvidia"'
}

@test "no swap but zram" {
  good_nano
  memory 3964 3000 0
  examine
  wrong swap "0 MiB in files" "fallocate -l 4G"
}

@test "memory taken by others" {
  good_nano
  memory 3964 300 1000
  examine
  wrong memory "1300 MiB of memory and swap are free" "multi-user.target"
}

@test "the port is in use" {
  good_nano
  file /proc/net/tcp6 '  sl  local_address st
   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0'
  examine
  wrong port "8000 is in use" "PORT=8080"
  PORT=8080 examine
  [ "$status" = 0 ]
}

@test "a connection to a port is no listener" {
  good_nano
  file /proc/net/tcp '   0: 0100007F:1F40 0100007F:C350 01 0'
  examine
  [ "$status" = 0 ]
}

@test "power mode and clocks are advice" {
  good_nano
  power_modes nano 1
  file /sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq 102000
  examine
  [ "$status" = 0 ]
  said "nvpmodel -m 0" "102 to 1479 MHz" "jetson_clocks"
}

# Asked of every board in each of its modes: the fastest is praised, any other gets the fastest as advice.
fastest() { # BOARD MODE NAME
  board=$1 mode=$2 name=$3
  for other in $(sed -n 's/^< POWER_MODEL ID=\([0-9]*\) .*/\1/p' "$BATS_TEST_DIRNAME/boards/nvpmodel/$board.conf"); do
    power_modes "$board" "$other"
    examine
    if [ "$other" = "$mode" ]; then
      grep -q "^ok *power mode *$mode, $name$" <<<"$output" || { echo "$output"; false; }
    else
      said "the fastest is $name: sudo nvpmodel -m $mode"
      grep -q "^note *power mode *$other, " <<<"$output" || { echo "$output"; false; }
    fi
  done
}

@test "the fastest power mode goes by its name: Nano, Xavier NX" {
  good_nano
  fastest nano 0 MAXN
  fastest xavier_nx 8 MODE_20W_6CORE
}

@test "the fastest power mode of an Orin Nano is 2 with JetPack 6.2, and 0 before" {
  jetson 36 4.3 5.15.148-tegra
  fastest orin_nano 2 MAXN_SUPER
  fastest orin_nano_6_1 0 15W
}

@test "the fastest power mode: Orin NX, AGX Orin, Thor" {
  jetson 36 4.3 5.15.148-tegra
  fastest orin_nx 0 MAXN_SUPER
  fastest agx_orin 0 MAXN
  fastest thor 0 MAXN
}

@test "no GPU" {
  good_nano
  rm "$FWHT_ROOT/dev/nvhost-gpu"
  examine
  wrong GPU "there is none of /dev/nvhost-gpu" "run_options.sh"
}

@test "a node of the GPU that one may not use, and its group" {
  jetson 36 4.3 5.15.148-tegra
  file /dev/dri/renderD128 ""
  # root may use every node: the shell's own test is asked as a stranger's would be
  program stat 'for node; do :; done
case "$*" in *%G*) echo "render $node" ;; *) exec /usr/bin/stat "$@" ;; esac'
  cp "$DOCKER"/*.sh "$DOCKER/gpu_nodes.txt" "$BATS_TEST_TMPDIR/"
  sed -i 's/^may_use() {/may_use() { case $1 in *renderD*) return 1 ;; esac/' "$BATS_TEST_TMPDIR/board_facts.sh"
  run "$BATS_TEST_TMPDIR/doctor.sh"
  grep -q "^note *GPU *you may not use $FWHT_ROOT/dev/dri/renderD128" <<<"$output" || { echo "$output"; false; }
  said 'usermod -aG' 'render $USER'
}

@test "power modes without names" {
  good_nano
  rm "$FWHT_ROOT/etc/nvpmodel.conf"
  examine
  said "nvpmodel.conf names none: sudo nvpmodel -p --verbose"
  [[ $output != *"nvpmodel -m"* ]]
}

@test "mounts without the names that the bindings are linked with" {
  good_nano
  csv=$FWHT_ROOT/etc/nvidia-container-runtime/host-files-for-container.d/tensorrt.csv
  sed -i 's/libnvparsers\.so$/libnvparsers.so.8/' "$csv"
  examine
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "lists libnvparsers.so" "sym, /usr/lib/aarch64-linux-gnu/libnvparsers.so"
}

@test "an L4T without an image" {
  good_nano
  file /etc/nv_tegra_release '# R28 (release), REVISION: 2.1, GCID: 1'
  examine
  wrong system "no image for it"
}

@test "a PC is no Jetson, and no trouble" {
  pc
  file /proc/net/tcp ""
  examine
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "not a Jetson"
  [[ $output != *"power mode"* && $output != *mounts* ]]
}

@test "nothing at all can be read" {
  export FWHT_ROOT=$BATS_TEST_TMPDIR/empty
  examine
  [[ $output != *"rror:"* && $output != *"not found"* ]] || { echo "$output"; false; }
}
