"""What /metrics shows. Times are in seconds; names never hold an id or a layer, so the number of series stays small."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence, Tuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from .. import __version__
from ..models.model import Model
from .model_metrics import render_models
from .model_statistics import ModelStatistics

# A second series beside each counter and histogram, which nothing here needs.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Seconds. The default buckets of Prometheus begin at 5 ms, above most of what is measured here.
BUCKETS = (0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
NO_QUEUES: Mapping[str, int] = {}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The series of one app, in a registry of their own so that one process can hold several apps."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._statistics: Dict[str, ModelStatistics] = {}
        ProcessCollector(registry=registry)
        Gauge("fwht_build_info", "Version of the server.", ["version"], registry=registry).labels(__version__).set(1)
        self._requests = Counter(
            "fwht_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._durations = Histogram(
            "fwht_request_duration_seconds",
            "From the request's head to the end of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._errors = Counter("fwht_errors", "Requests answered with a problem.", ["reason"], registry=registry)
        self._stages = Histogram(
            "fwht_stage_duration_seconds",
            "Stages of a classified request, without its upload.",
            ["model", "stage"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._images = Counter("fwht_images", "Images classified.", ["model"], registry=registry)
        self._taken = Gauge("fwht_requests_in_progress", "Requests that upload, wait or compute.", registry=registry)
        self._batches = Histogram(
            "fwht_batch_size", "Images in one run of a model.", ["model"], buckets=BATCH_BUCKETS, registry=registry
        )
        self._depth = Gauge(
            "fwht_queue_depth", "Requests decoded and waiting for the model.", ["model"], registry=registry
        )
        self._depths: Dict[str, int] = {}  # last shown; that of a model which is gone stays, as 0
        # To find a series by its labels costs ten times as much as to count in it.
        self._answered: Dict[Tuple[str, str, int], Tuple[Counter, Histogram]] = {}
        self._stage_of: Dict[Tuple[str, str], Histogram] = {}

    def count_request(self, method: str, route: str, status: int, seconds: float, reason: Optional[str]) -> None:
        """Count one answer. route: the path's template; reason: the problem's, None for a good answer."""
        method = method if method in METHODS else "other"
        series = self._answered.get((method, route, status))
        if series is None:
            series = self._requests.labels(method, route, str(status)), self._durations.labels(route)
            self._answered[method, route, status] = series
        series[0].inc()
        series[1].observe(seconds)
        if reason:
            self.count_error(reason)

    def count_error(self, reason: str) -> None:
        """Count an error; the answers to what is no HTTP at all come here directly."""
        self._errors.labels(reason).inc()

    def get_statistics(self, model: str) -> ModelStatistics:
        """The sums behind Triton's statistics, kept by name so that they outlast a reload."""
        return self._statistics.get(model) or self._statistics.setdefault(model, ModelStatistics())

    def count_answer(self, model: str, images: int, timings_ms: Mapping[str, float]) -> None:
        """Count one request that was answered. timings_ms: see StageTimes.timings_ms."""
        self._images.labels(model).inc(images)
        self.get_statistics(model).add_success(images, timings_ms)
        for stage, milliseconds in timings_ms.items():
            series = self._stage_of.get((model, stage))
            if series is None:
                series = self._stage_of[model, stage] = self._stages.labels(model, stage)
            series.observe(milliseconds / 1000)

    def count_run(self, model: str, images: int, seconds: float) -> None:
        """Count one run of the engine, on the images of one or several requests."""
        self._batches.labels(model).observe(images)
        self.get_statistics(model).add_run(images, 1000 * seconds)

    def render(
        self, models: Sequence[Model], taken: int, depths: Mapping[str, int] = NO_QUEUES, layers: bool = False
    ) -> bytes:
        """The text format of Prometheus, of the state at this moment. taken: places. depths: of queues, by model."""
        self._taken.set(taken)
        self._depths = {**dict.fromkeys(self._depths, 0), **depths}
        for name, depth in self._depths.items():
            self._depth.labels(name).set(depth)
        return generate_latest(self.registry) + render_models(models, layers)
