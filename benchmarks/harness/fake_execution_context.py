"""Execution contexts of the stand-in fake_tensorrt.py, in its three generations."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from benchmarks.harness.fake_engine_file import TENSORS


class FakeContext:
    """One profile serves one context, as up to 8.6."""

    def __init__(self, engine: Any) -> None:
        self._engine, self._batch = engine, engine.batch
        self.profiler: Any = None
        self.addresses: dict[str, int] = {}
        engine.contexts += 1
        engine.trt.cuda.live["execution context"] += 1

    def __del__(self) -> None:
        self._engine.contexts -= 1
        self._engine.trt.cuda.live["execution context"] -= 1

    def _set_shape(self, shape: tuple[int, ...]) -> bool:
        least, _, most = (size for size, *_ in self._engine.list_profile_shapes())
        self._engine.trt.cuda.check()
        if self._engine.contexts > 1 and self._engine.trt.style != "10":
            self._engine.trt.say("Profile 0 has been chosen by another IExecutionContext.")
            return False
        if tuple(shape[1:]) != self._engine.shapes["image"] or not least <= shape[0] <= most:
            self._engine.trt.say(f"Supplied shape {shape} does not match the profile's {least} to {most} images")
            return False
        self._batch = shape[0]
        return True

    def _start(self, addresses: dict[str, int], handle: int) -> bool:
        trt = self._engine.trt
        trt.cuda.check()
        if trt.cuda.fails("execute") or self._batch < 1:
            trt.say("Cuda failure: out of memory")
            return False
        batch = self._batch
        trt.cuda.streams[handle].add(lambda: self._compute(addresses, batch))
        return True

    def _compute(self, addresses: dict[str, int], batch: int) -> None:
        images, logits = (_view_memory(addresses[name], (batch, *self._engine.shapes[name])) for name in TENSORS)
        logits[:] = self._engine.trt.compute(self._engine.model, images)

    def execute_v2(self, bindings: list[int]) -> bool:
        trt = self._engine.trt
        trt.cuda.check()
        if trt.cuda.fails("execute"):
            trt.say("Cuda failure: out of memory")
            return False
        self._compute(dict(zip(TENSORS, bindings)), self._batch)
        for i, name in enumerate(self._engine.list_layer_names() if self.profiler else []):
            self.profiler.report_layer_time(name, 0.001 * (i + 1))
        return True


class BindingContext(FakeContext):
    def set_binding_shape(self, binding: int, shape: tuple[int, ...]) -> bool:
        assert binding == 0
        return self._set_shape(shape)

    def execute_async_v2(self, bindings: list[int], stream_handle: int) -> bool:
        return self._start(dict(zip(TENSORS, bindings)), stream_handle)


class NamedContext(FakeContext):
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "image"
        return self._set_shape(shape)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self.addresses[name] = memory
        return name in TENSORS

    def execute_async_v3(self, stream_handle: int) -> bool:
        return self._start(dict(self.addresses), stream_handle)


class BothContext(NamedContext, BindingContext):
    pass


def _view_memory(pointer: int, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(pointer)).reshape(shape)
