"""Cassettes, each the requests of one check to the reference with their replies, and the file of them all.

The file is an .npz whose arrays are plain numbers: the member `header` holds the cassettes as JSON, the others all
arrays of one dtype, one after the other. Nothing is pickled, and the same answers make the same bytes.
"""

import hashlib
import json
import math
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..course.manifest import Manifest
from ..errors import CourseError
from ..sandbox.wire import DTYPES

NODES = ("value", "key", "args", "kwargs")
KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}
DIGITS = ".12g"
PROJECTIONS = 2

Array = np.ndarray[Any, Any]
Message = dict[str, Any]

FILENAME = "expected.npz"
VERSION = 4
UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, msgspec.MsgspecError
)  # fmt: skip
LOOKS = ("get", "list", "len", "fetch", "open", "parameters")


def fingerprint_request(message: Message, arrays: list[Array]) -> Message:
    """Return the fingerprint of a request; handles and paths stand in it as they are."""
    return {key: fingerprint_node(value, arrays) if key in NODES else value for key, value in message.items()}


def fingerprint_node(node: Any, arrays: list[Array]) -> Any:
    """Return the fingerprint of a value in a frame; tuples become lists, and dicts are in the order of their keys."""
    if not isinstance(node, dict):
        return node
    ((form, content),) = node.items()
    if form in ("tuple", "list"):
        return [fingerprint_node(item, arrays) for item in content]
    if form == "dict":
        pairs = [[fingerprint_node(part, arrays) for part in pair] for pair in content]
        return {"dict": sorted(pairs, key=lambda pair: json.dumps(pair[0]))}
    if form == "scalar" and np.isfinite(arrays[content]):
        return arrays[content].item()
    if form in ("array", "scalar"):
        return fingerprint_array(arrays[content])
    if form == "tensor":
        return {"tensor": fingerprint_array(arrays[content[0]])}
    return {form: content}


def fingerprint_array(array: Array) -> dict[str, Any]:
    """Return kind, shape, how many values are not finite, the largest, the length of the rest over it, projections."""
    values = array.astype(np.float64).reshape(-1)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    top = float(np.abs(values).max(initial=0.0))
    unit = values / top if top else values
    numbers = [top, float(np.sqrt(unit @ unit)), *(_directions(values.size) @ unit).tolist()]
    rounded = [float(format(number, DIGITS)) for number in numbers]
    return {"array": [KINDS[array.dtype.kind], list(array.shape), int((~finite).sum()), rounded]}


@lru_cache(maxsize=64)
def _directions(size: int) -> Array:
    return np.random.RandomState(size).standard_normal((PROJECTIONS, size))


def agree(one: Any, other: Any, rel: float) -> bool:
    """Return whether two fingerprints are of the same request, floating point numbers within `rel`."""
    if isinstance(one, dict) and isinstance(other, dict):
        if "array" in one and "array" in other:
            return _same_array(one["array"], other["array"], rel)
        return one.keys() == other.keys() and all(agree(value, other[key], rel) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(agree(a, b, rel) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
        return numbers and abs(one - other) <= rel * max(abs(one), abs(other))
    return type(one) is type(other) and bool(one == other)


def _same_array(one: list[Any], other: list[Any], rel: float) -> bool:
    *facts, (top, length, *projections) = one
    *others, (other_top, other_length, *other_projections) = other
    if facts != others or abs(top - other_top) > rel * max(top, other_top):
        return False
    allowed = 4 * rel * max(length, other_length)  # a projection is about as long as what is projected
    pairs = zip([length, *projections], [other_length, *other_projections], strict=True)
    return all(abs(a - b) <= allowed for a, b in pairs)


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


class AnswersHeader(msgspec.Struct):
    """All but the arrays: the seed of the inputs, digests of the checks' files, names of the package, cassettes."""

    seed: int
    files: dict[str, str]
    names: dict[str, str]
    cassettes: dict[str, Cassette]
    specs: list[tuple[str, list[int]]] = []
    version: int = VERSION


class RecordedAnswers:
    """The answers to the public checks as they were recorded; arrays are known by their numbers."""

    def __init__(self, header: AnswersHeader, arrays: list[Array]) -> None:
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
        return [file.name for file in files if self.header.files.get(file.name) != digest_file(file)]


def digest_file(file: Path) -> str:
    """Return a digest of a file's text, whatever ends its lines."""
    return hashlib.sha256(file.read_text(encoding="utf-8", errors="replace").encode()).hexdigest()


def find_answers(manifest: Manifest) -> RecordedAnswers | None:
    """Return the recorded answers of a course without a reference. Raise CourseError for an unreadable file."""
    file = manifest.path("public") / FILENAME
    return load_answers(file) if file.is_file() and not manifest.path("reference").is_dir() else None


def load_answers(file: Path) -> RecordedAnswers:
    """Read recorded answers. Raise CourseError with the file and what to do."""
    try:
        with np.load(file, allow_pickle=False) as members:
            content = members["header"].tobytes()
            version = msgspec.json.decode(content, type=dict[str, Any]).get("version", VERSION)
            if version != VERSION:
                raise ValueError(f"it is of version {version}, and this grader reads version {VERSION}")
            header = msgspec.json.decode(content, type=AnswersHeader)
            codes = {code for code, _ in header.specs} & DTYPES
            return RecordedAnswers(header, _cut(header.specs, {code: members[code[1:]] for code in codes}))
    except UNREADABLE as error:
        raise CourseError(
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


def save_answers(answers: RecordedAnswers, file: Path) -> None:
    """Write recorded answers; the same answers make the same bytes."""
    header = msgspec.structs.replace(answers.header, specs=[(a.dtype.str, list(a.shape)) for a in answers.arrays])
    members = {"header": np.frombuffer(msgspec.json.encode(header, order="deterministic"), np.uint8)}
    for code in sorted({array.dtype.str for array in answers.arrays}):
        members[code[1:]] = np.concatenate([a.reshape(-1) for a in answers.arrays if a.dtype.str == code])
    with file.open("wb") as out:
        np.savez_compressed(out, **members)  # type: ignore[arg-type]  # a flag beside the arrays, allow_pickle, is bool
