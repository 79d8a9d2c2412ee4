"""A package compiled once for all its workers, none of which may write: by a worker that runs none of its code.

Python finds what is written here by `sys.pycache_prefix`, and compiles itself what is not.
"""

import contextlib
import importlib.machinery
import os
import sys
from itertools import islice
from pathlib import Path

import numpy as np

from ..course.reading import python_files

MOST_FILES, MOST_BYTES = 60, 1024 * 1024


def sources(package: Path) -> list[str]:
    """The package's modules that are worth it, as paths inside of it; very many or very large ones are left out."""
    small = (file for file in python_files(package) if (package / file).stat().st_size <= MOST_BYTES)
    return sorted(str(file) for file in islice(small, MOST_FILES))


def compiled(source: Path) -> np.ndarray | None:
    """The bytes of a module's bytecode file; None where it cannot be compiled. No code of it is run."""
    loader = _Keep("module", str(source))
    with contextlib.suppress(Exception):
        loader.get_code("module")
    return None if loader.content is None else np.frombuffer(loader.content, np.uint8)


class _Keep(importlib.machinery.SourceFileLoader):
    """Keeps the bytecode it would write."""

    content: bytes | None = None

    def set_data(self, path: str, data: bytes, **unused: int) -> None:
        self.content = bytes(data)


def write(folder: Path, source: Path, content: np.ndarray) -> None:
    """Puts a module's bytecode where a worker told of this folder looks for it."""
    place = folder / str(source.parent).lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    file.write_bytes(content.tobytes())
    os.chmod(file, 0o644)
