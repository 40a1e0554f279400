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
