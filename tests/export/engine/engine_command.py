"""The command `python -m export.engine` on stand-ins: a build folder for it, a run, and what it leaves."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.harness.fake_gpu import find_any_library
from benchmarks.harness.tiny_models import write_tiny_model
from export.engine.from_onnx import main
from server.backends.engine_card import EngineCard, read_card
from tests.export.engine import fake_builder as fake


def write_golden(onnx: Path) -> None:
    image = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype("f")
    logits = onnxruntime.InferenceSession(str(onnx)).run(None, {"image": image})[0]
    sha256 = hashlib.sha256(onnx.read_bytes()).hexdigest()
    golden = onnx.with_name(f"{onnx.stem}.golden.npz")
    np.savez(golden, image=image, logits=logits, tolerance=1e-4, onnx_sha256=sha256)


def fill_build_folder(folder: Path) -> Path:
    """build/ with an ONNX file, golden answers and a plugin library in it."""
    write_golden(write_tiny_model(folder / "flowers.onnx"))
    (folder / "libfwht_plugin.so").write_bytes(find_any_library().read_bytes())
    return folder


def run_command(folder: Path, *more: str, **steps: Any) -> int:
    """Exit status of the command."""
    places = ["--out", str(folder), "--plugin", str(folder / "libfwht_plugin.so")]
    return main([str(folder / "flowers.onnx"), *places, *more], replace(fake.STEPS, **steps))


def read_engine_card(folder: Path, precision: str = "fp16") -> EngineCard:
    return read_card(folder / f"flowers-{precision}.engine.json")


def new_files(folder: Path) -> set[str]:
    """What is there that was not before."""
    before = {"flowers.onnx", "flowers.golden.npz", "libfwht_plugin.so", ".engines.lock"}
    return {path.name for path in folder.iterdir()} - before
