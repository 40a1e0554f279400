#!/bin/sh
# Install the programs that the tests want beside Python packages: tests/install_tools.sh, as root on Debian or Ubuntu.
#
# A browser, a proxy, the tools that check scripts and manifests, compilers. Nothing is done where all of them are there.
set -eu

missing=
# want PROGRAM PACKAGE
want() { PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || missing="$missing $2"; }
want bats bats
want c++filt binutils
want chromium chromium
want curl curl
want docker-compose docker-compose
want g++ g++
want aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
want qemu-aarch64 qemu-user
want llvm-mca llvm
want haproxy haproxy
want make make
want nginx nginx
want openssl openssl
want systemd-analyze systemd
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing:$missing; as root on Debian this script installs them" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list
apt-get install -qq --yes --no-install-recommends $missing >/dev/null
