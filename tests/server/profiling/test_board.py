"""What a Jetson tells of itself, on boards laid out as files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from server.profiling.board import read_board_facts, read_board_state, why_noisy

NANO = {
    "proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "proc/meminfo": "MemTotal:        4059712 kB\nMemFree:  1 kB\n",
    "etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=5W >\n",
    "var/lib/nvpmodel/status": "pmode:0001 fmode:fanNull\n",
    "sys/class/devfreq/57000000.gpu/cur_freq": "614400000\n",
    "sys/class/devfreq/57000000.gpu/max_freq": "640000000\n",
    "sys/class/devfreq/57000000.gpu/min_freq": "76800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "918000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_max_freq": "918000\n",
    "sys/class/thermal/thermal_zone0/type": "AO-therm\n",
    "sys/class/thermal/thermal_zone0/temp": "41500\n",
    "sys/class/thermal/thermal_zone1/type": "PMIC-Die\n",
    "sys/class/thermal/thermal_zone1/temp": "100000\n",
    "sys/class/thermal/thermal_zone2/type": "CV0-therm\n",
    "sys/class/thermal/thermal_zone2/temp": "-256000\n",
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "2\n",
    "sys/class/thermal/cooling_device1/type": "gpu-balanced\n",
    "sys/class/thermal/cooling_device1/cur_state": "0\n",
}
ORIN = {
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
    "sys/class/devfreq/17000000.ga10b/cur_freq": "1020000000\n",
    "sys/class/hwmon/hwmon4/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon4/oc3_event_cnt": "2\n",
}


def laid_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_facts_of_a_nano(tmp_path: Path) -> None:
    assert read_board_facts(laid_out(tmp_path, NANO)) == {
        "model": "NVIDIA Jetson Nano Developer Kit",
        "l4t": "32.7.1",
        "jetpack": "4.6.1",
        "power_mode": "5W",
        "memory_bytes": 4059712 * 1024,
    }


def test_state_of_a_nano(tmp_path: Path) -> None:
    assert read_board_state(laid_out(tmp_path, NANO)) == {
        "power_mode": "5W",
        "gpu_hz": 614_400_000,
        "gpu_max_hz": 640_000_000,
        "gpu_min_hz": 76_800_000,
        "cpu_max_hz": [918_000_000],
        "temperatures_c": {"AO-therm": 41.5},
        "throttling": [],
        "over_current_events": {},
    }


def test_an_orin(tmp_path: Path) -> None:
    root = laid_out(tmp_path, ORIN)
    facts, state = read_board_facts(root), read_board_state(root)
    assert (facts["l4t"], facts["jetpack"], facts["power_mode"]) == ("36.4.3", "6.2", None)
    assert state["gpu_hz"] == 1_020_000_000 and state["over_current_events"] == {"oc1": 0, "oc3": 2}


def test_a_gpu_that_only_its_device_tree_names(tmp_path: Path) -> None:
    files = {"sys/class/devfreq/1.x/device/of_node/name": "ga10b\0", "sys/class/devfreq/1.x/cur_freq": "306000000"}
    assert read_board_state(laid_out(tmp_path, files))["gpu_hz"] == 306_000_000


def test_a_mode_without_a_name(tmp_path: Path) -> None:
    root = laid_out(tmp_path, {"var/lib/nvpmodel/status": "pmode:0003\n"})
    assert read_board_facts(root)["power_mode"] == "mode 3"


def test_another_machine_tells_nothing(tmp_path: Path) -> None:
    assert set(read_board_facts(tmp_path).values()) == {None} and read_board_state(tmp_path) == {}


def test_files_that_answer_nonsense(tmp_path: Path) -> None:
    broken = dict.fromkeys(NANO, "ÿ")
    broken["sys/class/devfreq/57000000.gpu/cur_freq"] = ""
    state = read_board_state(laid_out(tmp_path, broken))
    assert state["gpu_hz"] is None and state["temperatures_c"] == {}
    assert read_board_facts(tmp_path)["jetpack"] is None


STATE: dict[str, Any] = {"gpu_hz": 921_600_000, "gpu_max_hz": 921_600_000, "throttling": [], "over_current_events": {}}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"gpu_hz": 614_400_000}, "from 921.6 MHz to 614.4 MHz"),
        ({"gpu_hz": None}, "to unknown"),
        ({"power_mode": "5W"}, "the power mode went from None to 5W"),
        ({"gpu_max_hz": 640_000_000}, "the limit of the GPU's clock"),
        ({"cpu_max_hz": [918_000_000]}, "the limits of the CPUs' clocks"),
        ({"throttling": ["gpu-balanced"]}, "throttles (gpu-balanced)"),
        ({"over_current_events": {"oc1": 1}}, "stronger power supply"),
    ],
)
def test_what_makes_times_untrustworthy(after: dict[str, Any], words: str) -> None:
    assert words in str(why_noisy(STATE, {**STATE, **after}))


def test_warmth_alone_is_no_reason() -> None:
    assert why_noisy(STATE, {**STATE, "temperatures_c": {"GPU-therm": 50.0}}) is None


def test_the_clock_of_a_gpu_that_was_not_timed() -> None:
    assert why_noisy(STATE, {**STATE, "gpu_hz": 614_400_000}, on_gpu=False) is None


def test_throttling_all_along_is_one() -> None:
    hot = {**STATE, "throttling": ["cpu-balanced"]}
    assert "cpu-balanced" in str(why_noisy(hot, hot))


class Jtop:
    """jtop's client, as far as it is used; mode: what it says, or raises."""

    def __init__(self, mode: Any) -> None:
        self.mode = mode

    def __call__(self) -> Jtop:
        return self

    def __enter__(self) -> Any:
        if isinstance(self.mode, Exception):
            raise self.mode
        return SimpleNamespace(ok=lambda: True, nvpmodel=self.mode)

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize(("says", "found"), [("25W", "25W"), (None, None), (RuntimeError("no service"), None)])
def test_jtop_where_the_files_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Any, found: str | None
) -> None:
    module = ModuleType("jtop")
    module.jtop = Jtop(says)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jtop", module)
    monkeypatch.setattr("server.profiling.board.find_spec", lambda name: object())
    assert read_board_facts(laid_out(tmp_path, ORIN))["power_mode"] == found
