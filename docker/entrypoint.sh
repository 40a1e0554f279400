#!/bin/sh
# Starts the server, in a container and in the systemd unit: looks at the machine, lays the plugin beside the engines, and
# becomes `python -m server`, with the same arguments. Engines are built before it is ready (server/commands/engine_building.py).
#
#     IMAGE_PLATFORM        the image's platform; empty outside of containers
#     FWHT_CHECK_MEMORY=0   start with less memory than an engine build is thought to need
set -eu
here=$(dirname "$0")
. "$here/board_facts.sh"
. "$here/startup_checks.sh"
cd "$here/.."

# A plugin in the tree means TensorRT. Engines of another TensorRT, as before this image was renewed, are of no use any more:
# without its card an engine counts as not there.
lay_plugin() {
  if [ -e build/libfwht_plugin.json ] && [ "$(tensorrt_of build)" != "$(tensorrt_of plugin)" ]; then
    warn "engines in $PWD/build are of TensorRT $(tensorrt_of build), and this is $(tensorrt_of plugin): they are built anew"
    rm -f build/*.engine.json
  fi
  for name in libfwht_plugin.so libfwht_plugin.json; do
    if ! cmp -s "plugin/$name" "build/$name" && ! { cp "plugin/$name" build/.new && mv -f build/.new "build/$name"; }; then
      error "$name cannot be written to $PWD/build ($(df -h build | tail -n 1)): make room there"
      return 1
    fi
  done
}
tensorrt_of() { sed -n 's/.*"tensorrt": "\([^"]*\)".*/\1/p' "$1/libfwht_plugin.json"; }

check_machine() {
  image=${IMAGE_PLATFORM:-}
  if [ -n "$image" ]; then
    check_platform "$image" && check_gpu "$image" && check_host_tensorrt "$image" || return
  fi
  [ -e plugin/libfwht_plugin.so ] || return 0
  check_folder "$PWD/build" && lay_plugin || return
  [ "${FWHT_CHECK_MEMORY:-1}" = 0 ] || check_memory build
}

case ${1:-serve} in
  serve | -*) # not for `classify`, `bench` and the like
    check_machine || exit 2
    if [ -e plugin/libfwht_plugin.so ] && [ -z "${FWHT_ENGINE_COMMAND+set}" ]; then
      export FWHT_ENGINE_COMMAND="{python} -m export.engine {file} --precision {precision}"
    fi
    ;;
esac
unset FWHT_ROOT # of the checks alone
exec python -m server "$@"
