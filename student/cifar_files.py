# Generated from reference/cifar_files.py by "python -m grader stubs" (unedited: 8b1a7983a094)
"""The files of CIFAR-10 in its Python version: their names, how they are read, and how others like them are written.

The originals were pickled by Python 2. Writing spells out that pickle's few instructions, so that the bytes, and so
their checksum, don't depend on the version of Python or NumPy that writes them.
"""

import hashlib
import os
import pickle
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
META = "batches.meta"


def load_pickle(f):
    """Unpickle from the open binary file f, reading strings of Python 2 as Latin-1; only for files you trust."""
    return pickle.load(f, encoding="latin1")


def md5(path: Path) -> str:
    """The MD5 digest of a file in hexadecimal, empty where there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as f:
        return hashlib.file_digest(f, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one batch as stored: images (N, 3, 32, 32) uint8 and labels (N,) int64."""
    with path.open("rb") as f:
        batch = load_pickle(f)
    return batch["data"].reshape(-1, 3, 32, 32), np.array(batch["labels"], dtype=np.int64)


def write_batch(path: Path, title: str, images: np.ndarray, labels: np.ndarray, filenames: list[str]) -> None:
    """Write images (N, 3, 32, 32) uint8 and their labels as a batch, with its title and the images' names."""
    rows = images.reshape(len(images), -1)
    entries = {"batch_label": _text(title), "labels": _list(map(_integer, labels)), "data": _array(rows)}
    _write(path, entries | {"filenames": _list(map(_text, filenames))})


def write_meta(path: Path, classes: Iterable[str], batch_size: int) -> None:
    """Write the file that names the classes."""
    entries = {"num_cases_per_batch": _integer(batch_size), "label_names": _list(map(_text, classes))}
    _write(path, entries | {"num_vis": _integer(3 * 32 * 32)})


def _write(path: Path, entries: dict[str, bytes]) -> None:
    """Write a pickled dict of pickled values; aside first, so that other processes never see half a file."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        items = b"".join(_text(key) + value for key, value in entries.items())
        aside.write_bytes(b"\x80\x02" + b"}(" + items + b"u.")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


# Instructions of pickle protocol 2, by its documentation in Python's pickletools.


def _text(value: str) -> bytes:
    """A string of Python 2."""
    return b"T" + struct.pack("<i", len(value)) + value.encode("ascii")


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", int(value))


def _list(values: Iterable[bytes]) -> bytes:
    return b"](" + b"".join(values) + b"e"


def _array(rows: np.ndarray) -> bytes:
    """A two-dimensional array of bytes, as NumPy has pickled it since Python 2."""
    data = np.ascontiguousarray(rows, dtype=np.uint8).tobytes()
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + _integer(0) + b"t" + _text("b") + b"tR"
    dtype = b"cnumpy\ndtype\n(" + _text("u1") + _integer(0) + _integer(1) + b"tR"
    dtype += b"(" + _integer(3) + _text("|") + b"NNN" + _integer(-1) + _integer(-1) + _integer(0) + b"tb"
    shape = b"(" + b"".join(map(_integer, rows.shape)) + b"t"
    content = b"T" + struct.pack("<i", len(data)) + data
    return empty + b"(" + _integer(1) + shape + dtype + b"\x89" + content + b"tb"
