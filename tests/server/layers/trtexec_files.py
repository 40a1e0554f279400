"""Files as trtexec writes them, of the engines of a small hybrid; the format is trtexec's (sampleReporting.cpp), the
numbers are made up.

8.2 writes means alone; later versions write medians, too. Names are not escaped. A layer list ends its lines before the
comma and separates the nodes of "Metadata" by control characters.
"""

from __future__ import annotations

import json
from typing import Any, Sequence

# One ONNX graph (stem, blocks.0.*, pool, classifier) as three engines of it would have it.
FUSED: list[tuple[str, float]] = [
    ("Reformatting CopyNode for Input Tensor 0 to stem + PWN(stem_relu6)", 0.004),
    ("stem + PWN(stem_relu6)", 0.020),
    ("blocks.0.expand", 0.010),
    ("PWN(PWN(blocks.0.sigmoid), blocks.0.mul)", 0.006),
    ("blocks.0.left || blocks.0.right", 0.012),
    ("pool", 0.005),
    ("reshape_after_pool", 0.0),
    ("classifier.weight + classifier + (Unnamed Layer* 12) [Shuffle]", 0.008),
]
APART: list[tuple[str, float]] = [
    ("stem", 0.018),
    ("stem_relu6", 0.007),
    ("blocks.0.expand + blocks.0.sigmoid", 0.011),
    ("blocks.0.mul", 0.005),
    ("blocks.0.left", 0.008),
    ("blocks.0.right", 0.009),
    ("pool", 0.005),
    ("(Unnamed Layer* 14) [Shuffle]", 0.001),
    ("classifier.weight + classifier", 0.030),
]
BLOCK: list[tuple[str, float]] = [("stem + stem_relu6", 0.020), ("{ForeignNode[blocks.0.expand...classifier]}", 0.060)]
KERNELS: list[tuple[str, float]] = [
    ("stem + stem_relu6", 0.020),
    ("__myl_MulSig_myl0_1", 0.030),
    ("blocks_0_expand_myl0_2", 0.010),
    ("classifier_myl0_3", 0.020),
]
METADATA = {
    "stem + stem_relu6": "[ONNX Layer: stem]\x1f[ONNX Layer: stem_relu6]",
    "__myl_MulSig_myl0_1": "[ONNX Layer: blocks.0.sigmoid]\x1e[ONNX Layer: blocks.0.mul]",
    "blocks_0_expand_myl0_2": "[ONNX Layer: blocks.0.expand]",
    "classifier_myl0_3": "[ONNX Layer: classifier]",
}


def profile_text(rows: Sequence[tuple[str, float]], runs: int = 100, medians: bool = True) -> str:
    whole = sum(ms for _, ms in rows) or 1
    lines = [f'[\n  {{ "count" : {runs} }}']
    for name, ms in rows:
        median = f', "medianMs" : {ms:g}' if medians else ""
        times = f'"timeMs" : {ms * runs:g}, "averageMs" : {ms:g}{median}, "percentage" : {ms / whole * 100:g}'
        lines.append(f', {{ "name" : "{name}", {times} }}')
    return "\n".join([*lines, "]\n"])


def layers_text(rows: Sequence[tuple[str, float]], detailed: bool = True) -> str:
    layers: list[Any] = [name for name, _ in rows]
    if detailed:
        layers = [
            {
                "Name": name,
                "LayerType": "kgen" if "_myl" in name else "CaskConvolution",
                "Inputs": [],
                "Outputs": [],
                "TacticValue": "0x0000000000000000",
                "StreamId": 0,
                "Metadata": METADATA.get(name, ""),
            }
            for name in layers
        ]
    written = "\n,".join(json.dumps(layer, ensure_ascii=False) for layer in layers)
    return f'{{"Layers": [{written}\n],\n"Bindings": ["image"\n,"logits"\n]}}\n'
