"""An inference of the protocol on its way to the engine."""

from __future__ import annotations

from typing import Tuple

import numpy as np
from starlette.datastructures import Headers

from ..http.content_encoding import unpack
from ..inference.request import InferenceRequest
from ..models.model import Model
from ..settings import Settings
from . import binary_tensors
from .request import InferRequest, read_request


class TensorRequest(InferenceRequest[InferRequest]):
    """A body as it came, packed or not; `details` are what it asks for."""

    def __init__(self, model: Model, body: bytes, headers: Headers, settings: Settings) -> None:
        super().__init__(model, len(body))
        self.body = body
        self.encoding = ",".join(headers.getlist("content-encoding"))
        self.json_lengths = headers.getlist(binary_tensors.HEADER)
        self.settings = settings

    def prepare(self) -> Tuple[np.ndarray, InferRequest]:
        with self.times.measure("decode"):
            plain = unpack(self.body, self.encoding, self.settings.max_body_bytes)
            asked = read_request(plain, self.json_lengths, self.model, self.settings.max_images)
            return asked.batch, asked
