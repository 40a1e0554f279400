"""Augmented views of the training images as the tail sees them: features of the frozen front, and teacher logits.

View v of an image is drawn from (seed, v), not from a generator's state: what is computed anew after an interruption
is what it was.
"""

from __future__ import annotations

import time
from typing import Callable, Optional

import numpy as np
import torch
from torch import Tensor

from export.train.augment import augment, draw_random_numbers
from export.train.batches import Batches
from export.train.stop_signals import StopRequested, StopSignals
from export.train.time_estimate import describe_duration
from export.transfer.view_store import StoreShape, ViewStore

CHUNK = 128  # images at a time
CHUNKS_A_SAVE = 32
TOLD_EVERY = 30.0  # seconds

Answer = Callable[[Tensor, Tensor], Tensor]  # images, their features -> the teacher's answers (tail_start.py)


class ViewMaker:
    """Makes views of the images of `batches` at `positions`, through the frozen `front`; `teacher` answers them."""

    def __init__(
        self,
        front: Callable[[Tensor], Tensor],
        teacher: Optional[Answer],
        batches: Batches,
        positions: np.ndarray,
        kind: str,
        cutout: int,
        seed: int,
        first_view: int = 0,
    ) -> None:
        self.front, self.teacher, self.batches, self.positions = front, teacher, batches, positions
        self.kind, self.cutout, self.seed, self.first_view = kind, cutout, seed, first_view

    @torch.inference_mode()
    def measure_shape(self, views: int) -> StoreShape:
        """What `views` views of every image take. Of a teacher's logits there are as many as it gives."""
        images, _ = self.batches.get_batch(self.positions[:1])
        features = self._see(images)
        classes = self.teacher(images, features).shape[1] if self.teacher else 0
        return StoreShape(views, len(self.positions), tuple(features.shape[1:]), classes)

    @torch.inference_mode()
    def see(self, positions: np.ndarray) -> np.ndarray:
        """Features float16 of images as they are."""
        batches = [self._see(images).half() for images, _ in self.batches.iterate(positions, CHUNK)]
        return torch.cat(batches).cpu().numpy() if batches else np.zeros((0, 1, 1, 1), np.float16)

    def _see(self, images: Tensor) -> Tensor:
        return self.front(images.contiguous(memory_format=torch.channels_last))

    def fill(self, store: ViewStore, stop_signals: StopSignals) -> None:
        """Compute what the store does not have yet; says how long it takes. Raises StopRequested, with the rest kept.

        The teacher answers the features as they are kept, rounded to float16, as the student will see them.
        """
        chunks = -(-len(self.positions) // CHUNK)
        total, first, begin = store.shape.views * chunks, store.done, time.perf_counter()
        told = begin
        for number in range(first, total):
            self._fill_chunk(store, number // chunks, number % chunks * CHUNK)
            now, done = time.perf_counter(), number + 1
            if done == total or done % CHUNKS_A_SAVE == 0 or stop_signals.stop_requested:
                store.note_done(done)
            if stop_signals.stop_requested and done < total:
                raise StopRequested(stop_signals.exit_status)
            if now - told > TOLD_EVERY:
                left = (now - begin) / (done - first) * (total - done)
                print(f"features: {done / total:.0%}, about {describe_duration(left)} to go", flush=True)
                told = now

    @torch.inference_mode()
    def _fill_chunk(self, store: ViewStore, view: int, start: int) -> None:
        place = slice(start, start + CHUNK)
        images, _ = self.batches.get_batch(self.positions[place])
        size = images.shape[-1]
        # Drawn for all images, so that a chunk's size changes nothing.
        random = np.random.default_rng((self.seed, 3, self.first_view + view))
        draws = draw_random_numbers(len(self.positions), size, random)[place]
        images = augment(images, draws.to(images.device), self.kind, self.cutout)
        features = self._see(images).half()
        store.features[view, place] = features.cpu().numpy()
        if store.logits is not None and self.teacher is not None:
            store.logits[view, place] = self.teacher(images, features.float()).float().cpu().numpy()
