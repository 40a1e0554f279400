# docker/install.sh below a folder of its own, with an interpreter that is there: no running system is touched.

setup() {
  load machine.bash
  pc
  export DESTDIR=$BATS_TEST_TMPDIR/destination PYTHON=${PYTHON:-$REPOSITORY/.venv/bin/python}
  SETTINGS=$DESTDIR/etc/fwht-classifier/settings.env
  UNIT=$DESTDIR/etc/systemd/system/fwht-classifier.service
  unset PORT NAME PURGE
}

install() { run "$DOCKER/install.sh" "$@"; [ "$status" = 0 ] || { echo "$output"; false; }; }

@test "what is installed serves" {
  PORT=8123 NAME=mobilenet_v2 install
  [ "$(stat -c %a "$SETTINGS")" = 600 ]
  grep -q '^FWHT_PORT=8123$' "$SETTINGS"
  grep -q '^FWHT_MODELS=mobilenet_v2$' "$SETTINGS"
  [ -z "$(grep -E '^(Exec|Working|Environment=).*@|OPENBLAS' "$UNIT")" ]
  [ "$(readlink "$DESTDIR/opt/fwht-classifier/build")" = /var/lib/fwht-classifier ]
  cd "$DESTDIR/opt/fwht-classifier"
  run env PATH="$PWD/bin:$PATH" FWHT_ROOT= sh -c 'set -a; . "$0"; exec docker/entrypoint.sh classify --model mobilenet_v2 "$1"' \
    "$SETTINGS" "$REPOSITORY/tests/data/cat.jpg"
  [ "$status" = 0 ] || { echo "$output"; false; }
  said cat
}

@test "models of one's own come along, with the answers that prove their engines" {
  mkdir -p "$REPOSITORY/build"
  own=$REPOSITORY/build/of-a-test
  touch "$own.onnx" "$own.golden.npz"
  install
  rm "$own.onnx" "$own.golden.npz"
  [ -e "$DESTDIR/opt/fwht-classifier/models/of-a-test.onnx" ]
  [ -e "$DESTDIR/opt/fwht-classifier/models/of-a-test.golden.npz" ]
}

@test "settings that are there stay" {
  install
  echo 'FWHT_API_KEYS=mine' >>"$SETTINGS"
  PORT=9000 install
  said "kept $SETTINGS"
  grep -q FWHT_API_KEYS=mine "$SETTINGS"
}

@test "uninstalled, nothing is left" {
  install
  install --uninstall
  [ -z "$(find "$DESTDIR" -type f)" ]
}

@test "uninstalled, changed settings are kept unless PURGE=1" {
  install
  echo '# mine' >>"$SETTINGS"
  install --uninstall
  said "kept $SETTINGS"
  [ -e "$SETTINGS" ] && [ ! -e "$UNIT" ]
  PURGE=1 install --uninstall
  [ ! -e "$SETTINGS" ]
}

# An interpreter that makes virtual environments which only say what they are told; $TENSORRT=0: it has TensorRT.
saying_python() {
  real=$PYTHON
  unset PYTHON
  export REAL=$real LOG=$BATS_TEST_TMPDIR/log
  # no build is here, or the one of this checkout is put aside by the caller
  program python3 'case "$*" in
  *find_spec*) exit "${TENSORRT:-1}" ;;
  *"-m venv"*)
    for folder; do :; done
    mkdir -p "$folder/bin"
    printf "#!/bin/sh\necho \"%s\" >>\"%s\"\ncase \"\$*\" in *\"-m pip\"*) exit 0 ;; *pip.__version__*) exit 1 ;; esac\nexec %s \"\$@\"\n" "\$*" "$LOG" "$REAL" >"$folder/bin/python"
    chmod +x "$folder/bin/python"
    ;;
  *) exec "$REAL" "$@" ;;
esac'
}

@test "an old pip is renewed before anything is installed" {
  saying_python
  install
  grep -n 'pip install' "$LOG" >"$BATS_TEST_TMPDIR/pip"
  sed -n 1p "$BATS_TEST_TMPDIR/pip" | grep -q 'pip>=23,<25.1' || { cat "$LOG"; false; }
  sed -n 2p "$BATS_TEST_TMPDIR/pip" | grep -q -- '-c constraints.txt .\[cpu\]' || { cat "$LOG"; false; }
}

@test "a board with TensorRT and the plugin gets no ONNX Runtime" {
  saying_python
  export TENSORRT=0
  copy=$BATS_TEST_TMPDIR/checkout
  mkdir "$copy"
  (cd "$REPOSITORY" && cp -R docker server export models plugins pyproject.toml constraints.txt LICENSE THIRD_PARTY_NOTICES.md "$copy/")
  mkdir -p "$copy/tests/data" "$copy/build"
  cp "$REPOSITORY"/tests/data/*.golden.npz "$copy/tests/data/"
  touch "$copy/build/libfwht_plugin.so" "$copy/build/libfwht_plugin.json"
  run "$copy/docker/install.sh"
  [ "$status" = 0 ] || { echo "$output"; false; }
  grep -q -- '-c constraints.txt .\[tensorrt\]' "$LOG" || { cat "$LOG"; false; }
  grep -q 'pip install .*pycuda' "$LOG"
  ! grep -q '\[cpu\]' "$LOG"
}

@test "a Nano's processor" {
  nano
  install
  grep -q OPENBLAS_CORETYPE=ARMV8 "$UNIT"
}

@test "an interpreter that is not there, or lacks what is needed" {
  PYTHON=/no/such/python run "$DOCKER/install.sh"
  [ "$status" = 2 ]
  said "there is no interpreter /no/such/python"
  python3 -m venv --without-pip "$BATS_TEST_TMPDIR/bare"
  PYTHON=$BATS_TEST_TMPDIR/bare/bin/python run "$DOCKER/install.sh"
  [ "$status" = 2 ]
  said "lacks what the server needs"
  [ ! -e "$DESTDIR/opt" ]
}

@test "not without systemd" {
  [ ! -d /run/systemd/system ] || skip "systemd runs here"
  DESTDIR="" run "$DOCKER/install.sh"
  [ "$status" = 2 ]
  said "error: "
}
