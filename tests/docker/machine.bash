# shellcheck shell=bash disable=SC2034,SC2154 # for the tests that load it
# A made-up machine below $FWHT_ROOT, for the scripts of docker/, which read every fact from a file there.

REPOSITORY=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
DOCKER=$REPOSITORY/docker

file() { # PATH TEXT
  mkdir -p "$(dirname "$FWHT_ROOT$1")"
  printf '%s\n' "$2" >"$FWHT_ROOT$1"
}

program() { # NAME TEXT: a program first on PATH
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
  export PATH="$BATS_TEST_TMPDIR/bin:$PATH"
}

memory() { # TOTAL AVAILABLE SWAP, in MiB
  file /proc/meminfo "MemTotal: $(($1 * 1024)) kB
MemAvailable: $(($2 * 1024)) kB
SwapTotal: $(($3 * 1024)) kB
SwapFree: $(($3 * 1024)) kB"
  file /proc/swaps "Filename Type Size Used Priority
/dev/zram0 partition 999999 0 5
/swapfile file $(($3 * 1024)) 0 -2"
}

# A Jetson of an L4T version, like 32 7.1, in good order.
jetson() { # MAJOR REVISION KERNEL
  export FWHT_ROOT=$BATS_TEST_TMPDIR/root
  file /etc/nv_tegra_release "# R$1 (release), REVISION: $2, GCID: 27597644, BOARD: t210ref, EABI: aarch64, DATE: Wed"
  file /proc/sys/kernel/osrelease "$3"
  file /proc/device-tree/model "NVIDIA Jetson Nano Developer Kit"
  case $1 in 32 | 35) file /dev/nvhost-gpu "" ;; *) file /dev/nvgpu/igpu0/power "" ;; esac
  memory 3964 2500 4096
}

nano() { jetson 32 7.1 4.9.253-tegra; }

pc() {
  export FWHT_ROOT=$BATS_TEST_TMPDIR/root
  file /proc/sys/kernel/osrelease 6.1.0-13-amd64
  file /proc/cpuinfo "model name	: AMD EPYC"
  memory 16000 12000 0
}

said() { # TEXT...: each stands in the output
  for text in "$@"; do
    [[ $output == *"$text"* ]] || { printf 'does not say: %s\nsays: %s\n' "$text" "$output"; return 1; }
  done
}
