"""The training loop: epochs, the choice of the best checkpoint, and a state that can be saved after any step."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any, Optional

import numpy as np
from torch import Tensor, cuda, from_numpy, zeros
from torch import float64 as torch_float64
from tqdm import tqdm

from export.train.augment import draw_random_numbers
from export.train.batches import Batches
from export.train.loss import Teacher
from export.train.options import Options
from export.train.state import RunFolder, TrainingError, save_state, write_log
from export.train.stop_signals import StopRequested, StopSignals
from export.train.time_estimate import TimeEstimate
from export.train.training_step import CALIBRATION_IMAGES, TrainingStep, count_correct

Row = list[Optional[float]]  # in the order of state.COLUMNS


@dataclass
class RunProgress:
    """How far a run is: whole epochs, steps of the current one, and that one's sums so far."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0


class Trainer:
    """One run. `train` and `held_out` are positions within `batches`; `identity` goes into every saved state."""

    def __init__(
        self,
        options: Options,
        batches: Batches,
        split: tuple[np.ndarray, np.ndarray],
        classes: int,
        folder: RunFolder,
        identity: dict[str, Any],
        teacher: Teacher | None = None,
    ) -> None:
        self.options, self.batches, self.folder, self.identity = options, batches, folder, identity
        self.train, self.held_out = split
        self.batch_size = min(options.batch_size, len(self.train))
        # Every batch is whole: the rest of a shuffled epoch is left out.
        self.steps = len(self.train) // self.batch_size
        self.training_step = TrainingStep(options, classes, self.steps, batches.device, teacher)
        self.progress = RunProgress()
        self.rows: list[Row] = []
        self.best = -1.0
        self.saved = time.perf_counter()
        self.estimate = TimeEstimate(self._synchronise)

    @property
    def epochs(self) -> int:
        """All that the run has, those of every phase."""
        return sum(self.training_step.phases)

    def load_state(self, state: dict[str, Any]) -> None:
        self.progress, self.rows, self.best = RunProgress(**state["position"]), state["rows"], state["best"]
        self.training_step.load_state_dict(state["learner"])
        self.training_step.phases = list(state.get("phases", self.training_step.phases))

    def save(self) -> None:
        # The keys are part of the file's format: states saved by earlier versions have them.
        run = {"position": asdict(self.progress), "rows": self.rows, "best": self.best}
        if len(self.training_step.phases) > 1:
            run["phases"] = self.training_step.phases
        save_state(self.folder.last, {**self.identity, **run, "learner": self.training_step.state_dict()})
        write_log(self.folder.log, self.rows)
        self.saved = time.perf_counter()

    @property
    def is_save_due(self) -> bool:
        return time.perf_counter() - self.saved >= self.options.save_every * 60

    def run(self, stop_signals: StopSignals) -> None:
        """Train until the last epoch is done.

        Raises StopRequested, with everything saved, where a stop was requested, and TrainingError where the loss is no
        longer a number. Between epochs, too, the state is saved only as often as the options say.
        """
        while self.progress.epoch < self.epochs:
            self._run_epoch(stop_signals)
            self._finish_epoch()
            stop, last = stop_signals.stop_requested, self.progress.epoch == self.epochs
            if stop or last or self.is_save_due:
                self.save()
            if stop and not last:
                raise StopRequested(stop_signals.exit_status)

    def _run_epoch(self, stop_signals: StopSignals) -> None:
        progress, batch = self.progress, self.batch_size
        order, draws = self._plan_epoch(progress.epoch)
        rates = self.training_step.step_rates(progress.epoch)
        sums = zeros(2, dtype=torch_float64, device=self.batches.device)
        sums += sums.new_tensor([progress.loss, progress.correct])
        begin = time.perf_counter() - progress.seconds
        title = f"epoch {progress.epoch + 1}/{self.epochs}"
        with tqdm(total=self.steps, initial=progress.step, desc=title, unit="batch", leave=False, disable=None) as bar:
            while progress.step < self.steps:
                step = progress.step
                chosen = slice(step * batch, (step + 1) * batch)
                sums += self.training_step.update(*self.batches.get_batch(order[chosen]), draws[chosen], rates[step])
                progress.step += 1
                bar.update()
                self._tell_time()
                stop, due, end = stop_signals.stop_requested, self.is_save_due, progress.step == self.steps
                if due or stop or end:
                    self._fetch_sums(sums, time.perf_counter() - begin)
                if stop or (due and not end):
                    self.save()
                if stop:
                    raise StopRequested(stop_signals.exit_status)

    def _tell_time(self) -> None:
        epochs = self.epochs - self.progress.epoch
        measured = min(len(self.train), CALIBRATION_IMAGES) + len(self.held_out)
        forward_passes = epochs * measured / self.batch_size
        told = self.estimate.note_step(epochs * self.steps - self.progress.step, forward_passes)
        if told:
            tqdm.write(f"{told} for {epochs} epoch{'s' if epochs > 1 else ''}")

    def _synchronise(self) -> None:
        if self.batches.device.type == "cuda":
            cuda.synchronize(self.batches.device)

    def _plan_epoch(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Which images an epoch takes, in which order, and their random numbers, on the devices that read them."""
        seed, batches = self.options.seed, self.batches
        order = np.random.default_rng((seed, 1, epoch)).permutation(self.train)
        draws = draw_random_numbers(len(order), self.options.image_size, np.random.default_rng((seed, 3, epoch)))
        return from_numpy(order).to(batches.image_device), draws.to(batches.device)

    def _fetch_sums(self, sums: Tensor, seconds: float) -> None:
        """Copy the sums from the device, which waits for it. Raises TrainingError where the loss is no number."""
        progress = self.progress
        loss, correct = sums.tolist()
        progress.loss, progress.correct, progress.seconds = loss, round(correct), seconds
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is no longer a number in epoch {progress.epoch + 1}, at step {progress.step}: "
                f"start again with --overwrite and a lower --lr than {self.options.lr:g}"
            )

    def _finish_epoch(self) -> None:
        progress, begin = self.progress, time.perf_counter()
        self.training_step.recalibrate_batchnorm(self.batches, self.train)
        accuracy = self._measure_heldout_accuracy()
        if accuracy is None or is_as_good(accuracy, self.best, len(self.held_out)):
            best = {"model": self.training_step.evaluated_model.state_dict(), "epoch": progress.epoch + 1}
            save_state(self.folder.best, {**best, "heldout_accuracy": accuracy})
        self.best = max(self.best, accuracy or 0.0)
        images, rate = self.steps * self.batch_size, self.training_step.learning_rate(progress.epoch, self.steps - 1)
        seconds = progress.seconds + time.perf_counter() - begin
        row: Row = [progress.epoch + 1, rate, progress.loss / images, progress.correct / images, accuracy, seconds]
        self.rows.append(row)
        self.progress = RunProgress(epoch=progress.epoch + 1)
        write_log(self.folder.log, self.rows)
        tqdm.write(describe_epoch(row, self.epochs))

    def _measure_heldout_accuracy(self) -> float | None:
        if not len(self.held_out):
            return None
        with self.training_step.autocast():
            return count_correct(self.training_step.evaluated_model, self.batches, self.held_out) / len(self.held_out)


def is_as_good(accuracy: float, best: float, images: int) -> bool:
    """Whether a later epoch is kept in place of the best so far: within one standard error of so many held-out images.

    A difference below that is noise, and the rate was lower in the later epoch (the one-standard-error rule of
    Breiman et al., Classification and Regression Trees, 1984, section 3.4.3, which takes the simpler tree). With one
    more image right and one more wrong the error of 0 and 1 is not 0 (Laplace's rule).
    """
    share = (max(best, 0.0) * images + 1) / (images + 2)
    return accuracy >= best - math.sqrt(share * (1 - share) / images)


def describe_epoch(row: Row, epochs: int) -> str:
    epoch, rate, loss, accuracy, held_out, seconds = row
    judged = "" if held_out is None else f", held out {held_out:.2%}"
    return f"epoch {epoch}/{epochs}: loss {loss:.4f}, train {accuracy:.2%}{judged}, rate {rate:.3g}, {seconds:.1f} s"
