"""The record of the reference's answers, one tape a check, and its file: an .npz whose arrays are plain numbers.

The member `header` holds the tapes as JSON, the others all arrays of one dtype, one after the other. Nothing is
pickled, and the same answers make the same bytes.
"""

import hashlib
import io
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

FILENAME = "expected.npz"
VERSION = 1
LOOKS = ("get", "list", "len", "fetch", "open", "parameters")


class Joined(msgspec.Struct, array_like=True):
    """What a request brought to the package: the prints of the requests that made it, the numbers of its handles."""

    asks: list[Any]
    numbers: list[int]


class Entry(msgspec.Struct, array_like=True):
    """One answer of the reference: the print of the request, the reply as a frame's message, numbers of its arrays."""

    ask: Any
    reply: Any
    arrays: list[int]
    joined: list[Joined] = []

    @property
    def looks(self) -> bool:
        """Whether it changed nothing, so that it may be asked at any time before the next one that does."""
        return self.ask["op"] in LOOKS and not self.joined


class Call(msgspec.Struct, array_like=True):
    """A call of one function of the assignment by another, as the reference makes it: name, print and reply."""

    name: str
    ask: Any
    reply: Any
    arrays: list[int]


class Tape(msgspec.Struct):
    """All answers that one check asks for; `varies` where its questions depend on the answers of who is judged.

    `traits` are of what kind the forward pass is, for each backward pass that the check calls.
    """

    seed: int
    varies: bool = False
    entries: list[Entry] = []
    calls: list[Call] = []
    traits: list[list[str]] = []


class Header(msgspec.Struct):
    """All but the arrays: the seed of the inputs, digests of the checks' files, names the package holds, tapes."""

    version: int
    seed: int
    files: dict[str, str]
    names: dict[str, tuple[str, bool]]
    tapes: dict[str, Tape]
    specs: list[tuple[str, list[int]]]


class Recording:
    """The answers to the public checks as they were recorded; arrays are known by their numbers."""

    def __init__(self, header: Header, arrays: list[np.ndarray]) -> None:
        self.header, self.arrays = header, arrays
        self._by_seed = {tape.seed: tape for tape in header.tapes.values()}

    def tape(self, seed: int) -> Tape | None:
        """The tape of the check whose workers are given this seed."""
        return self._by_seed.get(seed)

    def foundations(self) -> dict[str, set[str]]:
        """The functions of the assignment that the reference calls in each check, where it is known."""
        return {check: {call.name for call in tape.calls} for check, tape in self.header.tapes.items()}

    def changed(self, files: list[Path]) -> list[str]:
        """Those of the checks' files that differ from the ones the answers belong to."""
        return [file.name for file in files if self.header.files.get(file.name) != digest(file)]


def digest(file: Path) -> str:
    """A digest of a file's text, whatever ends its lines."""
    return hashlib.sha256(file.read_text(encoding="utf-8", errors="replace").encode()).hexdigest()


def find(manifest: Manifest) -> Recording | None:
    """The recorded answers where there is no reference but a recording; raises RecordingError for an unreadable one."""
    file = manifest.path("public") / FILENAME
    return load(file) if file.is_file() and not manifest.path("reference").is_dir() else None


def load(file: Path) -> Recording:
    """Reads a recording; raises RecordingError with the file and what to do."""
    try:
        with zipfile.ZipFile(file) as archive:
            header = msgspec.json.decode(_member(archive, "header").tobytes(), type=Header)
            if header.version != VERSION:
                raise ValueError(f"it is of version {header.version}, and this grader reads version {VERSION}")
            codes = sorted({code for code, _ in header.specs} & DTYPES)
            return Recording(header, _cut(header.specs, {code: _member(archive, code[1:]) for code in codes}))
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise RecordingError(
            f"{file}: the reference's recorded answers cannot be read ({error}); "
            "take this file once more from what you downloaded"
        ) from None


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)


def _cut(specs: list[tuple[str, list[int]]], flat: dict[str, np.ndarray]) -> list[np.ndarray]:
    arrays, begin = [], dict.fromkeys(flat, 0)
    for code, shape in specs:
        end = begin[code] + math.prod(shape)
        arrays.append(flat[code][begin[code] : end].reshape(shape))
        begin[code] = end
    if any(flat[code].dtype.str != code or begin[code] != flat[code].size for code in flat):
        raise ValueError("its arrays are not those that its header names")
    return arrays


def save(recording: Recording, file: Path) -> None:
    """Writes a recording; the same answers make the same bytes."""
    header = msgspec.structs.replace(recording.header, specs=[(a.dtype.str, list(a.shape)) for a in recording.arrays])
    members = {"header": np.frombuffer(msgspec.json.encode(header, order="deterministic"), np.uint8)}
    for code in sorted({array.dtype.str for array in recording.arrays}):
        members[code[1:]] = np.concatenate([a.reshape(-1) for a in recording.arrays if a.dtype.str == code])
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in members.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(member, content.getvalue(), compresslevel=9)
