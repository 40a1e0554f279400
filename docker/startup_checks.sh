# shellcheck shell=sh
# What is looked at before the server starts; sourced by entrypoint.sh. Each check says what is wrong and the cure, and
# fails where going on would only fail later and less clearly.

BUILD_MB=1500 # of memory and swap that a first build of an engine is given; not yet measured on a board
SERVE_MB=400

complain() { printf '%s: %s\n' "$1" "$2" >&2; }
error() { complain error "$1"; }
warn() { complain warning "$1"; }

# check_platform IMAGE: is the image made for this board?
check_platform() {
  [ "$1" != cpu ] && [ "$1" != gpu ] || return 0
  version=$(l4t)
  here=$(platform_of "$version")
  [ -n "$here" ] || here=$(platform_of_kernel "$(kernel)")
  case $here in
    '')
      error "this image is for a Jetson with L4T $1, and this machine (kernel $(kernel)) is none: build the right one
  there with make image"
      return 1
      ;;
    "$1") ;;
    r36.4)
      if [ "$1" = r36.3 ]; then
        warn "this image is for L4T r36.3 and the board has $version: it works, more slowly than make image
  PLATFORM=r36.4 would"
      else
        wrong_l4t "$1" "$here"
      fi
      ;;
    *)
      case $here:$1 in r36:r36.* | r38-or-r39:r38 | r38-or-r39:r39) return 0 ;; esac # the kernel tells no more
      wrong_l4t "$1" "$here"
      ;;
  esac
}

wrong_l4t() {
  error "this image is for L4T $1 and the board has $2${version:+ ($version)}: CUDA would fail; build the image on the
  board with make image, or there: make image PLATFORM=$2"
  return 1
}

# check_gpu IMAGE: is a GPU there, and may this user use it?
check_gpu() {
  [ "$1" != cpu ] || return 0
  if [ -z "$(gpu_nodes "$1" gpu)" ]; then
    if [ "$1" = gpu ]; then
      error "no GPU is visible: start the container with --gpus all; where that fails, install the NVIDIA Container Toolkit"
    else
      error "no GPU is visible: start the container with --runtime nvidia (on a Jetson --gpus alone is not enough)"
    fi
    return 1
  fi
  closed=$(gpu_nodes "$1" gpu open | while read -r node; do may_use "$node" || stat -L -c '%g %n' "$node"; done)
  [ -z "$closed" ] && return
  wanted=$(echo "$closed" | cut -d ' ' -f 1 | sort -nu)
  error "user $(id -u), groups $(id -G), may not use $(echo "$closed" | cut -d ' ' -f 2- | tr '\n' ' ' | sed 's/ $//; s/ /, /g'),
  so that CUDA would find no GPU: add the groups that own them, with $(echo "$wanted" | sed 's/^/--group-add /' | tr '\n' ' ')\
(docker/run_options.sh prints it), supplementalGroups: [$(echo "$wanted" | tr '\n' ',' | sed 's/,$//; s/,/, /g')] in Kubernetes"
  return 1
}

# check_host_tensorrt IMAGE: r32 has TensorRT from the host; a file without the package behind it is mounted empty
check_host_tensorrt() {
  [ "$1" = r32 ] || return 0
  library=$ROOT/usr/lib/aarch64-linux-gnu/libnvinfer.so.8
  [ -s "$library" ] && return
  state="is not there"
  [ -e "$library" ] && state="is empty"
  error "$library $state: on JetPack 4 the container has TensorRT from the host. On the board: sudo apt install tensorrt
  nvidia-container-csv-tensorrt, then start the container again with --runtime nvidia"
  return 1
}

# check_folder FOLDER: can engines be written, and will they stay?
check_folder() {
  if ! (: >"$1/.writable") 2>/dev/null; then
    error "$1 cannot be written by user $(id -u) ($(ls -ldn "$1" 2>&1)): engines are kept there. Give it a volume,
  -v fwht-engines:$1; one that is there already belongs to another user: chown it to $(id -u), or remove it"
    return 1
  fi
  rm -f "$1/.writable"
  if [ -n "${IMAGE_PLATFORM:-}" ] && ! grep -q " $1 " "$ROOT/proc/self/mountinfo" 2>/dev/null; then
    warn "$1 is no volume: the engine is lost with this container, and the next one builds it again; add
  -v fwht-engines:$1"
  fi
}

# check_memory FOLDER: enough to build an engine, or to serve one that is there?
check_memory() {
  left=$(memory_left)
  need=$BUILD_MB
  for card in "$1"/*.engine.json; do
    [ -e "$card" ] && need=$SERVE_MB
  done
  [ "$left" -ge "$need" ] && return
  error "$left MiB of memory and swap are left, and $need are needed: stop other programs (the desktop: sudo systemctl
  set-default multi-user.target), add a swap file of 4 GB, or raise the container's limit (docs/jetson_nano.md);
  FWHT_CHECK_MEMORY=0 starts all the same"
  return 1
}
