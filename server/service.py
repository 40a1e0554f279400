"""What every route needs, and who may see layer times."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.requests import Request

from .catalogue import Catalogue
from .errors import NotFound, Unauthorized
from .metrics import Metrics
from .settings import Settings
from .workers import Workers


@dataclass(frozen=True)
class Service:
    settings: Settings
    catalogue: Catalogue
    workers: Workers
    metrics: Metrics

    def check_layers(self, request: Request) -> None:
        """Raise NotFound where layer times are off, Unauthorized where the admin key is asked for and not there."""
        if self.settings.layers == "off":
            raise NotFound("layer times are off on this server (FWHT_LAYERS)")
        if self.settings.layers == "admin" and not hmac.compare_digest(key_of(request), self._admin_key):
            raise Unauthorized("layer times need the admin key: send it as X-API-Key or as a Bearer token")

    @property
    def _admin_key(self) -> bytes:
        return self.settings.admin_key.encode()


def service_of(request: Request) -> Service:
    """The service of the app that answers `request`."""
    service: Service = request.app.state.service
    return service


def key_of(request: Request) -> bytes:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("x-api-key", bearer).encode()
