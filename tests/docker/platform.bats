# docker/platform.sh: which image is for this machine.

setup() { load machine.bash; }

@test "every L4T there is an image for" {
  while read -r major revision platform; do
    jetson "$major" "$revision" 5.15.148-tegra
    run "$DOCKER/platform.sh"
    [ "$status" = 0 ]
    [ "${lines[-1]}" = "$platform" ] || { echo "$major $revision: $output"; false; }
  done <<END
32 7.1 r32
32 7.6 r32
35 2.1 r35
35 6.4 r35
36 2.0 r36.3
36 3.0 r36.3
36 4.0 r36.4
36 4.7 r36.4
36 5.0 r36.4
38 2.0 r38
38 4.0 r38
39 2.0 r39
END
}

@test "says what it was told by" {
  nano
  run "$DOCKER/platform.sh"
  said "NVIDIA Jetson Nano Developer Kit" "L4T 32.7.1 (JetPack 4.6.1)"
}

@test "an L4T without an image" {
  jetson 28 2.1 4.4.38-tegra
  run "$DOCKER/platform.sh"
  [ "$status" = 1 ]
  said "L4T 28.2.1 has no image" "PLATFORM=cpu"
}

@test "a machine with another GPU of NVIDIA's" {
  pc
  file /proc/driver/nvidia/version "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65"
  run "$DOCKER/platform.sh"
  [ "${lines[-1]}" = gpu ]
}

@test "a machine without" {
  pc
  run "$DOCKER/platform.sh"
  [ "${lines[-1]}" = cpu ]
}
