"""Looks through what students would get for what they must not: solutions, model answers, hidden checks and seeds.

A solution is known by its lines, whatever their spacing, and by the shape of any few of its statements, whatever their
variables are called.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from . import fingerprints
from .pieces import Piece, pieces

MARKERS = re.compile(r"\b(BEGIN|END) SOLUTION\b")
LEAST_LINE = 9  # words and signs of a line, below which many would write it alike
SHINGLE = 9  # words in a row that two texts do not share by chance
LEAST_SENTENCE = 6  # words
SENTENCE = re.compile(r"[.!?:;]\s|\n\s*\n|\n\s*[-*|] ")
WORDS = re.compile(r"[^\W_]+")
TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|\d[\w.]*(?<=[eE])-?\d+|\d[\w.]*|\w+|[^\s\w]")
PRIVATE = re.compile(
    r"(^|/)(\.git|\.hg|\.svn|__pycache__|\.ipynb_checkpoints)(/|$)|\.(pack|bundle|pyc|orig|rej|patch)$"
)


@dataclass(frozen=True)
class Leak:
    """Something that must not leave, and where it stands."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass
class Secrets:
    """What must not leave, each with the place it comes from."""

    lines: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, ...], str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    files: dict[bytes, str] = field(default_factory=dict)
    bytes: dict[bytes, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def add_code(self, module: ast.Module, text: str, first: int, last: int, origin: str) -> None:
        """Makes the lines `first` to `last` of a module secret."""
        for number, line in enumerate(text.splitlines()[first - 1 : last], start=first):
            if len(TOKEN.findall(line)) >= LEAST_LINE:
                self.lines.setdefault(squashed(line), f"{origin}, line {number}")
        for shape, place in fingerprints.secret(module, first, last):
            self.shapes.setdefault(shape, f"{origin}, line {place}")

    @cached_property
    def lengths(self) -> set[int]:
        """How many words the answers' runs have."""
        return {len(answer) for answer in self.answers}

    def add_answer(self, text: str, origin: str) -> None:
        """Makes a model answer secret: its sentences, and all runs of its words."""
        sentences = [tuple(words(sentence)) for sentence in SENTENCE.split(text)]
        runs = [sentence for sentence in sentences if LEAST_SENTENCE <= len(sentence) < SHINGLE]
        for run in runs + shingles(words(text)):
            self.answers.setdefault(run, origin)


def scan(files: dict[str, bytes], secrets: Secrets) -> list[Leak]:
    """Every leak in these files, in their order."""
    leaks: list[Leak] = []
    for name in sorted(files):
        leaks += _names_and_bytes(name, files[name], secrets)
        for piece in pieces(name, files[name]):
            leaks += _lines(piece, secrets)
            leaks += _shapes(piece, secrets)
            leaks += _answers(piece, secrets)
    return leaks


def squashed(line: str) -> str:
    """A line of code without spaces and without the comment at its end."""
    code = re.sub(r"(?<=\S)\s+#\s.*$", "", line)
    return re.sub(r"\s+", "", code)


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return [word.lower() for word in WORDS.findall(text)]


def shingles(found: list[str]) -> list[tuple[str, ...]]:
    """All runs of words."""
    return [tuple(found[at : at + SHINGLE]) for at in range(len(found) - SHINGLE + 1)]


def _names_and_bytes(name: str, content: bytes, secrets: Secrets) -> Iterator[Leak]:
    if PRIVATE.search(name):
        yield Leak(name, "history, a cache or the like; students have no use for it")
    for folder in secrets.folders:
        if PurePosixPath(name).is_relative_to(folder):
            yield Leak(name, f"lies in {folder}, which only instructors have")
    if content in secrets.files:
        yield Leak(name, f"is {secrets.files[content]}")
    for origin in {origin for some, origin in secrets.bytes.items() if some in content}:
        yield Leak(name, f"holds {origin}")


def _lines(piece: Piece, secrets: Secrets) -> Iterator[Leak]:
    for number, line in enumerate(piece.text.splitlines(), start=1):
        if MARKERS.search(line):
            yield Leak(piece.place(number), "a marker of a solution")
        if origin := secrets.lines.get(squashed(line)):
            yield Leak(piece.place(number), f"a line of {origin}")
        for word in _spelled(line, secrets.names):
            yield Leak(piece.place(number), f"{word}, {secrets.names[word]}")


def _spelled(line: str, names: Iterable[str]) -> list[str]:
    """The secret words in a line; numbers may be written with underscores."""
    plain = re.sub(r"(?<=\d)_(?=\d)", "", line)
    return [name for name in names if name in plain and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain)]


def _shapes(piece: Piece, secrets: Secrets) -> Iterator[Leak]:
    if not piece.code:
        return
    try:
        module = ast.parse(piece.runnable())
    except (SyntaxError, ValueError):
        return
    last = 0
    for shape, line in fingerprints.found(module):
        if shape in secrets.shapes and line > last:
            yield Leak(piece.place(line), f"statements as in {secrets.shapes[shape]}")
            last = line + 2


def _answers(piece: Piece, secrets: Secrets) -> Iterator[Leak]:
    found: list[tuple[str, int]] = []
    for number, line in enumerate(piece.text.splitlines(), start=1):
        found += [(word, number) for word in words(line)]
    run, last = [word for word, _ in found], 0
    for at, (_, number) in enumerate(found):
        for length in secrets.lengths:
            origin = secrets.answers.get(tuple(run[at : at + length]))
            if origin and number > last:
                yield Leak(piece.place(number), f"words of the answer in {origin}")
                last = number + 3
