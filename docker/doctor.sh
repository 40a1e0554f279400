#!/bin/sh
# Looks at this machine as a place to serve from, and says what is wrong with the cure. Changes nothing, needs no root.
#
#     docker/doctor.sh     exit status 1 where something is wrong
#
# Settings (environment): PORT=8000, the port to serve on; FWHT_ROOT, prefix of every file looked at (tests).
set -u
here=$(dirname "$0")
. "$here/board_facts.sh"
wrong=0

show() { printf '%-8s%-16s%s\n' "$1" "$2" "$3"; }
ok() { show ok "$1" "$2"; }
unknown() { show '?' "$1" "$2"; }
bad() { # NAME WHAT CURE
  show WRONG "$1" "$2"
  printf '%-24s%s\n' '' "cure: $3"
  wrong=$((wrong + 1))
}
advise() { # NAME WHAT ADVICE: it works, less well
  show note "$1" "$2"
  printf '%-24s%s\n' '' "$3"
}
has() { command -v "$1" >/dev/null 2>&1; }

version=$(l4t)
platform=$(platform_of "$version")
machine=$(uname -m)

look_at_system() {
  if [ -z "$version" ]; then
    ok board "$(model)"
    ok system "not a Jetson (no $ROOT/etc/nv_tegra_release)"
    return
  fi
  ok board "$(model)"
  jetpack=$(jetpack_of "$version")
  if [ -n "$platform" ]; then
    ok system "L4T $version${jetpack:+, JetPack $jetpack}: image $platform"
  else
    bad system "L4T $version" "there is no image for it; flash JetPack 4.6 (L4T 32.7), 5.1, 6 or 7"
  fi
}

# the nodes that CUDA opens, and whether whoever runs this may use them: containers and the service get groups of their own
look_at_gpu() {
  [ -n "$version" ] || has_nvidia_driver || return
  kind=${platform:-gpu}
  closed=$(gpu_nodes "$kind" gpu open | while read -r node; do may_use "$node" || stat -L -c '%G %n' "$node"; done)
  if [ -z "$(gpu_nodes "$kind" gpu)" ]; then
    bad GPU "there is none of $(gpu_patterns "$kind" gpu | tr '\n' ' ')" "in a container: $here/run_options.sh, run outside of it, prints the
                              options; else the driver is not loaded: reboot, and look into dmesg"
  elif [ -n "$closed" ]; then
    advise GPU "you may not use $(echo "$closed" | cut -d ' ' -f 2- | tr '\n' ' ')" "to serve without a container or service: sudo usermod -aG
                        $(echo "$closed" | cut -d ' ' -f 1 | sort -u | tr '\n' ',' | sed 's/,$//') \$USER, and log in again"
  else
    owners=$(gpu_groups "$kind" | tr '\n' ' ' | sed 's/ $//; s/ /, /g')
    ok GPU "nodes that CUDA opens: $(gpu_nodes "$kind" gpu open | grep -c .)${owners:+, of groups $owners}"
  fi
}

look_at_cuda() {
  for nvcc in "$ROOT/usr/local/cuda/bin/nvcc" "$ROOT"/usr/local/cuda-*/bin/nvcc; do
    [ -x "$nvcc" ] && break
  done
  if [ -x "$nvcc" ]; then
    ok CUDA "$("$nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/\1/p') ($nvcc)"
  elif [ "$platform" = r32 ]; then
    bad CUDA "nvcc is not in $ROOT/usr/local/cuda*/bin" "sudo apt install cuda-toolkit-10-2 (the image is built with the host's)"
  else
    unknown CUDA "nvcc is not here; an image brings its own, make plugin needs it"
  fi
}

