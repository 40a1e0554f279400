"""Broken inputs from good ones, the same for the same seed: files of bytes, and JSON."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
from pathlib import Path
from typing import Any, Callable

from PIL import Image

SAMPLES, FIELD = Path("tests/data"), Path("tests/field")
REFUSED = ("brand_", "cgbi")  # files in FIELD that are no images, or of a kind that is not decoded
EDGES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0",
    b"\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\xff",
)
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"),
    "", "x", "image", "FP32", "\ud800", "\0", "é" * 1000, "x" * 100_000, [], {}, [[]], [None], [{}], {"": None},
    [1, 3, 32, 32], [2**40, 3, 32, 32], [-1, 3, 32, 32], [1, 3, 32], ["1", "3", "32", "32"], [0] * 5000,
)  # fmt: skip

# What stands for a file's name in the head of a form's part.
FILE_NAMES = (
    b'filename="0"', b"filename*=utf-8''K%C3%A4tzchen.jpg", b"filename*=utf-8''%FF%FE", b'filename="K\xe4tzchen.jpg"',
    b'filename="a "quoted" name"', b'filename="C:\\photos\\cat.jpg"', b'filename="../passwd"', b'filename=""', b"x=y",
    b'filename="' + b"a" * 20_000 + b'"', b'filename="\0\xff"', b"filename*=", b"filename*=latin-1'en'%e4",
)  # fmt: skip


def make_seeds() -> list[bytes]:
    """Images of every format that is taken, in the modes that have code of their own; damaged as people send them."""
    files = sorted(SAMPLES.glob("*.jpg"))
    damaged = [path for path in sorted(FIELD.iterdir()) if not path.name.startswith(REFUSED)]
    picture = Image.open(files[0]).convert("RGB")
    large = picture.resize((200, 150))
    alpha = picture.copy()
    alpha.putalpha(picture.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (large, "JPEG", {"progressive": True}),
        (large, "JPEG", {"exif": exif, "restart_marker_rows": 1}),
        (picture.convert("L"), "JPEG", {}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "PNG", {}),
        (alpha, "PNG", {}),
        (picture.convert("P"), "PNG", {"transparency": 0}),
        (picture.convert("1"), "PNG", {}),
        (picture.convert("I;16"), "PNG", {}),
        (large, "WEBP", {}),
        (alpha, "WEBP", {"lossless": True}),
        (picture, "BMP", {}),
        (picture.convert("P"), "BMP", {}),
        (picture.convert("P"), "GIF", {"append_images": [large.convert("P")], "save_all": True}),
    ]
    restarts = encode_image(large, "JPEG", {"restart_marker_blocks": 1})[:-2]
    samples = [file.read_bytes() for file in [*files, *damaged] if file.suffix not in (".bin", ".md")]
    return [*samples, *(encode_image(*each) for each in made), restarts]


def encode_image(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def mutate(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """One to eight changes, most of them near the beginning, where the headers are."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 8))):
        chance.choice(CHANGES)(result, others, chance)
    return bytes(result)


def choose_position(data: bytearray, chance: random.Random) -> int:
    if not data:
        return 0
    return min(chance.randrange(len(data)), chance.choice((20, 64, 300, len(data))) - 1)


def flip(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    if data:
        data[choose_position(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    value = chance.choice((*EDGES, struct.pack(">H", chance.randrange(65536)), chance.randbytes(4)))
    at = choose_position(data, chance)
    data[at : at + len(value)] = value


def insert(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = choose_position(data, chance)
    data[at:at] = chance.choice(EDGES) * chance.choice((1, 2, 100))


def remove(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = choose_position(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 16, 256))]


def cut(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    del data[choose_position(data, chance) :]


def repeat(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = choose_position(data, chance)
    data[at:at] = bytes(data[at : at + chance.choice((2, 16, 256))]) * chance.choice((1, 2, 20))


def splice(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """The rest of another file."""
    other = chance.choice(others)
    data[choose_position(data, chance) :] = other[choose_position(bytearray(other), chance) :]


CHANGES: tuple[Callable[[bytearray, list[bytes], random.Random], None], ...] = (
    flip, flip, overwrite, overwrite, insert, remove, cut, repeat, splice,
)  # fmt: skip


def mutate_json(value: Any, chance: random.Random) -> bytes:
    """A JSON text: values, keys or elements changed somewhere, and at times the text itself."""
    result = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 2, 4))):
        result = change_value(result, chance)
    text = json.dumps(result).encode()
    return mutate(text, [text], chance) if chance.random() < 0.2 else text


def change_value(value: Any, chance: random.Random) -> Any:
    """`value` with one place in it changed."""
    if isinstance(value, (dict, list)) and value and chance.random() < 0.85:
        key: Any = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        action = chance.random()
        if action < 0.1:
            del value[key]
        elif action < 0.2 and isinstance(value, list):
            value.append(copy.deepcopy(value[key]))
        elif action < 0.2 and isinstance(value, dict):
            value[chance.choice(("", "name", "parameters", "binary_data_size"))] = chance.choice(ODD_VALUES)
        else:
            value[key] = change_value(value[key], chance)
        return value
    return copy.deepcopy(chance.choice(ODD_VALUES))
