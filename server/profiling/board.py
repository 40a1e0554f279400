"""What a Jetson says about itself in files that any user may read, without tools and without root.

Paths are below `root`, so that tests can lay out a board. A fact that no file has is None; on another machine
that is nearly all of them. Sources: the L4T developer guides, on nvpmodel, devfreq and the thermal framework.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

ROOT = Path("/")
RELEASE = re.compile(r"R(\d+) \(release\), REVISION: ([\d.]+)")
MODE = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>")
GPU = re.compile(r"gpu|gv11b|gp10b|ga10b|gb10b|gm20b", re.IGNORECASE)  # names of the GPU among the scaled devices
JETPACK = {  # by L4T
    "32.7.1": "4.6.1",
    "32.7.2": "4.6.2",
    "32.7.3": "4.6.3",
    "32.7.4": "4.6.4",
    "32.7.5": "4.6.5",
    "32.7.6": "4.6.6",
    "35.1.0": "5.0.2",
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.2": "5.1.5",
    "35.6.4": "5.1.6",
    "36.3.0": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "36.4.7": "6.2.1",
    "36.5.0": "6.2.2",
    "38.2.0": "7.0",
    "38.2.1": "7.0",
    "38.2.2": "7.0",
    "38.4.0": "7.1",
    "39.2.0": "7.2",
}


def read_board_facts(root: Path = ROOT) -> Dict[str, Any]:
    """What does not change while a program runs: `model`, `l4t`, `jetpack`, `power_mode`, `memory_bytes`."""
    l4t = _read_l4t(root)
    return {
        "model": read_model(root),
        "l4t": l4t,
        "jetpack": JETPACK.get(l4t or ""),
        "power_mode": _read_power_mode(root) or (_ask_jtop() if l4t else None),
        "memory_bytes": _read_memory(root),
    }


def read_model(root: Path = ROOT) -> Optional[str]:
    """As in "NVIDIA Jetson Orin Nano Developer Kit"; containers are mostly not shown it."""
    return _read_text(root / "proc/device-tree/model")


def read_board_state(root: Path = ROOT) -> Dict[str, Any]:
    """What may change: power mode, clocks in Hz, temperatures in degrees Celsius, and whether something throttles.
    Empty where this is no board with an integrated GPU.

    power_mode: by files alone, jtop is too slow to ask here. throttling: the cooling devices that are at work, other
    than fans. over_current_events: how often each limit on the current was hit since the board started.
    """
    gpu = _find_gpu(root)
    if gpu is None:
        return {}
    return {
        "power_mode": _read_power_mode(root),
        "gpu_hz": _read_number(gpu / "cur_freq"),
        "gpu_max_hz": _read_number(gpu / "max_freq"),
        "gpu_min_hz": _read_number(gpu / "min_freq"),  # equal to the largest where jetson_clocks has locked it
        "cpu_max_hz": _read_cpu_limits(root),
        "temperatures_c": _read_temperatures(root),
        "throttling": _find_throttling(root),
        "over_current_events": _count_over_current(root),
    }


def why_noisy(before: Mapping[str, Any], after: Mapping[str, Any], on_gpu: bool = True) -> Optional[str]:
    """Why times taken between the two states are not to be trusted, as a sentence; None where there is no reason.

    on_gpu: whether the GPU was timed; the clock of one that has nothing to do goes up and down.
    """
    reasons = []
    if before.get("power_mode") != after.get("power_mode"):
        reasons.append(f"the power mode went from {before.get('power_mode')} to {after.get('power_mode')}")
    if on_gpu and before.get("gpu_hz") != after.get("gpu_hz"):
        clock, other = _format_mhz(before.get("gpu_hz")), _format_mhz(after.get("gpu_hz"))
        reasons.append(f"the GPU's clock went from {clock} to {other} (sudo jetson_clocks locks it)")
    for key, what in (("gpu_max_hz", "the limit of the GPU's clock"), ("cpu_max_hz", "the limits of the CPUs' clocks")):
        if before.get(key) != after.get(key):
            reasons.append(f"{what} changed from {before.get(key)} to {after.get(key)}")
    throttling = sorted({*before.get("throttling", ()), *after.get("throttling", ())})
    if throttling:
        reasons.append(f"the board throttles ({', '.join(throttling)}): cool it, or choose a lower power mode")
    if before.get("over_current_events") != after.get("over_current_events"):
        reasons.append("the board drew more current than it may, and was slowed down: use a stronger power supply")
    return "; ".join(reasons) or None


def _format_mhz(hertz: Optional[int]) -> str:
    return "unknown" if hertz is None else f"{hertz / 1e6:g} MHz"


def _read_text(path: Path) -> Optional[str]:
    """None where it cannot be read; some of these files exist and answer with an error."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ") or None
    except OSError:
        return None


