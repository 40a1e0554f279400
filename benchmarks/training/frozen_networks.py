"""What answers faster for a frozen network, PyTorch or ONNX Runtime: python -m benchmarks.training.frozen_networks

The front and the whole of a shipped model answer batches of random images in turns, as the features of augmented views
and the teacher's logits are computed (export/transfer/views.py). Before that both sides' answers are compared; a
difference beyond the tolerance of float32 ends the run.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.harness.result_files import RESULTS, write_result
from export.models.checkpoint import load_checkpoint
from export.to_onnx.folded_graph import fold_graph
from export.to_onnx.parity import compute_tolerance
from export.transfer.frozen_network import OnnxNetwork, freeze
from export.transfer.split import split_model
from server.profiling.turns import Make, alternate

WEIGHTS = Path("models/efficientnet_lite0.safetensors")
FROZEN = 8  # blocks, as of the shipped hybrids


def compare_answers(network: nn.Module, frozen: OnnxNetwork, images: torch.Tensor) -> float:
    """The share of the tolerance that is used. Raises SystemExit where it is more than all of it."""
    wanted = network(images)
    tolerance = compute_tolerance(fold_graph(network), wanted.numpy())
    share = float((frozen(images) - wanted).abs().max()) / tolerance
    if not share <= 1:
        raise SystemExit(f"PyTorch and ONNX Runtime differ by {share:.3g} times the tolerance")
    return share


@torch.inference_mode()
def measure(networks: dict[str, nn.Module], images: torch.Tensor, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """A row for each network and side: times of a batch, images a second."""
    rows = []
    for name, network in networks.items():
        frozen = freeze(network)
        assert isinstance(frozen, OnnxNetwork)
        share = compare_answers(network, frozen, images)
        sides: dict[str, Make] = {
            "PyTorch": partial(partial, network, images),
            "ONNX Runtime": partial(partial, frozen, images),
        }
        for side, times in alternate(sides, rounds, seconds).items():
            speed = 1000 * len(images) / times["median_ms"]
            rows.append({"network": name, "side": side, "batch": times, "images_per_s": speed})
            print(f"{name:28} {side:14} {speed:8.1f} images/s", flush=True)
        rows[-1]["tolerance_used"] = share
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.frozen_networks", description=(__doc__ or "").split(":")[0]
    )
    add = parser.add_argument
    add("--weights", type=Path, default=WEIGHTS, help=f"of a model without FWHT layers ({WEIGHTS})")
    add("--threads", type=int, default=torch.get_num_threads(), help="of both")
    add("--batch", type=int, default=128, help="images at a time (128)")
    add("--rounds", type=int, default=5, help="turns of each side (5)")
    add("--seconds", type=float, default=4.0, help="of a turn (4)")
    add("--out", type=Path, help=f"JSON file ({RESULTS}/frozen_networks.json)")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    model, card = load_checkpoint(args.weights)
    size = card["preprocessing"]["size"]
    front, _ = split_model(model.eval(), FROZEN)
    images = torch.randn(args.batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    networks = {f"first {FROZEN} blocks": front, "the whole network": model}
    rows = measure(networks, images.contiguous(memory_format=torch.channels_last), args.rounds, args.seconds)
    conditions = {"model": card["name"], "size": size, "batch": args.batch, "threads": args.threads}
    conditions["instruction_set"] = torch.backends.cpu.get_cpu_capability()
    print(f"written: {write_result('frozen_networks', {**conditions, 'rows': rows}, args.out)}")


if __name__ == "__main__":
    main()
