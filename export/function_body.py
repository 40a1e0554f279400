"""What the exporter needs to write the two custom ops: their function bodies and their nodes."""

from export.fwht_body import fwht_layer_function, fwht_layer_node
from export.mf_body import mf_depthwise_conv_function, mf_depthwise_conv_node
from export.onnx_text import DOMAIN, IR_VERSION, OPSET

__all__ = [
    "DOMAIN",
    "IR_VERSION",
    "OPSET",
    "fwht_layer_function",
    "fwht_layer_node",
    "mf_depthwise_conv_function",
    "mf_depthwise_conv_node",
]
