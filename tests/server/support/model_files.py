"""The small model with more in its metadata."""

from __future__ import annotations

from pathlib import Path

import onnx


def write_with_metadata(source: Path, path: Path, **more: str) -> Path:
    """A copy of the ONNX file `source` with these properties too."""
    proto = onnx.load(str(source))
    properties = {**{one.key: one.value for one in proto.metadata_props}, **more}
    onnx.helper.set_model_props(proto, properties)
    onnx.save(proto, str(path))
    return path
