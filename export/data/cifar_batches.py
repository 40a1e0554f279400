"""CIFAR-10's own python batches (cifar-10-python.tar.gz, unpacked): data_batch_1 to 5, test_batch, batches.meta.

They are pickles written by Python 2. A pickle can run any code, so an unpickler is used that knows the one function and
the two types that these files need, and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
SIDE = 32

# numpy's function that makes an empty array for a pickle to fill; its module has another name in numpy 2.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not part of a CIFAR-10 batch")
        return _ADMITTED[module, name]


def is_cifar_batches(folder: Path) -> bool:
    return (folder / META).is_file() and (folder / TEST).is_file()


def read_labels(folder: Path) -> list[str]:
    """The class names of batches.meta. Raises ValueError."""
    names = _load(folder / META).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise ValueError(f"{folder / META} has no list label_names")
    return [name.decode() for name in names]


def read_batch(path: Path, classes: int) -> tuple[np.ndarray, list[int]]:
    """One batch as uint8 (N, 32, 32, 3) in RGB and N class ids below `classes`. Raises ValueError."""
    batch = _load(path)
    data, class_ids = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * SIDE * SIDE:
        raise ValueError(f"{path} has no uint8 array data with {3 * SIDE * SIDE} numbers an image")
    if not isinstance(class_ids, list) or len(class_ids) != len(data):
        raise ValueError(f"{path} has no list labels with one entry for each of its {len(data)} images")
    if not all(isinstance(class_id, int) and 0 <= class_id < classes for class_id in class_ids):
        raise ValueError(f"{path} has labels outside of 0 to {classes - 1}")
    return data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), class_ids


def _load(path: Path) -> dict[Any, Any]:
    try:
        content = _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: unpack cifar-10-python.tar.gz again") from None
    except Exception as error:  # a broken pickle raises whatever its opcodes happen to do
        raise ValueError(f"{path} cannot be read as a CIFAR-10 batch: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no dictionary: it is no CIFAR-10 batch")
    return content
