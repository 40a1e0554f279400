# docker/entrypoint.sh: what it refuses before the server starts, and what it hands over.

setup() {
  load machine.bash
  TREE=$BATS_TEST_TMPDIR/tree
  mkdir -p "$TREE/docker" "$TREE/build" "$TREE/plugin"
  ln -s "$REPOSITORY/server" "$TREE/server"
  cp "$DOCKER/board_facts.sh" "$DOCKER/gpu_nodes.txt" "$DOCKER/startup_checks.sh" "$DOCKER/entrypoint.sh" "$TREE/docker/"
  echo plugin >"$TREE/plugin/libfwht_plugin.so"
  echo '{"version": "0.1.0", "architectures": [53], "cuda": "10.2", "tensorrt": "8.2.1"}' >"$TREE/plugin/libfwht_plugin.json"
  export PATH="$(dirname "${PYTHON:-$REPOSITORY/.venv/bin/python}"):$PATH"
  for name in $(env | sed -n 's/^\(FWHT_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
}

# Start as the image of a platform would, and stop once the server has read its settings.
start() { # PLATFORM
  IMAGE_PLATFORM=$1 run timeout 20 "$TREE/docker/entrypoint.sh" serve --print-config
}

refused() { # TEXT...
  [ "$status" = 2 ] || { echo "status $status: $output"; false; }
  said "error: " "$@"
}

good_nano() {
  nano
  file /usr/lib/aarch64-linux-gnu/libnvinfer.so.8 library
}

@test "a Nano in good order builds its engine" {
  good_nano
  start r32
  [ "$status" = 0 ]
  said "FWHT_ENGINE_COMMAND={python} -m export.engine {file} --precision {precision}"
  cmp "$TREE/plugin/libfwht_plugin.so" "$TREE/build/libfwht_plugin.so"
}

@test "an engine command of one's own, or none, is left alone" {
  good_nano
  FWHT_ENGINE_COMMAND= start r32
  said "FWHT_ENGINE_COMMAND=
"
}

@test "without a plugin nothing is built" {
  pc
  rm -r "$TREE/plugin"
  start cpu
  [ "$status" = 0 ]
  [[ $output != *export.engine* ]]
}

@test "no runtime nvidia" {
  good_nano
  rm "$FWHT_ROOT/dev/nvhost-gpu"
  start r32
  refused "no GPU is visible" "--runtime nvidia"
}

@test "started from its own folder" {
  good_nano
  cd "$TREE/docker"
  IMAGE_PLATFORM=r32 run timeout 20 ./entrypoint.sh serve --print-config
  [ "$status" = 0 ] || { echo "$output"; false; }
  rm "$FWHT_ROOT/dev/nvhost-gpu"
  IMAGE_PLATFORM=r32 run timeout 20 ./entrypoint.sh serve --print-config
  refused "no GPU is visible"
}

@test "no GPU on a PC" {
  pc
  start gpu
  refused "no GPU is visible" "--gpus all"
}

@test "r32: TensorRT of the host is missing" {
  nano
  start r32
  refused "libnvinfer.so.8 is not there" "sudo apt install tensorrt"
}

@test "r32: TensorRT of the host is mounted empty" {
  nano
  mkdir -p "$FWHT_ROOT/usr/lib/aarch64-linux-gnu"
  : >"$FWHT_ROOT/usr/lib/aarch64-linux-gnu/libnvinfer.so.8"
  start r32
  refused "libnvinfer.so.8 is empty" "sudo apt install tensorrt"
}

@test "an image for another L4T, told by the release file" {
  jetson 36 4.3 5.15.148-tegra
  start r35
  refused "this image is for L4T r35 and the board has r36.4 (36.4.3)" "PLATFORM=r36.4"
}

@test "an image for another L4T, told by the kernel alone" {
  jetson 36 4.3 5.15.148-tegra
  : >"$FWHT_ROOT/etc/nv_tegra_release" # as it is in a container
  start r32
  refused "this image is for L4T r32 and the board has r36" "make image"
}

@test "the kernel of JetPack 7 tells the others from it, and not r38 from r39" {
  jetson 39 2.0 6.8.12-tegra
  : >"$FWHT_ROOT/etc/nv_tegra_release"
  start r36.4
  refused "this image is for L4T r36.4 and the board has r38-or-r39" "make image"
  start r38
  [ "$status" = 0 ]
}

@test "the kernel does not tell r36.3 from r36.4" {
  jetson 36 4.3 5.15.148-tegra
  : >"$FWHT_ROOT/etc/nv_tegra_release"
  start r36.4
  [ "$status" = 0 ]
}

@test "r36.3 runs on r36.4, with a warning; not the other way round" {
  jetson 36 4.3 5.15.148-tegra
  start r36.3
  [ "$status" = 0 ]
  said "warning: this image is for L4T r36.3"
  jetson 36 3.0 5.15.136-tegra
  start r36.4
  refused "the board has r36.3 (36.3.0)"
}

@test "a Jetson's image on a PC" {
  pc
  start r36.4
  refused "this image is for a Jetson with L4T r36.4" "6.1.0-13-amd64"
}

@test "a folder for engines that cannot be written" {
  good_nano
  rmdir "$TREE/build"
  ln -s /proc/nowhere "$TREE/build"
  start r32
  refused "$TREE/build cannot be written by user $(id -u)" "-v fwht-engines:" "chown it"
}

@test "engines that no volume keeps are warned of" {
  good_nano
  start r32
  said "warning: $TREE/build is no volume"
  file /proc/self/mountinfo "36 35 98:0 /volumes/engines $TREE/build rw,noatime - ext4 /dev/sda rw"
  start r32
  [[ $output != *"is no volume"* ]]
}

@test "too little memory to build an engine" {
  good_nano
  memory 3964 700 0
  start r32
  refused "700 MiB of memory and swap are left, and 1500 are needed" "swap file" "FWHT_CHECK_MEMORY=0"
  FWHT_CHECK_MEMORY=0 start r32
  [ "$status" = 0 ]
}

@test "enough to serve an engine that is there" {
  good_nano
  memory 3964 700 0
  echo '{}' >"$TREE/build/fwht_mobilenet_v2-fp16.engine.json"
  start r32
  [ "$status" = 0 ]
}

@test "swap counts, and the container's own limit" {
  good_nano
  memory 3964 700 4096
  start r32
  [ "$status" = 0 ]
  file /sys/fs/cgroup/memory.max 536870912
  start r32
  refused "512 MiB of memory"
  file /sys/fs/cgroup/memory.max max
  start r32
  [ "$status" = 0 ]
  file /sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712
  start r32
  [ "$status" = 0 ]
}

@test "a plugin that is newer than the volume's takes its place" {
  good_nano
  echo old >"$TREE/build/libfwht_plugin.so"
  start r32
  [ "$(cat "$TREE/build/libfwht_plugin.so")" = plugin ]
}

@test "engines of another TensorRT are built anew, those of this one stay" {
  good_nano
  sed 's/8.2.1/8.0.1/' "$TREE/plugin/libfwht_plugin.json" >"$TREE/build/libfwht_plugin.json"
  echo '{}' >"$TREE/build/cat-fp16.engine.json"
  start r32
  said "warning: engines in $TREE/build are of TensorRT 8.0.1, and this is 8.2.1"
  [ ! -e "$TREE/build/cat-fp16.engine.json" ]
  echo '{}' >"$TREE/build/cat-fp16.engine.json"
  start r32
  [ -e "$TREE/build/cat-fp16.engine.json" ]
}

@test "other commands need no GPU" {
  nano
  rm "$FWHT_ROOT/dev/nvhost-gpu"
  IMAGE_PLATFORM=r32 run "$TREE/docker/entrypoint.sh" health --port 1
  [ "$status" = 1 ]
  said "no answer from 127.0.0.1 port 1"
}

@test "the port is in use" {
  pc
  rm -r "$TREE/plugin"
  ln -s "$REPOSITORY/models" "$TREE/models"
  coproc taken { exec python -c 'import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()'; }
  read -r port <&"${taken[0]}"
  IMAGE_PLATFORM=cpu run timeout 30 "$TREE/docker/entrypoint.sh" --port "$port"
  kill "$taken_PID"
  refused "port $port (Address already in use)" "FWHT_PORT"
}

@test "a model that cannot be read" {
  pc
  rm -r "$TREE/plugin"
  mkdir "$TREE/locked.onnx" # root reads every file, so a folder stands in for one
  IMAGE_PLATFORM=cpu run timeout 30 "$TREE/docker/entrypoint.sh" --port 0 --models "$TREE/locked.onnx"
  refused "locked.onnx"
}
