"""The files a model's name stands for: ONNX files in build/ and models/, and engines."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from ..backends.choice import find_engine_names
from ..errors import StartupError

ROOT = Path(__file__).resolve().parents[2]
FOLDERS: Tuple[Path, ...] = (ROOT / "build", ROOT / "models")  # what the user made comes before what is shipped


def find_model(name: str) -> Path:
    """The ONNX file of a name (build/ before models/), or the path itself where `name` ends in .onnx.

    Raises StartupError with the names there are.
    """
    if name.endswith(".onnx"):
        return Path(name)
    for folder in FOLDERS:
        path = folder / f"{name}.onnx"
        if path.is_file():
            return path
    raise StartupError(
        f"there is no model {name!r}: choose from {', '.join(list_models()) or 'none'}, or make it first"
    )


def list_models() -> List[str]:
    """Names of all models in build/ and models/: ONNX files, and engines that were brought here without theirs."""
    files = {path.stem for folder in FOLDERS for path in folder.glob("*.onnx")}
    return sorted({*files, *find_engine_names(FOLDERS)})
