# docker/bindings.sh: the bindings of TensorRT, and a base image that lacks a library which they are linked to.

setup() {
  load machine.bash
  export FWHT_ROOT=$BATS_TEST_TMPDIR/root
  LIBRARIES=$FWHT_ROOT/usr/lib/$(uname -m)-linux-gnu
  file /usr/lib/python3.8/dist-packages/tensorrt/tensorrt.so module
  file /usr/lib/python3.8/dist-packages/tensorrt/__init__.py ""
  file "/usr/lib/$(uname -m)-linux-gnu/libnvinfer.so.8" library
  file "/usr/lib/$(uname -m)-linux-gnu/libnvparsers.so.8.5.2" library
  ln -s libnvparsers.so.8.5.2 "$LIBRARIES/libnvparsers.so.8"
  mkdir -p "$FWHT_ROOT/opt/venv/lib/python3.8/site-packages"
  PACKAGE=$FWHT_ROOT/opt/venv/lib/python3.8/site-packages/tensorrt
  # what the module is linked to, as the loader would find it; libcuda comes from the host when a container starts
  program ldd '
for library in libnvinfer.so.8 libnvparsers.so.8; do
  if [ -e "'"$LIBRARIES"'/$library" ]; then printf "\t%s => %s (0x0000)\n" "$library" "'"$LIBRARIES"'/$library"
  else printf "\t%s => not found\n" "$library"; fi
done
printf "\tlibcuda.so.1 => not found\n"'
  program ldconfig ''
}

copied() { "$DOCKER/bindings.sh" copy python3.8; }

@test "the bindings, with the parsers" {
  copied
  [ -e "$PACKAGE/tensorrt.so" ] && [ -e "$PACKAGE/__init__.py" ]
  [ -f "$PACKAGE/libraries/libnvparsers.so.8" ] && [ ! -L "$PACKAGE/libraries/libnvparsers.so.8" ]
}

@test "an image that has all gets nothing" {
  copied
  run "$DOCKER/bindings.sh" complete
  [ "$status" = 0 ] || { echo "$output"; false; }
  [ -z "$output" ] && [ ! -e "$PACKAGE/libraries" ]
}

@test "an image without the parsers gets them" {
  copied
  rm "$LIBRARIES"/libnvparsers*
  run "$DOCKER/bindings.sh" complete
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "libnvparsers.so.8 came with the bindings"
  [ -e "$LIBRARIES/libnvparsers.so.8" ] && [ ! -e "$PACKAGE/libraries" ]
}

@test "an image without TensorRT itself is none" {
  copied
  rm "$LIBRARIES/libnvinfer.so.8"
  run "$DOCKER/bindings.sh" complete
  [ "$status" = 1 ]
  said "error: TensorRT's bindings need libnvinfer.so.8 and this base image has none"
}

@test "wrong words" {
  run "$DOCKER/bindings.sh" lay
  [ "$status" = 2 ]
  said "usage: "
}
