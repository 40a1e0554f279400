"""The loop of a transfer: epochs over the views, each image once an epoch in one of its views; saved after any step."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from export.train.state import RunFolder, TrainingError, save_state, write_log
from export.train.stop_signals import StopRequested, StopSignals
from export.train.time_estimate import describe_duration
from export.train.trainer import Row, RunProgress, describe_epoch
from export.transfer.tail_step import TailOptions, TailStep, count_steps
from export.transfer.view_store import ViewStore

EVALUATION_BATCH = 256
CALIBRATION_IMAGES = 2048  # that BatchNorm's statistics are measured on (TrainingStep.recalibrate_batchnorm says why)


class TailTrainer:
    """`class_ids` (images,) of the store's images; `held_out` features float16 and class ids of those only measured."""

    def __init__(
        self,
        model: nn.Module,
        options: TailOptions,
        epochs: int,
        store: ViewStore,
        class_ids: np.ndarray,
        held_out: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ) -> None:
        self.options, self.epochs, self.store, self.device = options, epochs, store, device
        self.class_ids, self.held_out = torch.from_numpy(class_ids), held_out
        self.steps = count_steps(len(class_ids), options)
        self.step = TailStep(model, options, self.steps * epochs)
        self.progress = RunProgress()
        self.rows: list[Row] = []

    def load_state(self, state: dict[str, Any]) -> None:
        self.progress, self.rows = RunProgress(**state["position"]), state["rows"]
        self.step.load_state_dict(state["learner"])

    def save(self, folder: RunFolder, identity: dict[str, Any]) -> None:
        run = {"position": asdict(self.progress), "rows": self.rows, "epochs": self.epochs}
        run["views"] = self.store.shape.views
        save_state(folder.last, {**identity, **run, "learner": self.step.state_dict()})
        write_log(folder.log, self.rows)

    def get_batch(self, views: np.ndarray, images: np.ndarray) -> tuple[Tensor, Tensor, Optional[Tensor]]:
        """Features, class ids and the teacher's logits of one view of each of these images."""
        features = torch.from_numpy(self.store.features[views, images]).to(self.device).float()
        logits = self.store.logits
        answers = None if logits is None else torch.from_numpy(logits[views, images]).to(self.device)
        return features, self.class_ids[torch.from_numpy(images)].to(self.device), answers

    def plan_epoch(self, epoch: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Which view of which image, in batches."""
        images, seed = len(self.class_ids), self.options.seed
        order = np.random.default_rng((seed, 1, epoch)).permutation(images)
        views = np.random.default_rng((seed, 5, epoch)).integers(0, self.store.shape.views, images)
        return np.array_split(views, self.steps), np.array_split(order, self.steps)

    def run(self, folder: RunFolder, identity: dict[str, Any], save_every: float, stop_signals: StopSignals) -> None:
        """Train until the last epoch is done, saving every so many minutes.

        Raises StopRequested, with everything saved, where a stop was requested, and TrainingError where the loss is no
        longer a number.
        """
        saved = begin = time.perf_counter()
        first = self.progress.epoch
        while self.progress.epoch < self.epochs:
            for _ in self._run_epoch():
                stop, due = stop_signals.stop_requested, time.perf_counter() - saved >= 60 * save_every
                if stop or due:
                    self.save(folder, identity)
                    saved = time.perf_counter()
                if stop:
                    raise StopRequested(stop_signals.exit_status)
            done, left = self.progress.epoch - first, self.epochs - self.progress.epoch
            about = describe_duration((time.perf_counter() - begin) / done * left)
            tqdm.write(describe_epoch(self.rows[-1], self.epochs) + (f"; about {about} to go" if left else ""))
        self.save(folder, identity)

    def _run_epoch(self) -> Any:
        """Yields after each step, when everything can be saved; the last one ends the epoch."""
        progress, options = self.progress, self.options
        views, images = self.plan_epoch(progress.epoch)
        begin = time.perf_counter() - progress.seconds
        title = f"epoch {progress.epoch + 1}/{self.epochs}"
        with tqdm(total=self.steps, initial=progress.step, desc=title, unit="batch", leave=False, disable=None) as bar:
            while progress.step < self.steps:
                batch = self.get_batch(views[progress.step], images[progress.step])
                loss, right = self.step.update(progress.epoch * self.steps + progress.step, *batch).tolist()
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the loss is no longer a number in epoch {progress.epoch + 1}, at step {progress.step + 1}: "
                        f"start again with --overwrite and a lower --lr than {options.lr:g}"
                    )
                progress.loss, progress.correct = progress.loss + loss, progress.correct + round(right)
                progress.step, progress.seconds = progress.step + 1, time.perf_counter() - begin
                bar.update()
                if progress.step < self.steps:
                    yield
        self._finish_epoch(begin)
        yield

    def _finish_epoch(self, begin: float) -> None:
        progress, images = self.progress, len(self.class_ids)
        self.recalibrate_batchnorm()
        rate, accuracy = self.step.rate((progress.epoch + 1) * self.steps - 1), self._measure_heldout_accuracy()
        row: Row = [progress.epoch + 1, rate, progress.loss / images, progress.correct / images, accuracy]
        self.rows.append([*row, time.perf_counter() - begin])
        self.progress = RunProgress(epoch=progress.epoch + 1)

    def recalibrate_batchnorm(self) -> None:
        """Measure the statistics of the tail's BatchNorms anew, with the present weights, on views of some images."""
        random = np.random.default_rng((self.options.seed, 2))
        chosen = random.permutation(len(self.class_ids))[:CALIBRATION_IMAGES]
        views = random.integers(0, self.store.shape.views, len(chosen))
        count = -(-len(chosen) // EVALUATION_BATCH)
        parts = zip(np.array_split(views, count), np.array_split(chosen, count))
        update_bn((self.get_batch(*part)[0] for part in parts), self.step.average_tail)

    @torch.inference_mode()
    def _measure_heldout_accuracy(self) -> float | None:
        features, class_ids = self.held_out
        if not len(class_ids):
            return None
        self.step.average_tail.eval()
        right = 0
        for start in range(0, len(class_ids), EVALUATION_BATCH):
            part = torch.from_numpy(features[start : start + EVALUATION_BATCH]).to(self.device).float()
            answers = self.step.average_tail(part).argmax(1).cpu().numpy()
            right += int((answers == class_ids[start : start + EVALUATION_BATCH]).sum())
        return right / len(class_ids)
