"""The bulk classifier killed at random moments and started again: python -m benchmarks.serving.bulk_kills

100,000 images, some of them broken. Three times the run is killed (kill -9): its first process alone, whose others have
to notice; all of its processes; its first again. Before that, one of its workers, which it has to outlive. In the end
every image must have one row: the broken ones the reason, the others the label that the model gives when it is asked
without Ray.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator

from benchmarks.harness.process_tree import ProcessTree
from benchmarks.harness.result_files import write_result
from benchmarks.serving.bulk_images import write_images
from server.backends.choice import Choice
from server.models.model import load_model
from server.stage_times import StageTimes

MODEL = "fwht_mobilenet_v2"
BAD = 50  # of the images, cut in the middle
WORKER = b"ray::MapWorker"  # how Ray names a worker's process
GIVE_UP_S = 3600.0
IMAGE_S = 0.001  # about what a worker takes for one


@contextmanager
def start_run(images: Path, output: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run; nothing of it is left where this program ends before it, by Ctrl-C, say."""
    command = [sys.executable, "-m", "server.bulk", str(images), str(output), "--model", MODEL, "--json", *flags]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                kill(process, everything=True)


def count_parts(output: Path) -> int:
    return len(list(output.glob("part-*.parquet")))


def wait_for_parts(process: subprocess.Popen[bytes], output: Path, count: int) -> bool:
    """Whether there were so many before the run ended."""
    end = time.monotonic() + GIVE_UP_S
    while count_parts(output) < count and time.monotonic() < end:
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    return True


def kill(process: subprocess.Popen[bytes], everything: bool) -> None:
    """Kill the run's first process, or all that descend from it."""
    pids = ProcessTree(process.pid).list_pids() if everything else [process.pid]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()  # not for its children: the next run may begin while they are still there


def kill_worker(process: subprocess.Popen[bytes]) -> bool:
    """Whether there was one."""
    for pid in ProcessTree(process.pid).list_pids():
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(WORKER):
                os.kill(pid, signal.SIGKILL)
                return True
    return False


def break_images(images: Path, names: list[str], chance: random.Random, count: int) -> set[str]:
    """Cut some of the images in the middle; which."""
    bad = set(chance.sample(names, count))
    for name in bad:
        data = (images / name).read_bytes()
        (images / name).write_bytes(data[: len(data) // 2])
    return bad


def run_with_kills(images: Path, output: Path, kills: int, chance: random.Random, *flags: str) -> list[dict[str, Any]]:
    """Start and kill `kills` times, then let it end. Raises SystemExit where it ends badly."""
    total = -(-sum(1 for path in images.rglob("*") if path.is_file()) // read_part_size(flags))
    moments = sorted(chance.sample(range(1, total - 1), kills))  # parts that are done by then
    events = []
    for number, moment in enumerate(moments):
        with start_run(images, output, *flags) as process:
            if not wait_for_parts(process, output, moment):
                raise SystemExit(f"it ended before it could be killed: {process.communicate()[1].decode()}")
            lost_worker = number == 0 and kills > 1 and kill_worker(process)
            if lost_worker and not wait_for_parts(process, output, min(moment + 1, total)):
                raise SystemExit(f"it did not go on without a worker: {process.communicate()[1].decode()}")
            time.sleep(chance.random() * IMAGE_S * read_part_size(flags))  # else it always died at the end of a part
            kill(process, everything=number % 2 == 1)
        events.append({"parts": count_parts(output), "of": total, "worker": lost_worker, "everything": number % 2 == 1})
    return [*events, run(images, output, *flags)]


def run(images: Path, output: Path, *flags: str) -> dict[str, Any]:
    """Let it end; what it says. Raises SystemExit where it ends badly."""
    with start_run(images, output, *flags) as process:
        said, errors = process.communicate(timeout=GIVE_UP_S)
    if process.returncode:
        raise SystemExit(f"it ended with {process.returncode}: {errors.decode()}")
    found: dict[str, Any] = json.loads(said)
    return found


def read_part_size(flags: tuple[str, ...]) -> int:
    return int(flags[flags.index("--part") + 1]) if "--part" in flags else 1024


def find_problems(output: Path, images: Path, names: list[str], bad: set[str], sample: list[str]) -> list[str]:
    """What is wrong with the rows; `sample` is classified again, without Ray."""
    from pyarrow import parquet

    rows = {row["path"]: row for row in parquet.read_table(output).to_pylist()}
    counts = Counter(parquet.read_table(output, columns=["path"])["path"].to_pylist())
    wrong = [f"{name} has {counts[name]} rows" for name in names if counts[name] != 1]
    wrong += [f"{name} is no image" for name in set(counts) - set(names)]
    wrong += [f"{name} is bad and has no reason" for name in sorted(bad) if not rows.get(name, {}).get("error")]
    model = load_model(MODEL, Choice("onnxruntime", threads=1))
    for name in sorted(set(sample) - bad):
        (result,) = model.classify([(images / name).read_bytes()], 1, StageTimes())
        best, row = result["predictions"][0], rows.get(name, {})
        if row.get("error") or row.get("label") != best["label"] or abs(row["score"] - best["score"]) > 2e-6:
            wrong.append(f"{name} is {best}, its row says {row}")
    return wrong


def measure(count: int, kills: int, seed: int, *flags: str) -> dict[str, Any]:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        images, output = Path(folder) / "images", Path(folder) / "rows"
        names = write_images(images, count)
        bad = break_images(images, names, chance, min(BAD, count // 10))
        begun = time.monotonic()
        events = run_with_kills(images, output, kills, chance, *flags)
        seconds = time.monotonic() - begun
        wrong = find_problems(output, images, names, bad, chance.sample(names, min(1000, count)))
        again = run(images, output, *flags)
        if again["worked"] or again["left"]:
            wrong.append(f"started again it did something: {again}")
    return {"images": count, "bad": len(bad), "seconds": seconds, "events": events, "problems": wrong}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.bulk_kills", description="Bulk, killed and gone on."
    )
    parser.add_argument("--images", type=int, default=100_000, help="(100000)")
    parser.add_argument("--kills", type=int, default=3, help="(3)")
    parser.add_argument("--seed", type=int, default=7, help="of the moments (7)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/bulk_kills.json)")
    options = parser.parse_args()
    found = measure(options.images, options.kills, options.seed)
    print(json.dumps({**found, "problems": found["problems"][:10]}, indent=1))
    print(f"written: {write_result('bulk_kills', {**found, 'seed': options.seed}, options.out)}")
    if found["problems"]:
        raise SystemExit(f"{len(found['problems'])} problems")


if __name__ == "__main__":
    main()
