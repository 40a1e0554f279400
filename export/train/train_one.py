"""Train a model on your own images or on CIFAR-10: `python -m export.train --model MODEL --data DATA --name NAME`.

Makes BUILD/NAME.safetensors and its card BUILD/NAME.json. The folder BUILD/NAME holds the state of the run: last.pt,
best.pt, log.csv and config.json. The same command continues an interrupted run. The checkpoint is chosen on a held-out
part of the training images; the test images are read once, at the end.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import torch

from export.data.datasets import Dataset, load_dataset
from export.data.names import escape_unprintable_output
from export.models.initial_weights import read_initial_weights
from export.train.batches import Batches, choose_heldout, mean_and_std
from export.train.command import run_command
from export.train.describe_data import describe_data
from export.train.evaluation import evaluate_and_save
from export.train.kernels import describe_kernels
from export.train.loss import Teacher
from export.train.memory import keep_freed_memory
from export.train.options import Options, parse_options
from export.train.state import RunFolder, TrainingError, check_same_run, extend_run, load_state
from export.train.stop_signals import StopSignals
from export.train.trainer import Trainer
from server.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options, 75 time is up, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse_options(arguments)
    escape_unprintable_output()
    keep_freed_memory()

    def work() -> None:
        tell_of_shipped_name(options)
        try:
            train(options, shlex.join(["python", "-m", "export.train", *arguments]))
        except torch.cuda.OutOfMemoryError:
            raise TrainingError(
                f"the GPU's memory does not hold batches of {options.batch_size}: lower --batch-size"
            ) from None

    return run_command(work, again="the same command, without --overwrite,")


def train(options: Options, command: str, dataset: Dataset | None = None) -> None:
    """The whole run; `dataset` where it has been read already.

    Raises TrainingError, CheckpointError or ValueError with what is wrong, StopRequested where it was asked to stop.
    """
    stop_signals = StopSignals(options.seconds)
    device = choose_device(options)
    folder = RunFolder(options.build, options.name)
    state = start_or_resume(folder, options)
    if dataset is None:
        dataset = load_dataset(options.data, options.image_size, options.resize, options.skip_bad)
    split = choose_heldout(dataset, options.holdout, options.seed)
    print("\n".join(describe_data(dataset, split, options)), flush=True)
    computed_mean, computed_std = mean_and_std(dataset.train.images)
    initial = read_initial_weights(options.init) if options.init else None
    if initial is not None:
        computed_mean, computed_std = initial.mean, initial.std
    mean, std = list(options.mean or computed_mean), list(options.std or computed_std)
    preprocessing = {"size": options.image_size, "resize": options.resize, "colour": "RGB", "mean": mean, "std": std}
    teacher = Teacher(options.teacher, dataset.labels, mean, std) if options.teacher else None
    identity: dict[str, Any] = {
        "options": {
            **options.fixed_on_resume,
            "teacher": teacher and teacher.sha256,
            **({"init": initial.sha256} if initial else {}),
        },
        "data_sha256": dataset.sha256(),
    }
    if state is not None:
        check_same_run(folder.last, state, identity)
    batches = Batches(dataset.train, mean, std, device)
    trainer = Trainer(options, batches, split, len(dataset.labels), folder, identity, teacher)
    if initial is not None and state is None:
        print("\n".join(trainer.training_step.take_weights(initial, dataset.labels)), flush=True)
    kernels = describe_kernels(trainer.training_step.model, options, device)
    if kernels is not None:
        print(f"kernels: {kernels}")
    if state is None:
        folder.clear()  # not before this run is known to be possible: a mistyped option costs no old one
    else:
        trainer.load_state(state)
        print(f"{folder.last}: goes on at epoch {trainer.progress.epoch + 1}, step {trainer.progress.step + 1}")
    write_config(folder, options, dataset, command, kernels)
    with stop_signals:
        trainer.run(stop_signals)
    origin = {**(initial.origin if initial else {}), **({"teacher": teacher.origin} if teacher else {})}
    evaluate_and_save(trainer, dataset, preprocessing, command, origin)


def choose_device(options: Options) -> torch.device:
    """Raises TrainingError where the wanted device or precision is not to be had."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: torch sees no GPU here; check the driver, or train with --device cpu")
    device = torch.device("cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and options.precision == "fp16":
        raise TrainingError("--precision fp16 needs a GPU; on a CPU choose fp32 or bf16")
    if device.type == "cpu" and options.cuda_graph:
        raise TrainingError("--cuda-graph needs a GPU, and torch sees none here")
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    return device


def start_or_resume(folder: RunFolder, options: Options) -> dict[str, Any] | None:
    """The state to go on from, None for a fresh run. Raises TrainingError where that would overwrite a finished one."""
    if options.overwrite:
        return None
    state = load_state(folder.last) if folder.last.exists() else None
    if options.more_epochs:
        return extend_run(folder, state, options.more_epochs)
    if state is not None and not state.get("finished"):
        return state
    if folder.artefact.exists():
        raise TrainingError(
            f"{folder.artefact} is there already: choose another --name, or --overwrite it, "
            "or train it on with --more-epochs"
        )
    return None


def tell_of_shipped_name(options: Options) -> None:
    """Where a run takes a shipped model's name, which the server looks for in build/ first."""
    if (ROOT / "models" / f"{options.name}.safetensors").exists() and not options.more_epochs:
        print(
            f"note: the result is called {options.name}, as the model that is shipped, and is served in its place; "
            "--name (make: NAME=flowers) gives it a name of its own"
        )


def write_config(folder: RunFolder, options: Options, dataset: Dataset, command: str, kernels: Optional[str]) -> None:
    config = {
        "command": command,
        **{key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()},
        "dataset": dataset.description,
        "torch": torch.__version__,
        **({"kernels": kernels} if kernels else {}),
    }
    write_atomically(folder.config, (json.dumps(config, indent=2) + "\n").encode())
