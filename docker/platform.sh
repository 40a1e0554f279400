#!/bin/sh
# Prints the platform of this machine, as docker/versions.env names it, and on stderr what that was told by.
#
#     docker/platform.sh     exit status 1: a Jetson whose system there is no image for
set -eu
. "$(dirname "$0")/board_facts.sh"

version=$(l4t)
if [ -n "$version" ]; then
  platform=$(platform_of "$version")
  if [ -z "$platform" ]; then
    echo "error: L4T $version has no image: JetPack 4.6 (32.7), 5.1, 6 and 7 have; flash one of those, or build the CPU's" \
      "image with make image PLATFORM=cpu" >&2
    exit 1
  fi
  jetpack=$(jetpack_of "$version")
  echo "platform $platform: $(model), L4T $version${jetpack:+ (JetPack $jetpack)}" >&2
elif has_nvidia_driver; then
  platform=gpu
  echo "platform gpu: an NVIDIA driver is loaded, and $ROOT/etc/nv_tegra_release, which a Jetson has, is not there" >&2
else
  platform=cpu
  echo "platform cpu: no NVIDIA driver is loaded" >&2
fi
echo "$platform"
