"""Which images a folder or a packed file has, and reading them one by one."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator

import pytest

from server.bulk.packed_images import read_packed
from server.bulk.source import MAX_BYTES, open_source
from server.errors import BadRequest, StartupError, TooLarge

PACK = Path(__file__).parents[2] / "data" / "cifar10_train_400.bin"


def write(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_every_file_below_the_folder_counts(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/z.PNG", "a/b/c", "text.txt", ".hidden.jpg", ".hidden/a.jpg", "a/.b/c.jpg"):
        write(tmp_path / name, name.encode())
    source = open_source(tmp_path)
    assert source.list_names() == ["a/b/c", "a/z.PNG", "b.jpg", "text.txt"]
    assert [source.read(name) for name in source.list_names()] == [b"a/b/c", b"a/z.PNG", b"b.jpg", b"text.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names, links or pipes")
def test_names_links_and_pipes(tmp_path: Path) -> None:
    root = tmp_path / "images"
    write(root / os.fsdecode(b"\xff\xfe.jpg"), b"odd")
    target = write(tmp_path / "elsewhere" / "a.jpg", b"linked")
    (root / "link.jpg").symlink_to(target)
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.jpg")
    source = open_source(root)
    odd, gone, link, pipe = sorted([os.fsdecode(b"\xff\xfe.jpg"), "gone.jpg", "link.jpg", "pipe.jpg"], key=len)
    assert source.list_names() == sorted([odd, gone, link, pipe])
    assert source.read(os.fsdecode(b"\xff\xfe.jpg")) == b"odd" and source.read("link.jpg") == b"linked"
    with pytest.raises(BadRequest, match="No such file"):
        source.read("gone.jpg")
    with pytest.raises(BadRequest, match="no regular file"):
        source.read("pipe.jpg")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with write(tmp_path / "large.bmp").open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(TooLarge, match="67,108,865 bytes, the limit is 67,108,864"):
        open_source(tmp_path).read("large.bmp")


def test_packed_file() -> None:
    source = open_source(PACK)
    names = source.list_names()
    assert names[:2] == ["00000000", "00000001"] and len(names) == 400
    assert [source.read(name) for name in names] == [image.data for image in read_packed(PACK)]


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    with pytest.raises(StartupError, match="there is no file in .*empty"):
        open_source(tmp_path / "empty").list_names()
    with pytest.raises(StartupError, match="nowhere is not there"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(StartupError, match="no packed image file"):
        open_source(write(tmp_path / "picture.jpg", b"\xff" * 9))
    with pytest.raises(StartupError, match="there is no image in"):
        open_source(write(tmp_path / "empty.bin", bytes(4))).list_names()


@contextmanager
def drop_root() -> Iterator[None]:
    """Nothing is unreadable for root."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_an_unreadable_folder_is_not_passed_over() -> None:
    with TemporaryDirectory() as name:  # pytest's own folders are closed to others than their owner
        folder = Path(name)
        folder.chmod(0o755)
        write(folder / "closed" / "a.jpg").parent.chmod(0)
        with pytest.raises(StartupError, match="cannot list .*closed .Permission denied"), drop_root():
            open_source(folder).list_names()
