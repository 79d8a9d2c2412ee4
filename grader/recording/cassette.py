"""Cassettes, each the requests of one check to the reference with their replies, and the file of them all.

The file is an .npz whose arrays are plain numbers: the member `header` holds the cassettes as JSON, the others all
arrays of one dtype, one after the other. Nothing is pickled, and the same answers make the same bytes.
"""

import hashlib
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..course.manifest import Manifest
from ..errors import RecordingError
from ..sandbox.wire import DTYPES
from .fingerprint import Array

FILENAME = "expected.npz"
VERSION = 2
UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, msgspec.MsgspecError
)  # fmt: skip
LOOKS = ("get", "list", "len", "fetch", "open", "parameters")


class Entry(msgspec.Struct, array_like=True):
    """A request and its reply: the fingerprint, the reply as a frame's message, the numbers of its arrays.

    In a list of calls it is one of a function of the assignment by another, as the reference makes it.
    """

    ask: Any
    reply: Any
    arrays: list[int]

    @property
    def is_look(self) -> bool:
        """Whether the request changed nothing, so that it may be made whenever until one comes that did."""
        return self.ask["op"] in LOOKS


class Cassette(msgspec.Struct):
    """All answers that one check asks for; `varies` where its questions depend on the answers of who is judged.

    `traits` are of what kind the forward pass is, for each backward pass that the check calls.
    """

    seed: int
    varies: bool = False
    entries: list[Entry] = []
    calls: list[Entry] = []
    traits: list[list[str]] = []


class RecordingHeader(msgspec.Struct):
    """All but the arrays: the seed of the inputs, digests of the checks' files, names of the package, cassettes."""

    seed: int
    files: dict[str, str]
    names: dict[str, tuple[str, bool]]
    cassettes: dict[str, Cassette]
    specs: list[tuple[str, list[int]]] = []
    version: int = VERSION


class Recording:
    """The answers to the public checks as they were recorded; arrays are known by their numbers."""

    def __init__(self, header: RecordingHeader, arrays: list[Array]) -> None:
        self.header, self.arrays = header, arrays
        self._by_seed = {cassette.seed: cassette for cassette in header.cassettes.values()}

    def cassette(self, seed: int) -> Cassette | None:
        """Return the cassette of the check whose workers are given this seed."""
        return self._by_seed.get(seed)

    def foundations(self) -> dict[str, set[str]]:
        """Return the functions of the assignment that the reference calls in each check."""
        cassettes = self.header.cassettes.items()
        return {check: {call.ask["callback"] for call in cassette.calls} for check, cassette in cassettes}

    def changed(self, files: list[Path]) -> list[str]:
        """Return the names of the checks' files that differ from the ones the answers belong to."""
        return [file.name for file in files if self.header.files.get(file.name) != digest(file)]


def digest(file: Path) -> str:
    """Return a digest of a file's text, whatever ends its lines."""
    return hashlib.sha256(file.read_text(encoding="utf-8", errors="replace").encode()).hexdigest()


def find(manifest: Manifest) -> Recording | None:
    """Return the recorded answers of a course without a reference; raises RecordingError for an unreadable file."""
    file = manifest.path("public") / FILENAME
    return load(file) if file.is_file() and not manifest.path("reference").is_dir() else None


def load(file: Path) -> Recording:
    """Read a recording; raises RecordingError with the file and what to do."""
    try:
        with np.load(file, allow_pickle=False) as members:
            content = members["header"].tobytes()
            version = msgspec.json.decode(content, type=dict[str, Any]).get("version", VERSION)
            if version != VERSION:
                raise ValueError(f"it is of version {version}, and this grader reads version {VERSION}")
            header = msgspec.json.decode(content, type=RecordingHeader)
            codes = {code for code, _ in header.specs} & DTYPES
            return Recording(header, _cut(header.specs, {code: members[code[1:]] for code in codes}))
    except UNREADABLE as error:
        raise RecordingError(
            f"{file}: the reference's recorded answers cannot be read ({error}); "
            "take this file once more from what you downloaded"
        ) from None


def _cut(specs: list[tuple[str, list[int]]], flat: dict[str, Array]) -> list[Array]:
    arrays, begin = [], dict.fromkeys(flat, 0)
    for code, shape in specs:
        end = begin[code] + math.prod(shape)
        arrays.append(flat[code][begin[code] : end].reshape(shape))
        begin[code] = end
    if any(flat[code].dtype.str != code or begin[code] != flat[code].size for code in flat):
        raise ValueError("its arrays are not those that its header names")
    return arrays


def save(recording: Recording, file: Path) -> None:
    """Write a recording; the same answers make the same bytes."""
    header = msgspec.structs.replace(recording.header, specs=[(a.dtype.str, list(a.shape)) for a in recording.arrays])
    members = {"header": np.frombuffer(msgspec.json.encode(header, order="deterministic"), np.uint8)}
    for code in sorted({array.dtype.str for array in recording.arrays}):
        members[code[1:]] = np.concatenate([a.reshape(-1) for a in recording.arrays if a.dtype.str == code])
    with file.open("wb") as out:
        np.savez_compressed(out, **members)  # type: ignore[arg-type]  # a flag beside the arrays, allow_pickle, is bool
