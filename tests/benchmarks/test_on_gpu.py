"""benchmarks/on_gpu.sh: its order, rows, budget and resumption, with stand-ins for the commands that need a GPU."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Says what it is asked for, and does what the file of that name says: sleep, or end with a status.
STAND_IN = """#!/bin/sh
case "$*" in
  *find_spec*) shift 2; for module; do case " $LACKING " in *" $module "*) exit 1 ;; esac; done; exit 0 ;;
esac
echo "$(basename "$0") $*" >>"$LOG"
for word; do :; done
case "$*" in
  *export.engine*) case "$*" in *--rebuild*) : >"build/$3-$5.engine.json" ;; *) echo "kept, it fits" ;; esac ;;
  *onnx_labels*) : >build/onnx_labels.npz ;;
  *plugins/Makefile*) : >build/libfwht_kernels.so ;;
esac
for rule in $RULES; do
  case "$*" in *"${rule%%=*}"*) eval "$(echo "${rule#*=}" | tr _ ' ')" ;; esac
done
"""
MODELS = ("hybrid", "mobilenet_v2")
ENGINES = [f"engine-{model}-{precision}" for precision in ("fp16", "fp32") for model in MODELS]
PARTS = ["plugin_copy", "plugin_torch", "plugin_engines"]
ORDER = ["build", "kernels", "labels", *ENGINES, "engine-again", "serving", *PARTS, "engines", "sanitize", "throughput"]
ORDER += ["overhead"]


class Machine:
    """A checkout of stand-ins. rules: what commands do, "PART OF THE COMMAND=shell_words"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("benchmarks", "models", "build", "plugins", "server", "export", "tests/plugins", "bin"):
            (folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "benchmarks/on_gpu.sh", folder / "benchmarks")
        for model in MODELS:
            (folder / "models" / f"{model}.onnx").write_text(model)
        for program in ("bin/python", "bin/make", "bin/nvidia-smi", "plugins/sanitize.sh"):
            (folder / program).write_text(STAND_IN)
            (folder / program).chmod(0o755)
        (folder / "bin/nvidia-smi").write_text("#!/bin/sh\necho 'H200, 570.1'\n")
        self.log, self.rows = folder / "log", folder / "build/bench/on_gpu.txt"

    def start(self, *steps: str, **variables: str) -> subprocess.Popen[str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        settings = {"PYTHON": str(self.folder / "bin/python"), "LOG": str(self.log), "PATH": path, **variables}
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_SECONDS")}
        command = ["bash", "benchmarks/on_gpu.sh", *steps]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            command, cwd=self.folder, env={**environment, **settings}, text=True, **pipes
        )

    def run(self, *steps: str, **variables: str) -> tuple[int, str]:
        with self.start(*steps, **variables) as process:
            said = process.communicate(timeout=60)[0]
        return process.returncode, said

    def read_rows(self) -> list[tuple[str, str]]:
        """(state, step) of all rows."""
        lines = self.rows.read_text().splitlines()
        return [(line[:8].strip(), line[9:43].strip()) for line in lines]

    def count_commands(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_all_steps_in_the_order_of_their_worth(machine: Machine) -> None:
    status, said = machine.run()
    assert machine.read_rows() == [("passed", name) for name in ORDER], said
    assert status == 0 and "H200, 570.1; at most 720 s" in said


def test_a_second_run_goes_on_where_the_first_one_was(machine: Machine) -> None:
    machine.run(RULES="gpu_serving=exit_3")
    assert [name for state, name in machine.read_rows() if state == "FAILED"] == ["serving"]
    before = machine.count_commands()
    status, said = machine.run()
    assert status == 0 and machine.count_commands() == before + 1
    assert "kept     build: it has passed" in said and machine.read_rows()[-1] == ("passed", "serving")


def test_what_is_named_runs_again(machine: Machine) -> None:
    machine.run()
    before = machine.count_commands()
    machine.run("kernels", "sanitize")
    assert machine.count_commands() == before + 2


@pytest.mark.parametrize("changed", ["plugins/kernel.cu", "models/hybrid.onnx", "build/hybrid-fp16.engine.json"])
def test_what_is_not_of_these_sources_runs_again(machine: Machine, changed: str) -> None:
    machine.run()
    before = machine.count_commands()
    path = machine.folder / changed
    path.unlink() if changed.startswith("build") else path.write_text("other")
    machine.run()
    assert machine.count_commands() - before == (1 if changed.startswith("build") else before)


def test_the_budget_stops_in_time(machine: Machine) -> None:
    """The step that it ends in is stopped, later ones are not begun, and a run with a new budget goes on."""
    began = time.monotonic()
    status, said = machine.run(RULES="test_gpu_kernels=sleep_50", BUDGET_SECONDS="12")
    assert time.monotonic() - began < 20 and status == 1
    rows = {name: state for state, name in machine.read_rows()}
    assert rows["build"] == "passed" and rows["kernels"] == "FAILED"
    assert {rows[name] for name in ("labels", "serving", "overhead")} & {"passed"} == set(), said
    assert "all that was left" in said and " of 12 s are left" in said
    assert machine.run()[0] == 0
    assert [name for state, name in machine.read_rows() if state == "passed"] == ["build", *ORDER[1:]]


def test_a_step_has_its_own_limit(machine: Machine) -> None:
    status, said = machine.run(RULES="test_gpu_kernels=sleep_50", STEP_SECONDS="1")
    assert status == 1 and "over its time of 1 s" in said
    assert [row for row in machine.read_rows() if row[0] != "passed"] == [("FAILED", "kernels")]


def test_a_killed_run_keeps_its_rows(machine: Machine) -> None:
    process = machine.start(RULES="onnx_labels=sleep_51")
    deadline = time.monotonic() + 30
    while (
        "onnx_labels" not in (machine.log.read_text() if machine.log.exists() else "") and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 143, said
    assert machine.read_rows() == [("passed", "build"), ("passed", "kernels"), ("FAILED", "labels")]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 51" not in listed.splitlines(), "what it had started ends with it"


def test_what_cannot_run_here_is_no_failure(machine: Machine) -> None:
    status, said = machine.run(LACKING="tensorrt onnxruntime")
    states = {name: state for state, name in machine.read_rows()}
    assert status == 0, said
    assert {name for name, state in states.items() if state == "not run"} == {
        "labels",
        "make_engines",
        "serving",
        "engines",
        "load",
    }
    assert "no interpreter has all of: tensorrt pycuda" in said


def test_a_sanitizer_that_is_refused(machine: Machine) -> None:
    text = "#!/bin/sh\necho 'compute-sanitizer refuses this machine: Device not supported'\nexit 77\n"
    (machine.folder / "plugins/sanitize.sh").write_text(text)
    status, said = machine.run("sanitize")
    assert status == 0 and machine.read_rows() == [("not run", "sanitize")]
    assert machine.rows.read_text().endswith("refuses this machine: Device not supported\n"), said


def test_no_such_step(machine: Machine) -> None:
    status, said = machine.run("bench", "kernel")
    assert status == 2 and said.startswith("kernel is no step: build kernels labels")
    assert machine.count_commands() == 0


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("========= Error: Device not supported. Please refer to the documentation", 77),
        ("========= Invalid __global__ read\n========= ERROR SUMMARY: 1 error", 1),
        ("Segmentation fault", 1),
    ],
)
def test_how_the_sanitizer_is_told_to_be_refused(tmp_path: Path, output: str, status: int) -> None:
    (tmp_path / "compute-sanitizer").write_text(f"#!/bin/sh\nprintf '{output}\\n'\nexit 9\n")
    (tmp_path / "compute-sanitizer").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(ROOT / "plugins/sanitize.sh")], env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert ("refuses this machine: ========= Error: Device not supported" in done.stderr) == (status == 77)
