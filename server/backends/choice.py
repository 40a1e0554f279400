"""Which engine runs a model: TensorRT's where one for this machine is there, else ONNX Runtime. Never silently."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from ..errors import StartupError
from .backend import Backend
from .engine_card import PRECISIONS, card_path, file_sha256, read_card, why_outdated
from .native_kernels import read_mode

LOG = logging.getLogger("server.backend")
BACKENDS = ("auto", "tensorrt", "onnxruntime")
CARD_SUFFIX = ".engine.json"


@dataclass(frozen=True)
class Choice:
    """What may be chosen from; the names are those of the settings. provider, threads, native: ONNX Runtime's."""

    backend: str = "auto"
    precision: str = "auto"
    provider: str = "cpu"
    threads: int = 0
    cuda_graphs: bool = True
    native: str = field(default_factory=read_mode)

    @property
    def precisions(self) -> Tuple[str, ...]:
        """In the order of preference."""
        return PRECISIONS if self.precision == "auto" else (self.precision,)


@dataclass(frozen=True)
class OpenedEngine:
    """An engine that is ready to run, and what it was made of.

    metadata: that of the ONNX file. sha256: the ONNX file's. source: the file that was opened. not_tensorrt: why a
    TensorRT engine that is there, or was asked for, is not what runs; None where there is none, or where it does.
    """

    backend: Backend
    metadata: Dict[str, str]
    sha256: str
    source: Path
    not_tensorrt: Optional[str] = None


def open_backend(name: str, onnx: Optional[Path], cards: Sequence[Path], choice: Choice) -> OpenedEngine:
    """Open the engine of a model. onnx: its file, None where there is none. cards: see `find_cards`.

    Raises StartupError with every reason where nothing that was allowed can run.
    """
    refusals: List[str] = []
    missed = bool(cards) or choice.precision == "fp16"  # an engine that is there, or that was asked for
    if choice.backend != "onnxruntime":
        for card in cards:
            opened = open_tensorrt(card, onnx, choice, refusals)
            if opened:
                return opened
        refusals = refusals or [describe_missing_engine(name, choice)]
        reasons = "; ".join(refusals)
        if choice.backend == "tensorrt" or onnx is None:
            raise StartupError(reasons)
        if missed:
            LOG.warning("model %s runs on ONNX Runtime, not on TensorRT: %s", name, reasons)
        elif find_spec("tensorrt") is not None:
            LOG.info("model %s: TensorRT is here, but %s", name, reasons)
    if onnx is None:
        raise StartupError(f"there is no ONNX file of {name!r}, only an engine: set FWHT_BACKEND=auto or tensorrt")
    return open_onnxruntime(onnx, choice, refusals, missed)


def describe_missing_engine(name: str, choice: Choice) -> str:
    precision = choice.precisions[0]
    return (
        f"there is no engine build/{name}-{' or -'.join(choice.precisions)}{CARD_SUFFIX}: make one on this machine with"
        f" `make engine NAME={name} PRECISION={precision}`"
    )


def open_tensorrt(card_file: Path, onnx: Optional[Path], choice: Choice, refusals: List[str]) -> Optional[OpenedEngine]:
    """The engine of a card; None where it cannot be used, of which the reason is added to `refusals`."""
    from .tensorrt_backend import TensorRTBackend

    try:
        card = read_card(card_file)
        outdated = why_outdated(card, file_sha256(onnx), card.plugin_sha256) if onnx is not None else None
        if outdated:
            cure = f"make engine NAME={card.name} PRECISION={card.precision}"
            raise StartupError(f"{card_file}: {outdated}; build it again with `{cure}`")
        backend = TensorRTBackend(card_file, graphs=choice.cuda_graphs)
    except StartupError as error:
        refusals.append(str(error))
        return None
    except OSError as error:  # the ONNX file, of which the card is
        refusals.append(f"{onnx} cannot be read ({error.strerror})")
        return None
    return OpenedEngine(backend, backend.metadata, card.onnx_sha256, card_file)


def open_onnxruntime(onnx: Path, choice: Choice, refusals: Sequence[str], missed: bool) -> OpenedEngine:
    reasons = "; ".join(refusals)
    try:
        from .onnxruntime_backend import OnnxRuntimeBackend
    except ImportError as error:
        also = f". TensorRT does not run it either: {reasons}" if refusals else ""
        raise StartupError(f"ONNX Runtime is not installed ({error}): pip install onnxruntime{also}") from error
    backend = OnnxRuntimeBackend(onnx, choice.provider, choice.threads, choice.native)
    return OpenedEngine(backend, backend.metadata, file_sha256(onnx), onnx, reasons if refusals and missed else None)


def find_cards(name: str, folders: Sequence[Path], choice: Choice) -> List[Path]:
    """The cards of a model's engines, the preferred precision first, and of each the first folder's."""
    paths = [card_path(folder, name, precision) for precision in choice.precisions for folder in folders]
    return list({path.resolve(): path for path in reversed(paths) if path.is_file()}.values())[::-1]


def find_engine_names(folders: Sequence[Path]) -> List[str]:
    """Names of the models that have an engine."""
    ends = [f"-{precision}{CARD_SUFFIX}" for precision in PRECISIONS]
    files = [path.name for folder in folders for path in folder.glob(f"*{CARD_SUFFIX}")]
    return sorted({name[: -len(end)] for name in files for end in ends if name.endswith(end)})