look_at_tensorrt() {
  folder=$ROOT/usr/include/$machine-linux-gnu
  header=$folder/NvInfer.h
  install="sudo apt install nvidia-jetpack, or of it only libnvinfer-dev libnvonnxparsers-dev libnvparsers-dev libnvinfer-plugin-dev"
  if [ -s "$header" ]; then
    ok TensorRT "$(awk '
      $1 == "#define" { value[$2] = $3 }
      function number(name) { return name in value ? number(value[name]) : name }
      END { print number("NV_TENSORRT_MAJOR") "." number("NV_TENSORRT_MINOR") "." number("NV_TENSORRT_PATCH") }
    ' "$folder/NvInferVersion.h" 2>/dev/null), headers in $folder"
  elif [ -e "$header" ]; then
    bad TensorRT "$header is empty: it is a mount without the package behind it" "on the host: $install"
  elif [ "$platform" = r32 ]; then
    bad TensorRT "$header is not there, and the image takes TensorRT from the host" "$install"
  else
    unknown TensorRT "no headers here; an image brings its own, make plugin needs them"
  fi
  if [ "$platform" = r32 ]; then
    csv=$ROOT/etc/nvidia-container-runtime/host-files-for-container.d
    absent=
    # the bindings are linked with the names that have no number
    for file in NvInfer.h libnvinfer.so libnvinfer_plugin.so libnvonnxparser.so libnvparsers.so; do
      grep -qs "/$(echo "$file" | sed 's/\./\\./g') *$" "$csv"/*.csv || absent="$absent $file"
    done
    if [ -z "$absent" ]; then
      ok mounts "headers and libraries of TensorRT are listed in $csv"
    elif [ "${absent#* NvInfer.h}" != "$absent" ]; then
      bad mounts "no file in $csv lists NvInfer.h" "sudo apt install nvidia-container-csv-tensorrt nvidia-container-csv-cuda"
    else
      advise mounts "no file in $csv lists$absent" "if make image says \"cannot find -lnv...\", add a line for each to
                        $csv/tensorrt.csv, as in: sym, /usr/lib/aarch64-linux-gnu/libnvparsers.so"
    fi
  fi
}

look_at_docker() {
  if ! has docker; then
    unknown docker "not installed: sudo apt install docker.io, or serve without it: make serve, make install"
    return
  fi
  daemon=$ROOT/etc/docker/daemon.json
  if [ -z "$platform" ]; then
    ok docker "$(docker --version 2>/dev/null)"
  elif ! grep -qs '"nvidia"' "$daemon"; then
    bad docker "$daemon names no runtime nvidia" "sudo apt install nvidia-container, then sudo systemctl restart docker"
  elif [ "$platform" = r32 ] && ! grep -qs '"default-runtime": *"nvidia"' "$daemon"; then
    bad docker "the default runtime is not nvidia, so make image would find no CUDA" \
      "put \"default-runtime\": \"nvidia\" into $daemon, then sudo systemctl restart docker"
  else
    ok docker "$(docker --version 2>/dev/null), runtime nvidia"
  fi
}

# Number and name of each power mode, the fastest first: the one without a limit is called MAXN, and its number differs per
# board; where there is none, as on a Xavier NX, the most watts are, and of equal ones the most cores (none named: all).
power_modes() {
  awk '/^[ \t]*<[ \t]*POWER_MODEL/ {
    number = name = ""
    gsub(/[<>]/, " ")
    for (i = 1; i <= NF; i++) {
      if ($i ~ /^ID=/) number = substr($i, 4)
      if ($i ~ /^NAME=/) name = substr($i, 6)
    }
    watts = match(name, /[0-9]+W/) ? substr(name, RSTART, RLENGTH - 1) : 0
    cores = match(name, /[0-9]+CORE/) ? substr(name, RSTART, RLENGTH - 4) : name ~ /DESKTOP/ ? 0 : 99
    speed = name ~ /^MAXN/ ? 1000000 + (name ~ /SUPER/) : 100 * watts + cores
    if (number != "") print speed, number + 0, name
  }' "$ROOT/etc/nvpmodel.conf" 2>/dev/null | sort -k1,1nr -k2,2n | cut -d ' ' -f 2-
}

look_at_power() {
  [ -n "$version" ] || return
  mode=$(sed -n 's/^pmode:0*\([0-9][0-9]*\).*/\1/p' "$ROOT/var/lib/nvpmodel/status" 2>/dev/null)
  modes=$(power_modes)
  name=$(echo "$modes" | sed -n "s/^$mode //p")
  fastest=$(echo "$modes" | head -n 1)
  supply=
  [ "$platform" != r32 ] || supply=" (a Nano: with a 5 V 4 A supply)"
  if [ -z "$mode" ]; then
    unknown 'power mode' "unknown: sudo nvpmodel -q"
  elif [ -z "$modes" ]; then
    unknown 'power mode' "$mode, and $ROOT/etc/nvpmodel.conf names none: sudo nvpmodel -p --verbose lists them"
  elif [ "$mode" = "${fastest%% *}" ]; then
    ok 'power mode' "$mode, $name"
  else
    advise 'power mode' "$mode${name:+, $name}" "the fastest is ${fastest#* }: sudo nvpmodel -m ${fastest%% *}$supply"
  fi
}

