"""The server on a GPU, from the engine to the labels over HTTP: python -m benchmarks.serving.gpu_serving

Before that: `make plugin`, and `python -m tests.plugins.onnx_labels` where ONNX Runtime is. Needs TensorRT, pycuda and
what the server needs; neither onnx nor onnxruntime. The engines are made by `make engine`, which keeps those that fit.

1. A server per model and precision; the 1,000 test images over HTTP; the labels against ONNX Runtime's (in float32 all
   but 1, in float16 all but 3); the layer report, which must name every layer of ours; an end without a word of CUDA's.
2. Each hybrid's engine against the baseline's, side by side at batch 1, 4 and 16 in both precisions: the GPU's time of
   a run alone, started as a CUDA graph so that the CPU has no part in it, and the host's time of a run as it is served.
   At most 1.1 times the baseline's GPU time is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import ServerProcess, run_server
from benchmarks.serving.engine_pairs import compare_engines
from server.backends import cuda
from server.backends.cuda import Context
from server.backends.engine_card import PRECISIONS, EngineCard, card_path, read_card
from server.backends.tensorrt_library import load_plugin, tensorrt_version
from server.bench.connection import connect, encode_request
from server.bulk.packed_images import read_packed
from server.profiling import board

BUILD = Path("build")
LABELS = BUILD / "onnx_labels.npz"  # tests/plugins/onnx_labels.py
PACK = Path("tests/data/cifar10_test_1000.bin")
BASELINE = "mobilenet_v2"
OURS = ("FWHTLayer", "MFDepthwiseConv")
MISSED = {"fp32": 1, "fp16": 3}  # of 1,000 labels
MOST = 1.1
BATCHES = (1, 4, 16)
CONNECTIONS = 16


def make_engine(name: str, precision: str) -> EngineCard:
    """The card of the engine, which is built unless there is one that fits."""
    words = [f"NAME={name}", f"PRECISION={precision}", f"PYTHON={sys.executable}"]
    subprocess.run(["make", "--no-print-directory", "engine", *words], check=True)
    return read_card(card_path(BUILD, name, precision))


async def ask_labels(server: ServerProcess, images: list[bytes]) -> np.ndarray:
    """The class of each image as the server says it: (N,)."""
    found = np.full(len(images), -1)
    turns = iter(enumerate(images))

    async def client() -> None:
        connection = await connect(server.target)
        for index, data in turns:
            answer = await connection.ask(encode_request(server.target, data, "image/jpeg"))
            if answer.status != 200:
                raise SystemExit(f"image {index} was answered {answer.status}: {answer.body!r}")
            found[index] = json.loads(answer.body)["results"][0]["predictions"][0]["class_id"]
        connection.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return found


async def ask_with_layers(server: ServerProcess, image: bytes) -> dict[str, Any]:
    connection = await connect(server.target)
    request = encode_request(server.target, image, "image/jpeg").replace(
        b"/v1/classify", b"/v1/classify?layers=true", 1
    )
    answer = await connection.ask(request)
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"?layers=true was answered {answer.status}: {answer.body!r}")
    found: dict[str, Any] = json.loads(answer.body)
    return found


def serve(card: EngineCard, images: list[bytes], module: Sequence[str] = ("server",)) -> dict[str, Any]:
    """What the server makes of the test images. module: what starts it."""
    flags = ("--backend", "tensorrt", "--precision", card.precision, "--models", card.name)
    with run_server(*flags, module=module) as server:
        found = asyncio.run(ask_labels(server, images))
        answer = asyncio.run(ask_with_layers(server, images[0]))
        server.process.terminate()
        status = server.process.wait(timeout=60)
        log = server.log.read_text()
    wanted = np.load(LABELS)[f"{card.name}.logits"].argmax(1)
    named = {item["name"] for item in answer["layers"]["items"] if item["op"] in OURS}
    in_engine = {layer["onnx_nodes"][0] for layer in card.layers if layer["op"] in OURS}
    return {
        "model": card.name,
        "precision": card.precision,
        "images": len(images),
        "other_labels": int((found != wanted).sum()),
        "backend": answer["backend"],
        "layers_of_ours": len(named),
        "layers_missing": sorted(in_engine - named),
        "exit_status": status,
        "last_words": [line for line in log.splitlines() if "context stack" in line or "Traceback" in line],
        "report": answer["layers"],
    }


def find_serving_problems(row: dict[str, Any]) -> list[str]:
    what, wrong = f"{row['model']} {row['precision']}", []
    if row["other_labels"] > MISSED[row["precision"]]:
        wrong.append(f"{what}: {row['other_labels']} of {row['images']} labels differ from ONNX Runtime's")
    if row["backend"] != "tensorrt" or row["layers_missing"]:
        wrong.append(f"{what}: ran on {row['backend']}, layers missing in the report: {row['layers_missing']}")
    if row["model"] != BASELINE and not row["layers_of_ours"]:
        wrong.append(f"{what}: the report names no layer of ours")
    if row["exit_status"] or row["last_words"]:
        wrong.append(f"{what}: ended with status {row['exit_status']} and {row['last_words']}")
    return wrong


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.gpu_serving", description="The server on a GPU."
    )
    parser.add_argument("--models", nargs="+", default=["fwht_mobilenet_v2"], help="hybrids (%(default)s)")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), help="(fp16 fp32)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine, of 100 runs (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/gpu_serving.json)")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    if not LABELS.exists():
        raise SystemExit(f"{LABELS} is missing: run `python -m tests.plugins.onnx_labels` where onnxruntime is")
    names = [BASELINE, *options.models]
    cards = {(name, p): make_engine(name, p) for p in options.precisions for name in names}
    images = [image.data for image in read_packed(PACK) if image.is_test]
    wrong: list[str] = []
    served = []
    print("model, precision: labels that differ from ONNX Runtime's, layers of ours in the report")
    for card in cards.values():
        served.append(serve(card, images))
        row = served[-1]
        print(f"{row['model']:24} {row['precision']}  {row['other_labels']:3}  {row['layers_of_ours']:3}", flush=True)
        wrong += find_serving_problems(row)
    load_plugin()
    context = Context()
    compared = []
    print("model, precision, batch: GPU ms and ratio to the baseline's, ms of a served run and ratio")
    for name in options.models:
        for precision in options.precisions:
            for batch in BATCHES:
                pair = cards[name, precision], cards[BASELINE, precision]
                compared.append(compare_engines(*pair, BUILD, context, batch, options.rounds))
                row = compared[-1]
                own, ratio = row["times"][name], row["ratio"]
                print(
                    f"{name:24} {precision} {batch:3}  {own['gpu']['median_ms']:7.4f} {ratio['gpu']:5.2f}"
                    f"  {own['call']['median_ms']:7.4f} {ratio['call']:5.2f}",
                    flush=True,
                )
                if ratio["gpu"] > MOST:
                    wrong.append(f"{name} {precision} batch {batch}: {ratio['gpu']:.2f} times the baseline")
    context.close()
    gpu, capability, multiprocessors = cuda.read_gpu()
    about = {"gpu": gpu, "compute_capability": capability, "multiprocessors": multiprocessors}
    about |= {"tensorrt": tensorrt_version(), "cuda": cuda.cuda_version()}
    found = {**about, "board": board.read_board_facts(), "served": served, "compared": compared, "problems": wrong}
    print(f"written: {write_result('gpu_serving', found, options.out)}")
    if wrong:
        raise SystemExit("; ".join(wrong))


if __name__ == "__main__":
    main()
