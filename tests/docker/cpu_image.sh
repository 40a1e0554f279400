#!/bin/bash
# Builds the CPU image for real and tries it, on a machine without a Docker engine or a registry: `make test-image`, as root.
#
#     tests/docker/cpu_image.sh     about three minutes; needs apt install podman runc mmdebstrap curl
#
# The base is a Debian made here by mmdebstrap, with what Docker's own "slim" leaves out left out; podman (buildah in it)
# builds with chroot isolation and runs with runc, in a storage of its own that is removed at the end.
# Settings: ARCH=arm64 (needs qemu-user-static registered with binfmt_misc), DEBIAN=trixie, MIRROR, KEEP=1.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${TMPDIR:-/tmp}/fwht-cpu-image
arch=${ARCH:-$(dpkg --print-architecture)}
mirror=${MIRROR:-http://deb.debian.org/debian}
certificates=/etc/ssl/certs/ca-certificates.crt

for program in podman runc mmdebstrap curl; do
  command -v "$program" >/dev/null || { echo "error: $program is missing: apt install podman runc mmdebstrap curl" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "error: this makes a Debian and mounts it: run it as root" >&2; exit 2; }

mkdir -p "$work"
cat >"$work/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$work/storage"
runroot = "$work/run"
END
# works without systemd, and without the right to raise limits
cat >"$work/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
END
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf ENGINE=podman
clean() {
  [ -n "${KEEP:-}" ] || { podman system reset --force >/dev/null 2>&1 || true; rm -rf "$work"; }
}
trap clean EXIT

if [ ! -e "$work/base-$arch.tar" ]; then
  mmdebstrap --quiet --variant=minbase --architectures="$arch" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "${DEBIAN:-trixie}" "$work/base-$arch.tar" "$mirror"
fi
podman import --quiet --arch "$arch" "$work/base-$arch.tar" localhost/debian:here >/dev/null

CPU_BASE=localhost/debian:here PLATFORM=cpu docker/image.sh --isolation chroot --network host \
  --volume "$certificates:/run/ca.crt:ro" --build-arg PIP_CERT=/run/ca.crt >"$work/build.log" 2>&1 ||
  { tail -n 30 "$work/build.log"; exit 1; }

# what the image promises; under emulation only that it works
limits=(MAX_IMAGE_MB=400)
[ "$arch" != "$(dpkg --print-architecture)" ] || limits+=(MAX_READY_S=3 MAX_MB=250)
env "${limits[@]}" NETWORK=host docker/smoke.sh fwht-classifier:cpu 2> >(grep -v healthcheck >&2)