look_at_clocks() {
  [ -n "$version" ] || return
  folder=$ROOT/sys/devices/system/cpu/cpu0/cpufreq
  low=$(cat "$folder/scaling_min_freq" 2>/dev/null)
  high=$(cat "$folder/scaling_max_freq" 2>/dev/null)
  if [ -z "$low" ]; then
    unknown clocks "$folder is not there"
  elif [ "$low" = "$high" ]; then
    ok clocks "fixed at $((high / 1000)) MHz (CPU)"
  else
    advise clocks "$((low / 1000)) to $((high / 1000)) MHz (CPU), as the load asks" \
      "times vary less with fixed clocks: sudo jetson_clocks (until the next boot)"
  fi
}

look_at_memory() {
  total=$(meminfo MemTotal)
  left=$(memory_left)
  swap=$(awk 'NR > 1 && $1 !~ /zram/ { kb += $3 } END { print int(kb / 1024) }' "$ROOT/proc/swaps" 2>/dev/null)
  if [ "${swap:-0}" -ge 2000 ] || [ "$total" -ge 6000 ]; then
    ok swap "$swap MiB in files or partitions"
  else
    bad swap "${swap:-0} MiB in files or partitions, with $total MiB of memory" \
      "a swap file of 4 GB, for the engine build: sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap
                              /swapfile && sudo swapon /swapfile, and a line for it in /etc/fstab"
  fi
  if [ "$left" -ge 1500 ]; then
    ok memory "$left MiB of $total and swap are free"
  else
    bad memory "$left MiB of memory and swap are free, an engine build needs 1500" \
      "stop other programs; the desktop alone takes up to 800: sudo systemctl set-default multi-user.target, and reboot"
  fi
}

look_at_disk() {
  left=$(df -Pk "$here" 2>/dev/null | awk 'NR == 2 { print int($4 / 1e6) }')
  need=2
  case $platform in r35 | r36*) need=20 ;; r38 | r39) need=25 ;; esac
  if [ "${left:-0}" -ge "$need" ]; then
    ok disk "$left GB free"
  else
    bad disk "${left:-0} GB free, building an image takes about $need" "remove what is not needed: docker system prune"
  fi
}

look_at_port() {
  port=${PORT:-8000}
  hex=$(printf '%04X' "$port")
  # state 0A is listening
  if cat "$ROOT/proc/net/tcp" "$ROOT/proc/net/tcp6" 2>/dev/null | awk -v port=":$hex" \
    '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'; then
    if curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$port/livez"; then
      ok port "$port is in use, by a server that is alive"
      return
    fi
    bad port "$port is in use" "stop what uses it (sudo ss -ltnp 'sport = :$port'), or take another: PORT=8080"
  else
    ok port "$port is free"
  fi
}

look_at_system
look_at_gpu
look_at_cuda
look_at_tensorrt
look_at_docker
look_at_power
look_at_clocks
look_at_memory
look_at_disk
look_at_port
echo
if [ "$wrong" != 0 ]; then
  echo "$wrong wrong"
  exit 1
fi
echo "nothing wrong was found"
