"""Search files for students for what must not leave: solutions, model answers, hidden checks and seeds.

A solution is known by its lines, whatever their spacing, and by the shape of any few of its statements, whatever their
variables are called.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from ..notebooks.source import strip_magics

RUN = 3  # statements
LEAST = 17  # nodes of a run, below which many would write it alike
LEAST_ALONE = 22  # nodes of a solution that is shorter than a run
VARIABLE = re.compile(r"(?<=\bName\(id=)'\w+'|(?<=\barg\(arg=)'\w+'")  # in a spelled statement
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
class TextUnit:
    """One text; `cell` is its number in a notebook, 0 elsewhere."""

    file: str
    text: str
    code: bool
    cell: int = 0

    def place(self, line: int) -> str:
        """Return where a line stands."""
        return f"{self.file}, cell {self.cell}, line {line}" if self.cell else f"{self.file}, line {line}"


def split_file(name: str, content: bytes) -> Iterator[TextUnit]:
    """Yield the texts of a file; none of one that is no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    suffix = PurePosixPath(name).suffix
    if suffix != ".ipynb":
        yield TextUnit(name, text, suffix == ".py")
        return
    notebook = json.loads(text)
    for number, cell in enumerate(notebook["cells"], start=1):
        yield TextUnit(name, "".join(cell["source"]), cell["cell_type"] == "code", number)
        others = [cell["metadata"], cell.get("outputs", [])]
        yield TextUnit(name, json.dumps(others, ensure_ascii=False), False, number)
    yield TextUnit(name, json.dumps(notebook["metadata"], indent=1, ensure_ascii=False), False)


@dataclass(frozen=True)
class Statement:
    """A statement as its syntax tree spells it, and how many nodes it has."""

    line: int
    end: int
    spelled: str
    nodes: int


def hash_solution(module: ast.Module, first: int, last: int) -> Iterator[tuple[str, int]]:
    """Yield the shape and line of each run of statements between two lines; of a shorter block, that of the whole."""
    for block in _walk_blocks(module):
        inside = [statement for statement in block if first <= statement.line and statement.end <= last]
        length = min(RUN, len(inside))
        yield from _hash_runs(inside, length, LEAST if length == RUN else LEAST_ALONE)


def hash_module(module: ast.Module) -> list[tuple[str, int]]:
    """Return the shape and line of everything that could be such a run, by line."""
    blocks = list(_walk_blocks(module))
    shapes = [pair for block in blocks for length in range(1, RUN + 1) for pair in _hash_runs(block, length, LEAST)]
    return sorted(shapes, key=lambda pair: pair[1])


