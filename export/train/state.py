"""The state of a training run on disk: BUILD/NAME/last.pt, best.pt and log.csv.

A state holds only tensors and plain values and is read with torch's weights-only loader, never as an open pickle.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from server.files import write_atomically

FORMAT = 2
COLUMNS = ("epoch", "learning_rate", "train_loss", "train_accuracy", "heldout_accuracy", "seconds")


class TrainingError(Exception):
    """Why a run cannot start, go on or be resumed, and the cure. The command line prints it and exits with status 1."""


@dataclass(frozen=True)
class RunFolder:
    """The files of the run called `name` below the folder `build`."""

    build: Path
    name: str

    @property
    def artefact(self) -> Path:
        return self.build / f"{self.name}.safetensors"

    @property
    def last(self) -> Path:
        return self.build / self.name / "last.pt"

    @property
    def best(self) -> Path:
        return self.build / self.name / "best.pt"

    @property
    def log(self) -> Path:
        return self.build / self.name / "log.csv"

    @property
    def config(self) -> Path:
        return self.build / self.name / "config.json"

    def clear(self) -> None:
        """Forget a run: its state, not what a finished one made."""
        for path in (self.last, self.best, self.log, self.config):
            path.unlink(missing_ok=True)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Atomic: a run killed while saving leaves the state before."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Raises TrainingError where the file is no state of this format."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever a broken file happens to provoke
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path} cannot be read ({reason}): --overwrite starts the run afresh") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is no training state of this version: --overwrite starts the run afresh")
    return state


def extend_run(folder: RunFolder, state: dict[str, Any] | None, more: int) -> dict[str, Any]:
    """The state of a finished run, made one that has `more` epochs to come; nothing is written.

    A run that was interrupted on the way there goes on as it is. Raises TrainingError where there is none to extend.
    """
    if state is None:
        raise TrainingError(
            f"{folder.last} is not there: --more-epochs goes on from the state that a finished run leaves in its folder"
        )
    phases = state.get("phases", [])
    if state.get("finished"):
        return {**state, "finished": False, "phases": [*(phases or [state["options"]["epochs"]]), more]}
    if len(phases) < 2:
        raise TrainingError(f"{folder.last} is not finished: the command without --more-epochs goes on with it")
    if phases[-1] != more:
        raise TrainingError(f"{folder.last} is at its --more-epochs {phases[-1]}: finish these before giving it {more}")
    return state


def check_same_run(path: Path, saved_state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raises TrainingError naming the options, or the data, in which a resumed run differs from the saved one.

    Both hold `options`, a dictionary of plain values, and `data_sha256`.
    """
    saved, options = saved_state["options"], identity["options"]
    different = [
        f"--{key.replace('_', '-')} was {saved.get(key)}, is {options.get(key)}"
        for key in sorted({*saved, *options})
        if saved.get(key) != options.get(key)
    ]
    if saved_state["data_sha256"] != identity["data_sha256"]:
        different.append("--data holds other images, names or classes than before")
    if different:
        raise TrainingError(
            f"{path} belongs to a run with other options: {'; '.join(different)}. "
            "Give the same ones to continue it, another --name to keep it, or --overwrite to start afresh"
        )


def write_log(path: Path, rows: list[list[float | None]]) -> None:
    """One row an epoch, written whole each time, so that a resumed run repeats none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row[0], *("" if value is None else f"{value:.6g}" for value in row[1:])] for row in rows)
    write_atomically(path, text.getvalue().encode())
