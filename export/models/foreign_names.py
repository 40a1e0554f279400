"""What others call the tensors of the same networks: EfficientNet-Lite0's wheel, MobileNet-V2 in torchvision and timm,
MobileNet-V3-Large in torchvision.

A table holds the module paths of the others and ours; a tensor's last part (weight, bias, running_mean, running_var) is
the same everywhere.
"""

from __future__ import annotations

from torch import Tensor

from export.models import efficientnet, mobilenet, mobilenet_v3

Names = dict[str, str]


def list_wheel_names() -> Names:
    """Of efficientnet-lite-pytorch, blocks from 0: the BatchNorms are numbered within a block, expansion or not."""
    parts = {
        "_expand_conv": "expand",
        "_bn0": "expand_bn",
        "_depthwise_conv": "depthwise",
        "_bn1": "depthwise_bn",
        "_project_conv": "project",
        "_bn2": "project_bn",
    }
    ends = {"_conv_stem": "stem", "_bn0": "stem_bn", "_conv_head": "head", "_bn1": "head_bn", "_fc": "classifier"}
    blocks = {
        f"_blocks.{i}.{theirs}": f"blocks.{i + 1}.{ours}"
        for i in range(efficientnet.BOTTLENECKS)
        for theirs, ours in parts.items()
    }
    return {**ends, **blocks}


def list_torchvision_names() -> Names:
    """Of torchvision.models.mobilenet_v2: 19 `features`, the first block without an expansion."""
    ends = {"features.0.0": "stem", "features.0.1": "stem_bn", "features.18.0": "head", "features.18.1": "head_bn"}
    first = {"0.0": "depthwise", "0.1": "depthwise_bn", "1": "project", "2": "project_bn"}
    others = {
        "0.0": "expand",
        "0.1": "expand_bn",
        "1.0": "depthwise",
        "1.1": "depthwise_bn",
        "2": "project",
        "3": "project_bn",
    }
    blocks = {
        f"features.{i}.conv.{theirs}": f"blocks.{i}.{ours}"
        for i in range(1, mobilenet.BOTTLENECKS + 1)
        for theirs, ours in (first if i == 1 else others).items()
    }
    return {**ends, **blocks, "classifier.1": "classifier"}


def list_torchvision_v3_names() -> Names:
    """Of torchvision.models.mobilenet_v3_large: 17 `features`, what a block does not have left out of its numbers."""
    names = {"features.0": "stem", "features.16": "head"}
    excites = {}
    for i, row in enumerate(mobilenet_v3.BLOCKS, 1):
        expands = row.hidden != (mobilenet_v3.BLOCKS[i - 2].channels if i > 1 else mobilenet_v3.STEM_CHANNELS)
        parts = ["expand"] * expands + ["depthwise"] + ["excite"] * row.excite + ["project"]
        for number, part in enumerate(parts):
            theirs, ours = f"features.{i}.block.{number}", f"blocks.{i}.{part}"
            if part == "excite":
                excites.update({f"{theirs}.fc1": f"{ours}.reduce", f"{theirs}.fc2": f"{ours}.expand"})
            else:
                names[theirs] = ours
    pairs = {f"{theirs}.{n}": f"{ours}{end}" for theirs, ours in names.items() for n, end in ((0, ""), (1, "_bn"))}
    return {**pairs, **excites, "classifier.0": "embedding", "classifier.3": "classifier"}


def list_timm_names() -> Names:
    """Of timm's mobilenetv2_100: blocks by stage and number in it, both from 0."""
    ends = {"conv_stem": "stem", "bn1": "stem_bn", "conv_head": "head", "bn2": "head_bn", "classifier": "classifier"}
    first = {"conv_dw": "depthwise", "bn1": "depthwise_bn", "conv_pw": "project", "bn2": "project_bn"}
    others = {
        "conv_pw": "expand",
        "bn1": "expand_bn",
        "conv_dw": "depthwise",
        "bn2": "depthwise_bn",
        "conv_pwl": "project",
        "bn3": "project_bn",
    }
    places = [(stage, i) for stage, row in enumerate(mobilenet.STAGES) for i in range(row[2])]
    blocks = {
        f"blocks.{stage}.{i}.{theirs}": f"blocks.{number}.{ours}"
        for number, (stage, i) in enumerate(places, 1)
        for theirs, ours in (first if number == 1 else others).items()
    }
    return {**ends, **blocks}


def rename_tensors(tensors: dict[str, Tensor], names: Names) -> dict[str, Tensor] | None:
    """Every tensor under our name, without BatchNorm's counters; None where one of them is not in the table."""
    renamed = {}
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        if last == "num_batches_tracked":
            continue
        if module not in names:
            return None
        renamed[f"{names[module]}.{last}"] = tensor
    return renamed
