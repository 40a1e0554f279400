"""What every route needs, and who may see layer times or change models."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Mapping, Optional

from starlette.requests import Request

from ..errors import NotFound, Unauthorized
from ..inference.catalogue import Catalogue
from ..inference.dispatcher import Dispatcher
from ..inference.workers import Workers
from ..metrics.metrics import Metrics
from ..models.model import Model
from ..settings import Settings
from .keys import HOW, Keys, read_key
from .tracing import Tracing


@dataclass(frozen=True)
class AppContext:
    settings: Settings
    catalogue: Catalogue
    workers: Workers
    metrics: Metrics
    keys: Keys
    dispatcher: Dispatcher
    tracing: Optional[Tracing] = None

    def count_answer(self, client: Request, model: Model, images: int, timings_ms: Mapping[str, float]) -> None:
        """Count what was inferred, and note it on the request's trace; every route that infers ends by this."""
        # once the answer has been written, which waits for nothing
        asyncio.get_running_loop().call_soon(self.metrics.count_answer, model.name, images, timings_ms)
        if self.tracing:
            self.tracing.annotate_span(client.scope["request_id"], model.name, images, timings_ms)

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
        if not self.keys.is_admin(read_key(request.scope)):
            raise Unauthorized(f"this needs the admin key: {HOW}")


def get_context(request: Request) -> AppContext:
    """The context of the app that answers `request`."""
    context: AppContext = request.app.state.context
    return context
