"""The layer's tiles as fwht_host.cpp runs them: parameters, memory, and the tile for a case."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from benchmarks.harness.node_models import WEIGHTS, LayerCase, Weights
from benchmarks.harness.tensor_layout import DTYPES, FLOAT32, NCHW, pack, packed_shape, unpack
from export.ops.contract import PLUGINS
from export.ops.native_structures import FwhtLayerParams
from tests.plugins.host import Memory, load_compiled

WIDTHS = ("narrow", "packed", "normal", "wide", "paths", "windows")
NARROW, PACKED, NORMAL, WIDE, PATHS, WINDOWS = range(6)


class TileFacts(ctypes.Structure):
    NAMES = ("width", "type", "layout", "n", "vec", "pixels", "threads", "shared_bytes")
    _fields_ = [(name, ctypes.c_int) for name in NAMES]


def build_library() -> ctypes.CDLL:
    """fwht_host.cpp, compiled; skips the test where there is no g++."""
    library = load_compiled(Path(__file__).parent / "fwht_host.cpp", PLUGINS / "fwht_layer/check.cpp")
    library.fwht_tile.restype = ctypes.POINTER(TileFacts)
    library.fwht_check.restype = ctypes.c_char_p
    library.fwht_run.restype = ctypes.c_bool
    return library


def tiles(library: ctypes.CDLL) -> list[TileFacts]:
    facts: list[TileFacts] = [library.fwht_tile(i).contents for i in range(library.fwht_tile_count())]
    return facts


def find_tiles(library: ctypes.CDLL, layer: LayerCase, kind: int = FLOAT32, layout: int = NCHW) -> list[int]:
    """The indices of the tiles that compute the layer."""
    return [
        index
        for index, tile in enumerate(tiles(library))
        if (tile.n, tile.type, tile.layout) == (layer.n, kind, layout) and of_kind(tile, layer)
    ]


def of_kind(tile: TileFacts, layer: LayerCase) -> bool:
    """Whether it is for blocks, or for paths, as the layer is."""
    special = WINDOWS if layer.block else PATHS if layer.paths > 1 or layer.soft else None
    return tile.width == special if special else tile.width not in (PATHS, WINDOWS)


def params_of(layer: LayerCase, shape: tuple[int, ...], kind: int = FLOAT32, layout: int = NCHW) -> FwhtLayerParams:
    """All but the pointers; shape is X's."""
    return FwhtLayerParams(
        batch=shape[0],
        pixels=shape[2] * shape[3],
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        n=layer.n,
        pool=layer.pool,
        keep_dc=layer.keep_dc,
        activation=layer.activation,
        paths=layer.paths,
        soft=layer.soft,
        block=layer.block,
        type=kind,
        layout=layout,
    )


def run(
    library: ctypes.CDLL,
    tile: int,
    layer: LayerCase,
    weights: Weights,
    x: np.ndarray,
    residual: np.ndarray | None = None,
    kind: int = FLOAT32,
    layout: int = NCHW,
    beside: int = 0,
) -> np.ndarray:
    """y as this tile leaves it; checks that nothing beside it was written and that what fills channels up is 0.

    Gain and bias lie `beside` floats behind an address divisible by 16.
    """
    shape = (x.shape[0], layer.out_channels, *x.shape[2:])
    params = params_of(layer, x.shape, kind, layout)
    tensors = {
        "x": Memory.of(pack(x, kind, layout)),
        **{name: Memory.of(weights[name]) for name in WEIGHTS},
    }
    tensors["y"] = Memory(int(np.prod(packed_shape(shape, layout))) * DTYPES[kind].itemsize)
    if residual is not None:
        tensors["residual"] = Memory.of(pack(residual, kind, layout))
    for name in ("gain", "bias"):
        tensors[name] = Memory.of(np.concatenate([np.full(beside, np.nan, np.float32), weights[name]]))
    for name, memory in tensors.items():
        setattr(params, name, memory.pointer + (4 * beside if name in ("gain", "bias") else 0))
    assert library.fwht_check(ctypes.byref(params)) is None, library.fwht_check(ctypes.byref(params))
    assert library.fwht_run(ctypes.byref(params), tile), "this tile does not take these parameters"
    assert tensors["y"].guards_hold(), "bytes beside the output were overwritten"
    y, fill = unpack(tensors["y"].inside, shape, kind, layout)
    assert not fill.any(), "the channels that fill HWC8 up are not 0"
    return y
