"""`python -m server.layers` as a user runs it: measuring a small model, comparing files, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.layers import __main__ as layers
from server.layers import commands
from server.layers import rounds as layer_rounds
from server.layers.times import ENOUGH_ROUNDS

from . import trtexec_files as files
from .sides import item, report

ROOT = Path(__file__).resolve().parents[3]
FEW = ["--rounds", str(ENOUGH_ROUNDS), "--runs", "2"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves keep the processors busy: no round is measured again for that."""
    monkeypatch.setattr(layer_rounds, "MOST_OTHERS", 1.0)


def write(path: Path, values: object) -> str:
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return str(path)


def test_profile(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "new" / "folder"
    arguments = ["profile", str(tiny), *FEW, "--batch", "2", "--folder", str(made), "--export-model-explorer"]
    assert layers.main(arguments) == 0
    output, said = capsys.readouterr()
    assert "blocks.1.expand" in output and "FWHTLayer" in output and "medians of 10 runs in 5 rounds" in output
    stem = "tiny-onnxruntime-fp32-batch2"
    names = [f"{stem}.layers.json", f"{stem}.layers.svg", f"{stem}.model-explorer.json"]
    assert sorted(path.name for path in made.iterdir()) == names
    assert said.splitlines() == [f"written: {made / name}" for name in names]
    written = json.loads((made / names[0]).read_text(encoding="utf-8"))
    assert written["conditions"]["batch"] == 2 and written["rounds"] == ENOUGH_ROUNDS and written["schema"] == 1
    assert layers.main(["table", str(made / names[0])]) == 0
    assert capsys.readouterr().out == output
    chart = (made / names[1]).read_text(encoding="utf-8")
    assert layers.main(["chart", str(made / names[0]), "--out", str(tmp_path / "again.svg")]) == 0
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == chart
    nodes = set(json.loads((made / names[2]).read_text(encoding="utf-8"))["results"])
    assert {"stem", "blocks.1.expand", "blocks.1.depthwise"} <= nodes


def test_a_quick_look(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert layers.main(["profile", str(tiny), "--rounds", "1", "--folder", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"]
    assert (tmp_path / "tiny-onnxruntime-fp32.layers.svg").is_file()


def test_compare_a_model_with_itself(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How often noise alone is above a limit was measured (docs/layers.md); five rounds of two runs tell nothing of it,
    and 1000 % is beyond any."""
    stems = [f"tiny-onnxruntime-fp32-{side}" for side in "ab"]
    arguments = ["compare", f"{tiny},{tiny}:onnxruntime", *FEW, "--folder", str(tmp_path), "--fail-above", "1000%"]
    assert layers.main(arguments) == 0
    output = capsys.readouterr().out
    assert "measured in turns" in output and "0 only in A, 0 only in B" in output
    assert output.splitlines()[-1] == "within: nothing is certainly more than 1000% slower"
    found = json.loads((tmp_path / f"{stems[0]}-to-{stems[1]}.layer-diff.json").read_text(encoding="utf-8"))
    assert found["rounds_in_turns"] and not found["only_a"]
    assert [found[side]["label"] for side in "ab"] == [str(tiny), f"{tiny}:onnxruntime"]
    assert (tmp_path / f"{stems[0]}-to-{stems[1]}.layer-diff.svg").is_file()
    saved = [tmp_path / f"{stem}.layers.json" for stem in stems]
    assert saved[0].read_bytes() != saved[1].read_bytes(), "neither is written over the other"
    assert layers.main(["diff", str(saved[0]), str(saved[0]), "--fail-above", "0%"]) == 0


def test_as_many_images_as_are_named(tiny: Path, tmp_path: Path) -> None:
    images = [word for name in ("cat", "ship") for word in ("--image", str(ROOT / "tests" / "data" / f"{name}.jpg"))]
    assert layers.main(["profile", str(tiny), "--rounds", "1", *images, "--folder", str(tmp_path)]) == 0
    assert (tmp_path / "tiny-onnxruntime-fp32-batch2.layers.json").is_file()


def test_diff_says_by_its_status_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = files.profile_text(files.FUSED), files.profile_text(files.APART)
    a, b, chart = write(tmp_path / "a.json", fast), write(tmp_path / "b.json", slow), tmp_path / "chart.svg"
    assert layers.main(["diff", a, b, "--fail-above", "10%", "--chart", str(chart)]) == 1
    output, said = capsys.readouterr()
    assert chart.is_file()
    assert "\nabove: certainly more than 10% slower are all layers, " in output
    assert "all layers: A 0.065 ms, B 0.094 ms" in output and said == f"written: {chart}\n"
    assert layers.main(["diff", a, b, "--fail-above", "500%"]) == layers.main(["diff", a, b]) == 0
    assert layers.main(["diff", a, b, "--fail-above", "10%", "--spread", "90%"]) == 0
    capsys.readouterr()
    assert layers.main(["diff", a, b, "--fail-above", "10%", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["above"]


def test_noisy_times_are_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write(tmp_path / "a.json", report(item("stem", 1.0)))
    b = write(tmp_path / "b.json", report(item("stem", 2.0), conditions={"noisy": "the clock changed"}))
    assert layers.main(["diff", a, b, "--fail-above", "10%"]) == 2
    last = " ".join(capsys.readouterr().out.splitlines()[-2:])
    assert "not judged" in last and "the clock changed" in last and "measure again" in last
    assert layers.main(["diff", b, a, "--fail-above", "10%"]) == 0
    assert "NOISY: A: the clock changed" in capsys.readouterr().out


def test_layer_lists_and_files_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for version, rows in (("10", files.KERNELS), ("8", files.APART)):
        folder = tmp_path / version
        folder.mkdir()
        paths.append(write(folder / "profile.json", files.profile_text(rows)))
    listed = write(tmp_path / "layers.json", files.layers_text(files.KERNELS))
    assert layers.main(["diff", *paths, "--info-a", listed]) == 0
    output = capsys.readouterr().out
    assert all(path in output for path in paths) and "kgen" in output and "cannot be split" not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diff", "nowhere.json", "nowhere.json"], "error: nowhere.json cannot be read: No such file"),
        (["compare", "mobilenet_v2"], "two models are compared, and 'mobilenet_v2' names 1"),
        (["compare", "mobilenet_v2,nothing"], "there is no model 'nothing'"),
        (["compare", "mobilenet_v2,mobilenet_v2:fp16", "--rounds", "1", "--backend", "tensorrt"], "there is no engine"),
        (["profile", "nothing"], "there is no model 'nothing'"),
        (["profile", "--precision", "fp16", "--backend", "onnxruntime"], "in fp16, and would run in fp32: onnxruntime"),
        (["compare", "mobilenet_v2,mobilenet_v2:fp16"], "would run in fp32: there is no engine"),
        (["profile", "--image", "nowhere.jpg"], "the image nowhere.jpg cannot be read"),
        (["profile", "--image", __file__], "the file is not an image"),
        (["profile", "--folder", f"{__file__}/x"], "cannot be made (Not a directory): name one with --folder"),
        (["table", __file__], "is no JSON"),
        (["chart", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert layers.main(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == "" and said in errors and errors.startswith("error: ") and errors.count("\n") == 1
    assert not any(path.suffix for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["diff", "a.json"], "B.json"),
        (["diff", "a", "b", "--fail-above", "10"], "'10' must be a percentage, as 10%"),
        (["diff", "a", "b", "--fail-above", "nan%"], "'nan%' must be a percentage"),
        (["diff", "a", "b", "--fail-above=-1%"], "'-1%' must be a percentage"),
        (["profile", "--rounds", "3"], "'3' must be 1, or a whole number from 5"),
        (["profile", "--batch", "0"], "'0' must be a whole number from 1"),
        (["profile", "--runs", "many"], "'many' must be a whole number from 1"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        layers.main(arguments)
    assert caught.value.code == 2 and said in capsys.readouterr().err


def run(*arguments: str, pipe: str = "") -> subprocess.CompletedProcess[str]:
    command = f"set -o pipefail; {sys.executable} -m server.layers {' '.join(arguments)} {pipe}"
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_itself_and_a_reader_that_stops(tmp_path: Path) -> None:
    many = [(f"block.{i}.{'x' * 200}", 0.01) for i in range(2000)]
    a = write(tmp_path / "a.json", files.profile_text(many))
    b = write(tmp_path / "b.json", files.profile_text([(name, 2 * ms) for name, ms in many]))
    whole = run("diff", a, b, "--fail-above", "10%")
    assert whole.returncode == 1 and whole.stderr == "" and "2000 slower" in whole.stdout
    stopped = run("diff", a, b, "--fail-above", "10%", pipe="| head -1")
    assert stopped.returncode == 1 and stopped.stderr == ""


def test_names_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    a = write(tmp_path / "a.json", report(item("层 \ud800", nodes=["n"])))
    done = run("diff", a, a, "--chart", str(tmp_path / "c.svg"))
    assert done.returncode == 0 and done.stderr == f"written: {tmp_path / 'c.svg'}\n"


def test_no_torch_and_no_matplotlib_is_loaded() -> None:
    code = "import sys, server.layers; sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'export')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0


def test_an_engine_that_breaks_is_not_called_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own status for an error is the gate's for "slower"."""

    def breaks(*arguments: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(commands, "measure_rounds", breaks)
    assert layers.main(["compare", "mobilenet_v2,fwht_mobilenet_v2", "--fail-above", "10%"]) == 2