def hash_shape(statements: Sequence[Statement]) -> str:
    """Return a few letters that are the same for statements that differ in the names of their variables only."""
    numbers: dict[str, int] = {}
    spelled = "\n".join(statement.spelled for statement in statements)
    shape = VARIABLE.sub(lambda name: str(numbers.setdefault(name[0], len(numbers))), spelled)
    return hashlib.sha256(shape.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _hash_runs(block: list[Statement], length: int, least: int) -> Iterator[tuple[str, int]]:
    for at in range(len(block) - length + 1 if length else 0):
        run = block[at : at + length]
        if sum(statement.nodes for statement in run) >= least:
            yield hash_shape(run), run[0].line


def _walk_blocks(module: ast.Module) -> Iterator[list[Statement]]:
    """Yield every list of statements, without texts that stand alone and without annotations."""
    for node in ast.walk(module):
        for name in {"annotation", "returns"}.intersection(node._fields):
            setattr(node, name, None)
    for node in ast.walk(module):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield [_spell_statement(child) for child in block if not _is_text(child)]


def _spell_statement(node: ast.stmt) -> Statement:
    nodes = [one for one in ast.walk(node) if not isinstance(one, ast.expr_context)]
    return Statement(node.lineno, node.end_lineno or node.lineno, ast.dump(node), len(nodes))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@dataclass(frozen=True)
class Leak:
    """A secret in a file for students, and the place where it stands."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass
class Secrets:
    """All secrets of a course by kind, each with the place it comes from."""

    lines: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, ...], str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    files: dict[bytes, str] = field(default_factory=dict)
    bytes: dict[bytes, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def add_code(self, module: ast.Module, text: str, first: int, last: int, origin: str) -> None:
        """Make the lines `first` to `last` of a module secret."""
        for number, line in enumerate(text.splitlines()[first - 1 : last], start=first):
            if len(TOKEN.findall(line)) >= LEAST_LINE:
                self.lines.setdefault(squash(line), f"{origin}, line {number}")
        for shape, place in hash_solution(module, first, last):
            self.shapes.setdefault(shape, f"{origin}, line {place}")

    @cached_property
    def lengths(self) -> set[int]:
        """Return how many words the answers' runs have."""
        return {len(answer) for answer in self.answers}

    def add_answer(self, text: str, origin: str) -> None:
        """Make a model answer secret: its sentences, and all runs of its words."""
        sentences = [tuple(split_words(sentence)) for sentence in SENTENCE.split(text)]
        runs = [sentence for sentence in sentences if LEAST_SENTENCE <= len(sentence) < SHINGLE]
        for run in runs + list_shingles(split_words(text)):
            self.answers.setdefault(run, origin)


def scan(files: dict[str, bytes], secrets: Secrets) -> list[Leak]:
    """Find every leak in these files, in their order."""
    leaks: list[Leak] = []
    for name in sorted(files):
        leaks += _search_file(name, files[name], secrets)
        for unit in split_file(name, files[name]):
            leaks += _search_lines(unit, secrets)
            leaks += _search_shapes(unit, secrets)
            leaks += _search_answers(unit, secrets)
    return leaks


def squash(line: str) -> str:
    """Return a line of code without spaces and without the comment at its end."""
    code = re.sub(r"(?<=\S)\s+#\s.*$", "", line)
    return re.sub(r"\s+", "", code)


def split_words(text: str) -> list[str]:
    """Return the words of a text in small letters."""
    return [word.lower() for word in WORDS.findall(text)]


def list_shingles(found: list[str]) -> list[tuple[str, ...]]:
    """Return all runs of words."""
    return [tuple(found[at : at + SHINGLE]) for at in range(len(found) - SHINGLE + 1)]


def _search_file(name: str, content: bytes, secrets: Secrets) -> Iterator[Leak]:
    if PRIVATE.search(name):
        yield Leak(name, "history, a cache or the like; students have no use for it")
    for folder in secrets.folders:
        if PurePosixPath(name).is_relative_to(folder):
            yield Leak(name, f"lies in {folder}, which only instructors have")
    if content in secrets.files:
        yield Leak(name, f"is {secrets.files[content]}")
    for origin in {origin for some, origin in secrets.bytes.items() if some in content}:
        yield Leak(name, f"holds {origin}")


def _search_lines(unit: TextUnit, secrets: Secrets) -> Iterator[Leak]:
    for number, line in enumerate(unit.text.splitlines(), start=1):
        if MARKERS.search(line):
            yield Leak(unit.place(number), "a marker of a solution")
        if origin := secrets.lines.get(squash(line)):
            yield Leak(unit.place(number), f"a line of {origin}")
        for word in _find_spelled(line, secrets.names):
            yield Leak(unit.place(number), f"{word}, {secrets.names[word]}")


def _find_spelled(line: str, names: Iterable[str]) -> list[str]:
    """Return the secret words in a line; numbers may be written with underscores."""
    plain = re.sub(r"(?<=\d)_(?=\d)", "", line)
    return [name for name in names if name in plain and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain)]


def _search_shapes(unit: TextUnit, secrets: Secrets) -> Iterator[Leak]:
    if not unit.code:
        return
    try:
        module = ast.parse(strip_magics(unit.text))
    except (SyntaxError, ValueError):
        return
    last = 0
    for shape, line in hash_module(module):
        if shape in secrets.shapes and line > last:
            yield Leak(unit.place(line), f"statements as in {secrets.shapes[shape]}")
            last = line + 2


def _search_answers(unit: TextUnit, secrets: Secrets) -> Iterator[Leak]:
    found: list[tuple[str, int]] = []
    for number, line in enumerate(unit.text.splitlines(), start=1):
        found += [(word, number) for word in split_words(line)]
    run, last = [word for word, _ in found], 0
    for at, (_, number) in enumerate(found):
        for length in secrets.lengths:
            origin = secrets.answers.get(tuple(run[at : at + length]))
            if origin and number > last:
                yield Leak(unit.place(number), f"words of the answer in {origin}")
                last = number + 3
