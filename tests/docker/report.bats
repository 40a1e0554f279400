# docker/report.sh: what it collects, and what it must not.

setup() {
  load machine.bash
  nano
  TREE=$BATS_TEST_TMPDIR/tree
  mkdir -p "$TREE/tests"
  cp -R "$REPOSITORY/docker" "$TREE/docker"
  ln -s "$REPOSITORY/server" "$TREE/server"
  ln -s "$REPOSITORY/tests/data" "$TREE/tests/data"
  program docker 'case "$*" in
    *--quiet*) echo 123 ;;
    *logs*) echo "FWHT_ADMIN_KEY=sesame X-API-Key: sesame Authorization: Bearer sesame {\"api_key\": \"sesame\"} on $(uname -n)" ;;
    *) echo "fwht-classifier:r32 Up 2 hours" ;;
  esac'
}

@test "the form has the board, the readiness and the logs, and no secret" {
  FWHT_ADMIN_KEY=sesame FWHT_LAYERS=admin URL=http://127.0.0.1:1 run "$TREE/docker/report.sh"
  [ "$status" = 0 ] || { echo "$output"; false; }
  said "build/report.md is ready"
  output=$(cat "$TREE/build/report.md")
  said "What I did:" "NVIDIA Jetson Nano" "no answer from http://127.0.0.1:1/readyz" "FWHT_PORT=8000" "fwht-classifier:r32"
  [[ $output != *sesame* ]]
  [[ $output != *"on $(uname -n)"* ]]
}
