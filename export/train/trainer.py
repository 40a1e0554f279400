"""The training loop: epochs, the choice of the best checkpoint, and a state that can be put aside after any step."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any, Optional

import numpy as np
from torch import Tensor, from_numpy, zeros
from torch import float64 as torch_float64
from tqdm import tqdm

from export.train.augment import draw
from export.train.batches import Batches
from export.train.loss import Teacher
from export.train.options import Options
from export.train.state import RunFolder, TrainingError, save_state, write_log
from export.train.stop_signals import Interrupted, Interruption
from export.train.training_step import Learner, count_correct

Row = list[Optional[float]]  # in the order of training_state.COLUMNS


@dataclass
class Position:
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
        self.steps = (
            len(self.train) // self.batch_size
        )  # every batch is whole; the rest of a shuffled epoch is left out
        self.learner = Learner(options, classes, self.steps, batches.device, teacher)
        self.position = Position()
        self.rows: list[Row] = []
        self.best = -1.0
        self.saved = time.perf_counter()

    def load_state(self, state: dict[str, Any]) -> None:
        self.position, self.rows, self.best = Position(**state["position"]), state["rows"], state["best"]
        self.learner.load_state(state["learner"])

    def save(self) -> None:
        progress = {"position": asdict(self.position), "rows": self.rows, "best": self.best}
        save_state(self.folder.last, {**self.identity, **progress, "learner": self.learner.state()})
        write_log(self.folder.log, self.rows)
        self.saved = time.perf_counter()

    def due(self) -> bool:
        return time.perf_counter() - self.saved >= self.options.save_every * 60

    def run(self, interruption: Interruption) -> None:
        """Train until the last epoch is done.

        Raises Interrupted, with everything saved, where the interruption was requested, and TrainingError where the
        loss is no longer a number. Between epochs, too, the state is saved only as often as the options say.
        """
        while self.position.epoch < self.options.epochs:
            self._run_epoch(interruption)
            self._finish_epoch()
            stop, last = interruption.requested, self.position.epoch == self.options.epochs
            if stop or last or self.due():
                self.save()
            if stop and not last:
                raise Interrupted(interruption.status)

    def _run_epoch(self, interruption: Interruption) -> None:
        options, position, batch = self.options, self.position, self.batch_size
        order, draws = self._plan(position.epoch)
        rates = self.learner.rates(position.epoch)
        sums = zeros(2, dtype=torch_float64, device=self.batches.device)
        sums += sums.new_tensor([position.loss, position.correct])
        begin = time.perf_counter() - position.seconds
        title = f"epoch {position.epoch + 1}/{options.epochs}"
        with tqdm(total=self.steps, initial=position.step, desc=title, unit="batch", leave=False, disable=None) as bar:
            while position.step < self.steps:
                step = position.step
                chosen = slice(step * batch, (step + 1) * batch)
                sums += self.learner.learn(*self.batches.batch(order[chosen]), draws[chosen], rates[step])
                position.step += 1
                bar.update()
                stop, due, end = interruption.requested, self.due(), position.step == self.steps
                if due or stop or end:
                    self._take_stock(sums, time.perf_counter() - begin)
                if stop or (due and not end):
                    self.save()
                if stop:
                    raise Interrupted(interruption.status)

    def _plan(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Which images an epoch takes, in which order, and their random numbers, on the devices that want them."""
        seed, batches = self.options.seed, self.batches
        order = np.random.default_rng((seed, 1, epoch)).permutation(self.train)
        draws = draw(len(order), self.options.image_size, np.random.default_rng((seed, 3, epoch)))
        return from_numpy(order).to(batches.home), draws.to(batches.device)

    def _take_stock(self, sums: Tensor, seconds: float) -> None:
        """Bring the sums over from the device, which waits for it. Raises TrainingError where the loss is no number."""
        position = self.position
        loss, correct = sums.tolist()
        position.loss, position.correct, position.seconds = loss, round(correct), seconds
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is no longer a number in epoch {position.epoch + 1}, at step {position.step}: "
                f"start again with --overwrite and a lower --lr than {self.options.lr:g}"
            )

    def _finish_epoch(self) -> None:
        position, begin = self.position, time.perf_counter()
        self.learner.calibrate(self.batches, self.train)
        accuracy = self._heldout_accuracy()
        if accuracy is None or accuracy >= self.best:  # of equals the later: the learning rate was lower
            self.best = -1.0 if accuracy is None else accuracy
            best = {"model": self.learner.judged_model().state_dict(), "epoch": position.epoch + 1}
            save_state(self.folder.best, {**best, "heldout_accuracy": accuracy})
        images, rate = self.steps * self.batch_size, self.learner.rate(position.epoch, self.steps - 1)
        seconds = position.seconds + time.perf_counter() - begin
        row: Row = [position.epoch + 1, rate, position.loss / images, position.correct / images, accuracy, seconds]
        self.rows.append(row)
        self.position = Position(epoch=position.epoch + 1)
        write_log(self.folder.log, self.rows)
        tqdm.write(describe(row, self.options.epochs))

    def _heldout_accuracy(self) -> float | None:
        if not len(self.held_out):
            return None
        with self.learner.autocast():
            return count_correct(self.learner.judged_model(), self.batches, self.held_out) / len(self.held_out)


def describe(row: Row, epochs: int) -> str:
    epoch, rate, loss, accuracy, held_out, seconds = row
    judged = "" if held_out is None else f", held out {held_out:.2%}"
    return f"epoch {epoch}/{epochs}: loss {loss:.4f}, train {accuracy:.2%}{judged}, rate {rate:.3g}, {seconds:.1f} s"
