# shellcheck shell=sh
# Facts of this machine, for the scripts beside it: sourced, not run. Every fact is read from a file below $FWHT_ROOT,
# which tests set; it is empty, and no failure, where it is unknown.

ROOT=${FWHT_ROOT:-}
GPU_NODES=$(cd "$(dirname "$0")" && pwd)/gpu_nodes.txt # now: the script may go to another folder

# Version of L4T, like 36.4.3. In a container the file is empty or not there, unless it was mounted.
l4t() {
  sed -n 's/^# R\([0-9]*\) (release), REVISION: \([0-9.]*\).*/\1.\2/p' "$ROOT/etc/nv_tegra_release" 2>/dev/null || :
}

kernel() { cat "$ROOT/proc/sys/kernel/osrelease" 2>/dev/null || :; }

# The platform of an L4T version, as docker/versions.env names it.
platform_of() {
  case $1 in
    32.*) echo r32 ;;
    35.*) echo r35 ;;
    36.[0-3] | 36.[0-3].*) echo r36.3 ;;
    36.*) echo r36.4 ;;
    38.*) echo r38 ;;
    39.*) echo r39 ;;
  esac
}

# What the kernel of a Jetson tells of its L4T, where nothing better is there: the platform's name or its beginning.
platform_of_kernel() {
  case $1 in
    4.9.*-tegra) echo r32 ;;
    5.10.*-tegra) echo r35 ;;
    5.15.*-tegra) echo r36 ;;
    6.8.*-tegra) echo r38-or-r39 ;;
  esac
}

# JetPack, which people say instead of L4T.
jetpack_of() {
  case $1 in
    32.7.1) echo 4.6.1 ;;
    32.7.*) echo 4.6 ;;
    35.2.* | 35.3.* | 35.4.* | 35.5.* | 35.6.*) echo 5.1 ;;
    36.3 | 36.3.*) echo 6.0 ;;
    36.4 | 36.4.0) echo 6.1 ;;
    36.4.* | 36.5.*) echo 6.2 ;;
    38.2 | 38.2.*) echo 7.0 ;;
    38.4 | 38.4.*) echo 7.1 ;;
    39.2 | 39.2.*) echo 7.2 ;;
  esac
}

# What a person calls the machine.
model() {
  tr -d '\0' 2>/dev/null <"$ROOT/proc/device-tree/model" ||
    sed -n 's/^model name[^:]*: //p' "$ROOT/proc/cpuinfo" 2>/dev/null | head -n 1
}

has_nvidia_driver() { [ -e "$ROOT/proc/driver/nvidia/version" ] || [ -e "$ROOT/dev/nvidiactl" ] || [ -e "$ROOT/dev/dxg" ]; }

# gpu_patterns PLATFORM USE...: device nodes, and classes of them, in docker/gpu_nodes.txt; an unknown platform has those of all.
gpu_patterns() {
  platform_asked=$1
  shift
  awk -v platform="$platform_asked" -v uses=" $* " '
    !/^#/ && index(uses, " " $2 " ") && (platform == "" || index("," $1 ",", "," platform ",")) { print $3 }
  ' "$GPU_NODES" | awk '!seen[$0]++'
}

# gpu_nodes PLATFORM USE...: those that are here.
gpu_nodes() {
  gpu_patterns "$@" | while read -r pattern; do
    for node in "$ROOT"$pattern; do # a pattern
      [ ! -e "$node" ] || echo "$node"
    done
  done | awk '!seen[$0]++'
}

# May this user use a node as the group that owns it may? /dev/nvmap is not writable for anybody on some systems.
may_use() {
  [ -r "$1" ] && { [ -w "$1" ] || case $(stat -L -c %A "$1") in ?????-*) ;; *) false ;; esac; }
}

# gpu_groups PLATFORM: the groups, as numbers, that a user must be in for the nodes that CUDA opens; each once.
gpu_groups() {
  gpu_nodes "$1" gpu open | while read -r node; do
    group=$(stat -L -c '%g %A' "$node")
    case ${group#* } in
      ????rw?rw* | ????r-?r-*) ;; # everybody may what the group may
      *) [ "${group% *}" = 0 ] || echo "${group% *}" ;;
    esac
  done | sort -nu
}

# field of /proc/meminfo in MiB
meminfo() { awk -v field="$1:" '$1 == field { print int($2 / 1024) }' "$ROOT/proc/meminfo" 2>/dev/null || :; }

# MiB that a process may still have: free memory and swap of the machine, at most what its container may take.
memory_left() {
  left=$(($(meminfo MemAvailable) + $(meminfo SwapFree)))
  for limit in "$ROOT/sys/fs/cgroup/memory.max" "$ROOT/sys/fs/cgroup/memory/memory.limit_in_bytes"; do
    bytes=$(cat "$limit" 2>/dev/null) || continue
    case $bytes in '' | *[!0-9]* | ????????????????*) continue ;; esac # max, or a number that means it
    [ $((bytes / 1048576)) -ge "$left" ] || left=$((bytes / 1048576))
  done
  echo "$left"
}
