"""Which model a hybrid is made of, by its name."""

from __future__ import annotations

import re


def find_baseline(name: str) -> str:
    """`mobilenet_v2` for fwht_mobilenet_v2, fwht_mobilenet_v2_slim, fwht_mf_mobilenet_v2, fwht_soft3_mobilenet_v2
    and itself, `resnet20` for fwht2d_resnet20 and fwht2d_resnet20_p3, `resnet20-1` for fwht2d_resnet20_p3-1, whose
    seed is another (export/train/train_all.py)."""
    found = re.fullmatch(r"(?:fwht2d_|fwht_(?:mf_|soft3_)?)?(.+?)(?:_slim|_p\d+)?(-\d+)?", name)
    return found.group(1) + (found.group(2) or "") if found else name
