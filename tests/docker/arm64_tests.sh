#!/bin/bash
# The server's own tests as a program for arm64, under qemu-user: `make test-arm`, as root.
#
#     tests/docker/arm64_tests.sh [PYTEST ARGUMENT...]     about 20 minutes for tests/server on a quiet machine
#
# Needs apt install mmdebstrap qemu-user-static, and binfmt_misc. A Debian 12 for arm64 with its Python 3.11, the wheels of
# aarch64, and onnxruntime 1.19.2: newer ones crash under qemu, not on boards.
# Not to be had there: a browser, curl, a GPU. What cannot pass holds a limit of time that the emulation is too slow for, on
# two cores with other work: test_small_models_are_run_more_often always, test_a_process_that_serves_the_shipped_hybrid (60 s
# for its start), test_sigterm_finishes_what_is_in_flight (a profile of 1000 runs), now and then a test of bad_input (one
# second) or test_infer with 16 images (ten).
# Settings: MIRROR; KEEP=1 keeps the Debian for another run; CPU=cortex-a57, the Nano's.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=${TMPDIR:-/tmp}/fwht-arm64
certificates=/etc/ssl/certs/ca-certificates.crt

for program in mmdebstrap qemu-aarch64-static; do
  command -v "$program" >/dev/null || { echo "error: $program is missing: apt install mmdebstrap qemu-user-static" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "error: this makes a Debian and changes its root: run it as root" >&2; exit 2; }
# the kernel hands programs for arm64 to qemu
[ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register

clean() {
  for place in repository proc sys dev; do mountpoint -q "$root/$place" && umount "$root/$place"; done
  [ -n "${KEEP:-}" ] || rm -rf "$root"
}
trap clean EXIT
inside() { chroot "$root" env -i PATH=/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root QEMU_CPU="${CPU:-cortex-a57}" "$@"; }

if [ ! -e "$root/venv/.done" ]; then
  mmdebstrap --quiet --variant=minbase --architectures=arm64 --include=python3-venv,openssl,ca-certificates,procps,make \
    bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  cp "$certificates" "$root/root/ca.crt"
  inside python3 -m venv /venv
  inside env PIP_CERT=/root/ca.crt pip install --quiet --only-binary :all: onnxruntime==1.19.2 'numpy<2' 'onnx<1.18' \
    fastapi uvicorn httptools pillow prometheus-client multipart uvloop anyio pytest httpx hypothesis 'tritonclient[http]' \
    opentelemetry-sdk opentelemetry-exporter-otlp-proto-http opentelemetry-instrumentation-asgi
  touch "$root/venv/.done"
fi
mkdir -p "$root/repository"
mount --bind "$PWD" "$root/repository"
mount --bind /proc "$root/proc"
mount --bind /sys "$root/sys" # onnxruntime counts processors there
mount --bind /dev "$root/dev"
inside python3 -c 'import onnxruntime, platform; print(platform.machine(), platform.python_version(), onnxruntime.__version__)'
[ $# -gt 0 ] || set -- tests/server
inside sh -c 'cd /repository && exec python -m pytest -p no:cacheprovider "$@"' pytest "$@"
