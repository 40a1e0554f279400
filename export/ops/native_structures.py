"""What the native kernels take, as ctypes has it: the structures of plugins/<op>/params.h, of
plugins/fwht_layer/cpu_gradients.h and of plugins/fwht_2d/cpu_training.h, their fields in the same order.
"""

from __future__ import annotations

import ctypes

NCHW, NHWC = 0, 2  # Layout of plugins/host_device.h


class FwhtLayerParams(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "thresholds", "scale", "gain", "bias", "residual", "y")),
        *((name, ctypes.c_int64) for name in ("batch", "pixels")),
        *((name, ctypes.c_int) for name in ("in_channels", "out_channels", "n", "pool", "keep_dc", "activation")),
        *((name, ctypes.c_int) for name in ("type", "layout", "paths", "soft", "block")),
    ]


class FwhtLayerGradientsParams(ctypes.Structure):
    _fields_ = [
        ("layer", FwhtLayerParams),
        *((name, ctypes.c_void_p) for name in ("y_gradient", "x_gradient", "thresholds_gradient", "scale_gradient")),
    ]


class Fwht2dParams(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "thresholds", "scale", "gain", "bias", "y")),
        ("batch", ctypes.c_int64),
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "n", "stride", "keep_dc", "activation")),
        *((name, ctypes.c_int) for name in ("type", "layout", "paths", "soft")),
    ]


class Fwht2dTrainingParams(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "thresholds", "scale", "y", "y_gradient")),
        *((name, ctypes.c_void_p) for name in ("x_gradient", "thresholds_gradient", "scale_gradient")),
        ("batch", ctypes.c_int64),
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "n", "stride", "keep_dc")),
        *((name, ctypes.c_int) for name in ("paths", "soft", "apart", "bfloat16")),
    ]


class MfDepthwiseConvParams(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "weight", "gain", "bias", "y")),
        ("batch", ctypes.c_int64),
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "out_height", "out_width")),
        *((name, ctypes.c_int) for name in ("kernel_size", "stride_h", "stride_w", "pad_top", "pad_left")),
        *((name, ctypes.c_int) for name in ("op", "activation", "type", "layout")),
    ]
