"""What /metrics says of the models that are served at this moment."""

from __future__ import annotations

from typing import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..models.model import Model

READY = ("model", "version", "backend", "precision", "provider")
INFO = ("model", "version", "backend", "precision", "kernels", "sha256", "engine_sha256")


class ModelCollector(Collector):
    """Made for one answer, so that a model which was unloaded leaves no series behind."""

    def __init__(self, models: Sequence[Model], layers: bool) -> None:
        self._models = models
        self._layers = layers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ready = GaugeMetricFamily("fwht_model_ready", "1 where the model is served as it was asked for.", labels=READY)
        info = GaugeMetricFamily(
            "fwht_model_info",
            "1; kernels: what runs our ops; sha256: of the ONNX file; engine_sha256: of the engine.",
            labels=INFO,
        )
        for model in self._models:
            backend = model.backend
            known = [model.name, model.version, backend.name, backend.precision]
            ready.add_metric([*known, backend.provider], 0 if model.problem else 1)
            engine = model.engine.engine_sha256 if model.engine else ""
            info.add_metric([*known, backend.kernels or "", model.card.get("file_sha256", ""), engine], 1)
        yield ready
        yield info
        if self._layers:
            yield self._last_layers()

    def _last_layers(self) -> GaugeMetricFamily:
        seconds = GaugeMetricFamily(
            "fwht_layer_duration_seconds", "Layers in the last layer report.", labels=("model", "layer", "op")
        )
        for model in self._models:
            for layer in model.last_layers["items"] if model.last_layers else []:
                seconds.add_metric([model.name, layer["name"], str(layer["op"])], layer["ms"] / 1000)
        return seconds


def render_models(models: Sequence[Model], layers: bool) -> bytes:
    """The text format of Prometheus. layers: also the last layer reports, a series for each layer."""
    registry = CollectorRegistry()
    registry.register(ModelCollector(models, layers))
    return generate_latest(registry)
