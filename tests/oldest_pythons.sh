#!/usr/bin/env bash
# Run unit tests with the oldest Pythons that are supported: 3.8 for server/, 3.9 for export/. `make test-oldest` calls it.
#
#   tests/oldest_pythons.sh
#
# An interpreter is one on PATH, pyenv's, or what uv finds or downloads. Where there is none, one line says why not.
# TORCH_INDEX: where PyTorch comes from (default: its wheels for CPUs; those on PyPI bring 3 GB of CUDA along).
set -euo pipefail
cd "$(dirname "$0")/.."
unset FWHT_REQUIRE_TOOLS # these environments have no dev tools; `make test` runs the same tests with them
pip=(-m pip --disable-pip-version-check --quiet)
without_torch=(--ignore=tests/export/engine/test_{network,parity,planes}.py) # they make models by it

# find_python VERSION: prints the path of an interpreter
find_python() {
  local found
  for found in "$(command -v "python$1")" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if [ -x "$found" ] && "$found" -c "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      echo "$found"
      return
    fi
  done
  [ -x .venv-uv/bin/uv ] || { python3 -m venv .venv-uv && .venv-uv/bin/python "${pip[@]}" install -c constraints.txt uv; } >&2
  .venv-uv/bin/uv python find --quiet --no-config "$1" 2>/dev/null && return
  timeout 300 .venv-uv/bin/uv python install --quiet --no-config "$1" >&2 && .venv-uv/bin/uv python find --no-config "$1"
}

# make_venv VERSION EXTRAS [PIP OPTION...]: .venv-VERSION
make_venv() {
  local version=$1 extras=$2 stamp python
  shift 2
  stamp=.venv-$version/.done
  if [ "$stamp" -nt pyproject.toml ] && [ "$stamp" -nt constraints.txt ]; then return; fi
  python=$(find_python "$version") || {
    echo "not run with Python $version: no interpreter on PATH, in pyenv, and uv could not download one"
    return 1
  }
  "$python" -m venv ".venv-$version" && docker/renew_pip.sh ".venv-$version/bin/python" || exit
  ".venv-$version/bin/python" "${pip[@]}" install "$@" -c constraints.txt ".[$extras]" httpx hypothesis pytest || exit
  touch "$stamp"
}

if make_venv 3.8 cpu,traces; then
  # what starts no server, and needs neither browser nor Ray
  .venv-3.8/bin/python -m pytest -q -p no:cacheprovider "${without_torch[@]}" \
    tests/server/{backends,http,layers,metrics,models,openinference,profiling,routes} tests/export/engine
fi

index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
if python3 -c "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=10)" "$index/torch/" 2>/dev/null; then
  extras=("cpu,train" --extra-index-url "$index") rooms=(tests/export/{data,engine,models,ops})
else
  echo "with Python 3.9 only export/engine is tested: PyTorch's wheels for CPUs are not to be had from $index (TORCH_INDEX)"
  extras=(cpu) rooms=(tests/export/engine "${without_torch[@]}")
fi
if make_venv 3.9 "${extras[@]}"; then
  .venv-3.9/bin/python -m pytest -q -p no:cacheprovider "${rooms[@]}"
  tests/onnxruntime_1_10.sh .venv-3.9/bin/python
fi
