"""What every route needs, and who may see layer times or change models."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Callable, Mapping, Optional

import numpy as np
from starlette.requests import Request

from ..errors import NotFound, Unauthorized
from ..inference.inference import Inference
from ..inference.workers import Workers
from ..metrics.metrics import Metrics
from ..models.catalogue import Catalogue
from ..models.model import Model
from ..settings import Settings
from ..stage_times import Stages
from .keys import HOW, Keys, key_of
from .tracing import Tracing


@dataclass(frozen=True)
class Service:
    settings: Settings
    catalogue: Catalogue
    workers: Workers
    metrics: Metrics
    keys: Keys
    inference: Inference
    tracing: Optional[Tracing] = None

    async def infer(
        self,
        request: Request,
        model: Model,
        prepare: Callable[[], np.ndarray],
        stages: Optional[Stages] = None,
        size: int = 0,
    ) -> np.ndarray:
        """Logits float32 (N, K) of the images float32 (N, 3, S, S) that `prepare` returns; every route infers by this.

        prepare: runs in a worker thread, for decoding and parsing. The images run together with those of other
        requests of the model. stages: gets the times of queue and inference. size: bytes of the body, by which big
        uploads leave threads to small ones. The request's body must have been read, and a place be held.

        Raises what `prepare` or the engine raised; Late past the deadline; ClientDisconnect once the client has gone.
        """
        return await self.inference.logits(request, model, prepare, stages or Stages(), size)

    def answered(self, request: Request, model: Model, images: int, timings_ms: Mapping[str, float]) -> None:
        """Count what was inferred, and note it on the request's trace; every route that infers ends by this."""
        # once the answer has been written, which waits for nothing
        asyncio.get_running_loop().call_soon(self.metrics.classified, model.name, images, timings_ms)
        if self.tracing:
            self.tracing.note(request.scope["request_id"], model.name, images, timings_ms)

    def check_layers(self, request: Request) -> None:
        """Raise NotFound where layer times are off, Unauthorized where the admin key is asked for and not there."""
        if self.settings.layers == "off":
            raise NotFound("layer times are off on this server (FWHT_LAYERS)")
        if self.settings.layers == "admin":
            self.check_admin(request)

    def check_admin(self, request: Request) -> None:
        """Raise NotFound where no admin key is set, Unauthorized where the request does not bring it."""
        if not self.keys.has_admin:
            raise NotFound("this route is off: the server has no admin key (FWHT_ADMIN_KEY)")
        if not self.keys.is_admin(key_of(request.scope)):
            raise Unauthorized(f"this needs the admin key: {HOW}")


def service_of(request: Request) -> Service:
    """The service of the app that answers `request`."""
    service: Service = request.app.state.service
    return service
