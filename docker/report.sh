#!/bin/sh
# Collects what a report about a board needs, into a form: build/report.md. Nothing is sent; read it before you do.
#
#     docker/report.sh     (make report)
#
# Settings (environment): URL=http://127.0.0.1:8000, the running server; ENGINE=podman instead of docker.
#
# No secrets: settings are shown as `python -m server --print-config` does, which leaves keys out, and of containers and
# of the unit only images, states and logs. Names of this machine and its networks are left out, too.
set -u
here=$(dirname "$0")
cd "$here/.." || exit
report=build/report.md
URL=${URL:-http://127.0.0.1:${PORT:-8000}}
ENGINE=${ENGINE:-docker}
python=$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)
mkdir -p build

section() { # TITLE COMMAND...: the command's output, at most 200 lines, without this host's name
  printf '\n## %s\n\n```\n' "$1"
  shift
  "$@" 2>&1 </dev/null | tail -n 200 | hide
  printf '```\n'
}
hide() {
  sed -e "s/$(uname -n | sed 's/[][\/.*^$]/\\&/g')/HOST/g" \
    -e 's/\(bearer\) [^ ,"]\+/\1 (hidden)/Ig' -e 's/\(keys\?\|token\|password\)\(["=: ]\+\)[^ ,"]\+/\1\2(hidden)/Ig'
}
ask() { curl -s --max-time 10 "$URL$1" || echo "no answer from $URL$1"; }
logs() {
  for container in $("$ENGINE" ps --all --quiet --filter label=fwht.platform 2>/dev/null); do
    "$ENGINE" ps --all --filter "id=$container" --format '{{.Image}} {{.Status}}'
    "$ENGINE" logs --tail 60 "$container"
  done
  journalctl --unit fwht-classifier --no-pager --no-hostname --lines 60 2>/dev/null
}
images() { "$ENGINE" images --filter label=fwht.platform --format '{{.Repository}}:{{.Tag}} {{.Size}} {{.CreatedAt}}' 2>/dev/null; }
engines() { cat build/*.engine.json 2>/dev/null; }
revision() { git describe --always --dirty 2>/dev/null || sed -n 's/^__version__ = //p' server/__init__.py; }

{
  cat <<END
# Report

<!-- Please fill in; what is below was collected by make report. Look through it before you send it. -->

- What I did:
- What I expected:
- What happened instead (or: all went well; label and times as below):
- Power supply, cooling, what else runs on the board:
- Time from the first start to ready (the engine build):
END
  section "Version" revision
  section "Board" docker/doctor.sh
  section "Settings" env -u FWHT_ROOT "$python" -m server --print-config
  section "Images" images
  section "Engines" engines
  section "Readiness" ask /readyz
  section "Models" ask /v1/models
  section "One image, with its layers" curl -s --max-time 60 -F file=@tests/data/cat.jpg "$URL/v1/classify?layers=true"
  section "Logs" logs
} >"$report.new"
mv "$report.new" "$report"
echo "$report is ready: fill in its head, look through the rest, and attach it to an issue"
