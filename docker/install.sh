#!/bin/sh
# Installs the server as a systemd service, without containers; run as root by `make install`.
#
#     docker/install.sh               install or renew; settings that are there stay
#     docker/install.sh --uninstall   take it away; settings that were changed stay, unless PURGE=1
#
# What goes where:
#     /opt/fwht-classifier                   server, models, plugin, virtual environment
#     /etc/fwht-classifier/settings.env      settings; only root may read it, for it may hold keys
#     /etc/systemd/system/fwht-classifier.service
#     /var/lib/fwht-classifier               engines, made at the first start
#
# Settings (environment, or variables of make):
#     PYTHON=path     interpreter to run, as it is; otherwise a virtual environment is made, which needs the package index
#     PORT=8000       written into new settings; and NAME, the models
#     START=0         do not start it
#     DESTDIR=folder  put all below that folder and touch no running system (packagers, tests)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/board_facts.sh"
cd "$here/.."
DESTDIR=${DESTDIR:-}
folder=/opt/fwht-classifier
settings=/etc/fwht-classifier/settings.env
unit=/etc/systemd/system/fwht-classifier.service
state=/var/lib/fwht-classifier

fail() { printf 'error: %s\n' "$@" >&2; exit 2; }

check_system() {
  [ -z "$DESTDIR" ] || return 0
  [ "$(id -u)" = 0 ] || fail "this writes to /opt and /etc: sudo make install"
  [ -d /run/systemd/system ] || fail "systemd does not run here: use the container (make image), or make serve"
}

# Before anything of an old installation is touched.
check_python() {
  interpreter=$(command -v "${PYTHON:-python3}") || fail "there is no interpreter ${PYTHON:-python3}: name one with PYTHON=path"
  case $interpreter in /*) ;; *) interpreter=$PWD/$interpreter ;; esac
  "$interpreter" -c 'import sys; sys.exit(sys.version_info < (3, 8))' ||
    fail "$interpreter is older than Python 3.8: name another with PYTHON=path (JetPack 4: sudo apt install python3.8)"
  for place in "$interpreter" "$(readlink -f "$interpreter")"; do
    case $place in
      /home/* | /root/*)
        [ -n "$DESTDIR" ] || fail "$place lies in a home folder, which the service does not see: take one of the system, with
PYTHON=/usr/bin/python3"
        ;;
    esac
  done
  [ -z "${PYTHON:-}" ] || "$interpreter" -c 'import fastapi, numpy, PIL, uvicorn' ||
    fail "$interpreter lacks what the server needs (see above): install it there (JetPack 4: docs/jetson_nano.md), or leave PYTHON away"
}

check_port() {
  [ -z "$DESTDIR" ] && [ "${START:-1}" != 0 ] && ! systemctl --quiet is-active fwht-classifier || return 0
  "$interpreter" - "${PORT:-8000}" <<'END' || fail "port ${PORT:-8000} is in use: stop what uses it (sudo ss -ltnp), or make install PORT=8080"
import socket, sys
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0", int(sys.argv[1])))
    except OSError:
        sys.exit(1)
END
}

lay_files() {
  new=$DESTDIR$folder.new
  rm -rf "$new"
  docker/copy_app.sh "$new"
  for model in build/*.onnx; do # the user's own models are served by name, too; engines are proved with the golden answers
    [ ! -e "$model" ] || cp "$model" "$new/models/"
    golden=${model%.onnx}.golden.npz
    [ ! -e "$golden" ] || cp "$golden" "$new/models/"
  done
  make_python "$new"
  "$new/bin/python" -m compileall -q "$new/server" "$new/export"
  ln -s "$state" "$new/build"
  chmod -R go+rX "$new"
  rm -rf "$DESTDIR$folder.old"
  [ ! -e "$DESTDIR$folder" ] || mv "$DESTDIR$folder" "$DESTDIR$folder.old"
  mv "$new" "$DESTDIR$folder"
  rm -rf "$DESTDIR$folder.old"
}

# What the start script calls python.
make_python() { # FOLDER
  mkdir "$1/bin"
  # a program, since an interpreter finds its virtual environment by the place it is called at
  if [ -n "${PYTHON:-}" ]; then
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$interpreter" >"$1/bin/python"
  else
    # shellcheck disable=SC2016 # expanded as it runs
    printf '#!/bin/sh\nexec "$(dirname "$0")/../venv/bin/python" "$@"\n' >"$1/bin/python"
  fi
  chmod 755 "$1/bin/python"
  [ -z "${PYTHON:-}" ] || return 0
  echo "installing what serving needs (about 200 MB)"
  flags=
  # on a Jetson TensorRT comes with the system's Python, and no pip has it
  ! "$interpreter" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("tensorrt"))' || flags=--system-site-packages
  # shellcheck disable=SC2086 # none or one
  "$interpreter" -m venv $flags "$1/venv" || fail "no virtual environment could be made: sudo apt install python3-venv"
  "$here/renew_pip.sh" "$1/venv/bin/python" || fail "pip could not be renewed (see above): is the package index reached?"
  runtime=cpu
  [ -z "$flags" ] || [ ! -e "$1/plugin/libfwht_plugin.so" ] || runtime=tensorrt # engines alone: no ONNX Runtime is needed
  "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt ".[$runtime]" ||
    fail "the packages could not be installed (see above)"
  [ -z "$flags" ] || PATH=/usr/local/cuda/bin:$PATH "$1/venv/bin/python" -m pip install --quiet pycuda ||
    fail "pycuda could not be built (see above): sudo apt install python3-dev build-essential, and CUDA (docker/doctor.sh)"
}

write_settings() {
  mkdir -p "$DESTDIR/etc/fwht-classifier"
  if [ -e "$DESTDIR$settings" ]; then
    echo "kept $DESTDIR$settings"
    return
  fi
  default_settings >"$DESTDIR$settings.new"
  chmod 600 "$DESTDIR$settings.new"
  sum_of "$DESTDIR$settings.new" >"$DESTDIR/etc/fwht-classifier/default.sum"
  mv "$DESTDIR$settings.new" "$DESTDIR$settings"
}

# All settings as comments, those of this machine set.
default_settings() {
  echo "# Settings of fwht-classifier, read at its start: sudo systemctl restart fwht-classifier"
  echo "# 0.0.0.0 lets every machine that reaches this one ask: set FWHT_API_KEYS where not all may."
  echo "FWHT_HOST=0.0.0.0"
  echo "FWHT_PORT=${PORT:-8000}"
  [ -z "${NAME:-}" ] || echo "FWHT_MODELS=$NAME"
  [ ! -e "$DESTDIR$folder/plugin/libfwht_plugin.so" ] || echo "FWHT_BACKEND=tensorrt"
  echo
  "$DESTDIR$folder/bin/python" -m server serve --print-config | sed -e 's/ (default)$//' -e 's/^FWHT_/#&/'
}

write_unit() {
  mkdir -p "$(dirname "$DESTDIR$unit")"
  path=$folder/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  oldest=
  [ "$(platform_of "$(l4t)")" = r32 ] || oldest='/OPENBLAS_CORETYPE/d;/OpenBLAS/d'
  allow_devices >"$DESTDIR$unit.devices"
  sed -e "s#@FOLDER@#$folder#g" -e "s#@PATH@#$path#" -e "s#@GROUPS@#$(name_gpu_groups)#" -e "$oldest" \
    -e "/^@DEVICES@/r $DESTDIR$unit.devices" -e '/^@DEVICES@/d' "$here/fwht-classifier.service" >"$DESTDIR$unit"
  rm "$DESTDIR$unit.devices"
}

# A machine without an NVIDIA driver gets the lines of a server's: a card may come later.
gpu_platform() { if [ -n "$(l4t)" ]; then platform_of "$(l4t)"; else echo gpu; fi; }

# The nodes that are here, those that are not yet (systemd passes over them at a start), and whole classes of them, since
# a node may come late or get another number.
allow_devices() {
  platform=$(gpu_platform)
  {
    gpu_nodes "$platform" gpu open may | sed "s#^$ROOT##"
    gpu_patterns "$platform" gpu open may | grep -v '[*[]'
    gpu_patterns "$platform" class | sed 's/^/char-/'
  } | awk '!seen[$0]++' | sed 's/.*/DeviceAllow=& rw/'
}