def _read_number(path: Path) -> Optional[int]:
    try:
        return int(_read_text(path) or "")
    except ValueError:
        return None


def _read_l4t(root: Path) -> Optional[str]:
    found = RELEASE.search(_read_text(root / "etc/nv_tegra_release") or "")
    if not found:
        return None
    revision = found[2] if "." in found[2] else f"{found[2]}.0"
    return f"{found[1]}.{revision}"


def _read_power_mode(root: Path) -> Optional[str]:
    """As in "MAXN" or, where the names are not known, "mode 0"."""
    found = re.search(r"pmode:(\d+)", _read_text(root / "var/lib/nvpmodel/status") or "")
    if not found:
        return None
    modes: List[Tuple[str, str]] = MODE.findall(_read_text(root / "etc/nvpmodel.conf") or "")
    names = {int(number): name for number, name in modes}
    return names.get(int(found[1]), f"mode {int(found[1])}")


def _ask_jtop() -> Optional[str]:
    """By jtop's service, where it is installed: a container is often given its socket and none of the files above."""
    if find_spec("jtop") is None:
        return None
    try:
        from jtop import jtop

        with jtop() as jetson:
            mode = jetson.nvpmodel if jetson.ok() else None
            return None if mode is None else str(mode)
    except Exception:  # its service may be stopped, closed to this user, or of another version: no reason to fail
        return None


def _read_memory(root: Path) -> Optional[int]:
    found = re.search(r"MemTotal:\s+(\d+) kB", _read_text(root / "proc/meminfo") or "")
    return int(found[1]) * 1024 if found else None


def _find_gpu(root: Path) -> Optional[Path]:
    """The integrated GPU among the devices whose clocks are scaled."""
    for device in sorted((root / "sys/class/devfreq").glob("*")):
        if GPU.search(device.name) or GPU.search(_read_text(device / "device/of_node/name") or ""):
            return device
    return None


def _read_cpu_limits(root: Path) -> List[int]:
    limits = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_max_freq"))
    return sorted({1000 * number for number in map(_read_number, limits) if number is not None})


def _read_temperatures(root: Path) -> Dict[str, float]:
    """By zone; without the power chip's, which is a constant, and sensors that are off."""
    found = {}
    for zone, name in _list_thermal(root, "thermal_zone*"):
        milli = _read_number(zone / "temp")
        if milli is not None and milli > -100_000 and "PMIC" not in name:
            found[name] = milli / 1000
    return found


def _find_throttling(root: Path) -> List[str]:
    return sorted(
        {
            name
            for device, name in _list_thermal(root, "cooling_device*")
            if "fan" not in name and _read_number(device / "cur_state")
        }
    )


def _list_thermal(root: Path, pattern: str) -> List[Tuple[Path, str]]:
    """Folders with the type that each has."""
    folders = sorted((root / "sys/class/thermal").glob(pattern))
    return [(folder, name) for folder, name in ((folder, _read_text(folder / "type")) for folder in folders) if name]


def _count_over_current(root: Path) -> Dict[str, int]:
    counters = sorted((root / "sys/class/hwmon").glob("hwmon*/oc*_event_cnt"))
    counted = {path.name.partition("_")[0]: _read_number(path) for path in counters}
    return {name: number for name, number in counted.items() if number is not None}
