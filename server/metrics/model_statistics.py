"""How often a model was asked and where the time went, as Triton's statistics extension tells it."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Mapping

PARTS = {  # Triton's words for our stages
    "success": ("total",),
    "queue": ("queue",),
    "compute_input": ("decode", "preprocess"),
    "compute_infer": ("inference",),
    "compute_output": ("postprocess",),
}


class Duration:
    """A count and the sum of that many durations, in nanoseconds."""

    def __init__(self) -> None:
        self.count = 0
        self.ns = 0

    def add(self, milliseconds: float) -> None:
        self.count += 1
        self.ns += round(1e6 * milliseconds)

    def to_json(self) -> Dict[str, int]:
        return {"count": self.count, "ns": self.ns}


class ModelStatistics:
    """Sums since the server has started, kept when the model is reloaded. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts = {name: Duration() for name in (*PARTS, "fail", "cache_hit", "cache_miss")}
        self._runs: Dict[int, Duration] = {}
        self._images = 0
        self._last_ms = 0

    def add_success(self, images: int, timings_ms: Mapping[str, float]) -> None:
        """One request answered. timings_ms: milliseconds by stage, see StageTimes."""
        with self._lock:
            self._images += images
            self._last_ms = round(1000 * time.time())
            for part, stages in PARTS.items():
                self._parts[part].add(sum(timings_ms[stage] for stage in stages))

    def add_failure(self, milliseconds: float) -> None:
        """One request refused or failed, that long after its body was there."""
        with self._lock:
            self._last_ms = round(1000 * time.time())
            self._parts["fail"].add(milliseconds)

    def add_run(self, images: int, milliseconds: float) -> None:
        """One run of the engine, on the images of one or several requests."""
        with self._lock:
            self._runs.setdefault(images, Duration()).add(milliseconds)

    def to_json(self) -> Dict[str, Any]:
        with self._lock:
            runs = sorted(self._runs.items())
            return {
                "last_inference": self._last_ms,
                "inference_count": self._images,
                "execution_count": sum(run.count for _, run in runs),
                "inference_stats": {name: part.to_json() for name, part in self._parts.items()},
                "batch_stats": [
                    {
                        "batch_size": images,
                        "compute_input": Duration().to_json(),  # known of requests, not of runs
                        "compute_infer": run.to_json(),
                        "compute_output": Duration().to_json(),
                    }
                    for images, run in runs
                ],
            }