# Names, where the system has them: numbers of groups may change with a package.
name_gpu_groups() {
  groups=$(for group in $(gpu_groups "$(gpu_platform)"); do
    getent group "$group" | sed 's/:.*//' | grep . || echo "$group"
  done | tr '\n' ' ')
  groups=${groups:-video }
  echo "${groups% }"
}

start() {
  [ -z "$DESTDIR" ] || return 0
  systemctl daemon-reload
  systemctl --quiet enable fwht-classifier
  [ "${START:-1}" != 0 ] || return 0
  systemctl restart --no-block fwht-classifier
  echo "started; systemctl status fwht-classifier says how far it is (a first engine build takes up to 30 minutes on a Nano),"
  echo "journalctl -fu fwht-classifier shows its log, and http://$(uname -n):$(sed -n 's/^FWHT_PORT=//p' "$settings") serves"
}

install() {
  check_system
  check_python
  check_port
  lay_files
  write_settings
  write_unit
  echo "installed $DESTDIR$folder, $DESTDIR$settings and $DESTDIR$unit"
  start
}

uninstall() {
  check_system
  if [ -z "$DESTDIR" ] && [ -e "$unit" ]; then
    systemctl --quiet disable --now fwht-classifier || true
    systemctl --quiet reset-failed fwht-classifier 2>/dev/null || true
  fi
  if [ "${PURGE:-0}" != 1 ] && [ -e "$DESTDIR$settings" ] && changed; then
    echo "kept $DESTDIR$settings, which was changed (PURGE=1 removes it)"
  else
    rm -rf "$DESTDIR/etc/fwht-classifier"
  fi
  rm -rf "$DESTDIR$folder" "$DESTDIR$unit" "$DESTDIR$state" "$DESTDIR/var/lib/private/fwht-classifier"
  [ -n "$DESTDIR" ] || systemctl daemon-reload
  echo "removed $DESTDIR$folder, $DESTDIR$unit and $DESTDIR$state"
}

# Changed by hand since they were installed?
changed() { [ "$(sum_of "$DESTDIR$settings")" != "$(cat "$DESTDIR/etc/fwht-classifier/default.sum" 2>/dev/null)" ]; }
sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

case ${1:-} in
  '') install ;;
  --uninstall) uninstall ;;
  *) fail "usage: docker/install.sh [--uninstall]" ;;
esac
