"""Read a package as text within bounds: its modules, where a dotted name stands, which functions are stubs."""

import ast
import contextlib
import dis
import io
import os
import re
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType

from ..files import is_utf8, read_start
from ..limits import DOTTED_PARTS, FOLDER_LEVELS, FOLDERS, SOURCE_BYTES

PLAIN = bytes(range(1, 128)) + rb"+AC4-\x2e\u002e.xn--a-ecp"  # the same in all encodings that editors write
IMPORTED = re.compile(r"\b(?:import|from)\b((?:[\w\x80-\U0010ffff., \t\f]|\\\n)*+)")  # no name holds other letters


class Unparsable(ValueError):
    """A source cannot be parsed; the text says why, `line` where."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


class TooLarge(Unparsable):
    """A source is not parsed because of its size or its cost; Python itself may well read it."""


@dataclass(frozen=True)
class Definition:
    """The lines of a function or class, counted from 1, and the line of the stub that a call of it reaches.

    It is `unwritten` where no call can come to an end without a stub, whatever its other lines do.
    """

    first: int
    last: int
    stub: int | None = None
    unwritten: bool = False


ANYTHING = ast.Name("_", ast.Load())  # an expression that may have any value
NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])
Scope = dict[str, tuple[Definition, "Scope"]]  # what stands in a body, by name, with what stands in it


def read_source(file: Path) -> bytes:
    """Return a module's bytes, none where it cannot be read; a large one is cut off where `parse_source` refuses it."""
    with contextlib.suppress(OSError):
        return read_start(file, SOURCE_BYTES + 1)
    return b""


def parse_source(source: bytes) -> ast.Module:
    """Return the syntax tree of a module. Raise Unparsable, whatever the source holds."""
    if len(source) > SOURCE_BYTES:
        raise TooLarge(f"it is larger than {SOURCE_BYTES // 1024} kB")
    try:
        with warnings.catch_warnings(action="ignore"):
            text = _decode(source)
            if any(name.count(".") >= DOTTED_PARTS for found in IMPORTED.findall(text) for name in found.split(",")):
                raise TooLarge(f"it imports a name of more than {DOTTED_PARTS} parts")  # memory grows by their square
            return ast.parse(text)
    except Unparsable:
        raise
    except SyntaxError as problem:
        raise Unparsable(problem.msg, problem.lineno or 1) from None
    except (ValueError, LookupError, RecursionError, MemoryError) as problem:
        raise Unparsable(str(problem) or "it is nested too deeply") from None


def _decode(source: bytes) -> str:
    """Return a module's text as Python reads it, so that what is looked at is what is parsed. Raise Unparsable."""
    source = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # each ends a line for its parser
    encoding, plain = tokenize.detect_encoding(io.BytesIO(source).readline)[0], False
    with contextlib.suppress(UnicodeError):  # of an encoding that is not for text
        plain = PLAIN.decode(encoding, "replace") == PLAIN.decode()
    if not plain:
        raise TooLarge(f"its encoding is {encoding}, in which letters may stand for others")
    try:
        return source.decode(encoding)
    except UnicodeDecodeError as problem:
        raise Unparsable(f"(unicode error) {problem}", source.count(b"\n", 0, problem.start) + 1) from None


def list_modules(package: Path) -> Iterator[Path]:
    """Yield the modules of a package as paths in it, sorted in each folder; deep or many folders are cut short."""
    waiting, seen = [Path()], 0
    while waiting and seen < FOLDERS:
        folder, seen = waiting.pop(), seen + 1
        try:
            entries = sorted(os.scandir(package / folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if not is_utf8(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if len(folder.parts) < FOLDER_LEVELS:
                    waiting.append(folder / entry.name)
            elif entry.name.endswith(".py") and entry.is_file():
                yield folder / entry.name


def locate(package: Path, name: str) -> tuple[Path, list[str]]:
    """Return the module's file, and the path inside it, of a name such as `models.net.Net.loss`. Raise LookupError."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = package.joinpath(*parts[:cut]).with_suffix(".py")
        if module.is_file():
            return module, parts[cut:]
    raise LookupError(f"{name}: no module of that name in {package}")


@lru_cache(maxsize=64)
def find_definitions(source: bytes) -> dict[str, Definition]:
    """Return what a module defines at its top and in its classes, by dotted path; the last binding of a name counts.

    Raise Unparsable.
    """
    try:
        return _flatten(_read_scope(parse_source(source).body, ""))
    except RecursionError:
        raise Unparsable("it is nested too deeply") from None


def find_span(source: str, path: list[str]) -> tuple[int, int]:
    """Return where a function stands in a source, as character offsets. Raise LookupError when it does not."""
    name = ".".join(path)
    try:
        found = find_definitions(source.encode()).get(name)
    except Unparsable as problem:
        raise LookupError(f"{name}: {problem}") from None
    if found is None:
        raise LookupError(f"{name}: no function of that name")
    lines = source.split("\n")
    start, end = (sum(len(line) + 1 for line in lines[:count]) for count in (found.first - 1, found.last))
    return start, min(end, len(source))


def find_stubs(package: Path, names: Iterable[str], check: Callable[[], object] = lambda: None) -> dict[str, str]:
    """Return which of these functions are stubs, each with its place: `layers.py, line 20`.

    Only a stub that a call reaches counts. `check` is called before each look, to end it when time is over.
    """
    places: dict[str, str] = {}
    for name in names:
        check()
        found = find_definition(package, name)
        if found is not None and found[1].stub is not None:
            places[name] = f"{found[0].relative_to(package).as_posix()}, line {found[1].stub}"
    return places


def is_unwritten(package: Path, name: str) -> bool:
    """Return whether no call of a function can come to an end without a stub, however far its other lines come."""
    return (found := find_definition(package, name)) is not None and found[1].unwritten


def find_definition(package: Path, name: str) -> tuple[Path, Definition] | None:
    """Return a function's file and its definition; None where it is not there, or its module cannot be parsed."""
    with contextlib.suppress(LookupError, Unparsable):
        file, path = locate(package, name)
        if found := find_definitions(read_source(file)).get(".".join(path)):
            return file, found
    return None


def find_misplaced(package: Path, name: str) -> str:
    """Return where a function stands in its module if its indentation makes it a part of something else; or empty.

    For example `layers.py, line 20, inside of f`. A method of another class is another method.
    """
    with contextlib.suppress(LookupError, Unparsable):
        file, path = locate(package, name)
        *holder, wanted = path
        waiting: list[tuple[ast.AST, list[str], bool]] = [(parse_source(read_source(file)), [], False)]
        for node, outer, in_class in waiting:
            for inner in ast.iter_child_nodes(node):
                if not isinstance(inner, ast.ClassDef | ast.FunctionDef):
                    waiting.append((inner, outer, in_class))
                elif inner.name != wanted or (holder and in_class):
                    waiting.append((inner, [*outer, inner.name], isinstance(inner, ast.ClassDef)))
                else:
                    place = f"{file.relative_to(package).as_posix()}, line {inner.lineno}"
                    if outer:
                        return f"{place}, inside of {'.'.join(outer)}"
                    return f"{place}, outside of {'.'.join(holder)}" if holder else place
    return ""


def _read_scope(body: list[ast.stmt], prefix: str) -> Scope:
    """Return what a body binds to definitions, with what stands in each class."""
    scope: Scope = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            lines = Definition(node.lineno, node.end_lineno or node.lineno)
            scope[node.name] = lines, _read_scope(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope[node.name] = _define(node, f"{prefix}{node.name}"), {}
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):  # from here on the name means something else
                    scope.pop(target.id, None)
    return scope


def _define(node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> Definition:
    """Return a function's definition; Python's compiler leaves out the lines that no call of it reaches."""
    lines = node.lineno, node.end_lineno or node.lineno
    stubs = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Raise) and _is_stub(inner, path)]
    code = _compile(node) if stubs else None
    steps = [*dis.get_instructions(code)] if code else []
    raising = {step.positions.lineno for step in steps if step.opname == "RAISE_VARARGS" and step.positions}
    stub = next((line for line in sorted(stubs) if line in raising), None)
    if stub is None:
        return Definition(*lines)
    returns = any(step.opname in ("RETURN_VALUE", "RETURN_CONST") for step in steps)
    return Definition(*lines, stub, not (returns or node.decorator_list))  # a decorator may call something else


def _compile(node: ast.FunctionDef | ast.AsyncFunctionDef) -> CodeType | None:
    """Return a function's code, whose lines and returns are true; None where Python refuses it."""
    outline = ast.FunctionDef(node.name, NO_ARGUMENTS, _outline(node.body), [])
    with contextlib.suppress(SyntaxError, ValueError, MemoryError), warnings.catch_warnings(action="ignore"):
        module = compile(ast.fix_missing_locations(ast.Module([outline], [])), "", "exec", dont_inherit=True)
        return next((code for code in module.co_consts if isinstance(code, CodeType)), None)
    return None


def _outline(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements without all that does not steer them; each `finally` clause stands once, before its `try`.

    The compiler takes memory by the square of a pattern's names, and by a power of nested `finally` clauses.
    """
    parts = ((part, node) for node in body for part in _outline_statement(node))
    return [part if hasattr(part, "lineno") else ast.copy_location(part, node) for part, node in parts]


def _outline_statement(node: ast.stmt) -> list[ast.stmt]:
    match node:
        case ast.Raise() | ast.Return() | ast.Break() | ast.Continue():
            return [type(node)()]
        case ast.If() | ast.While():
            return [type(node)(_outline_test(node.test), _outline(node.body), _outline(node.orelse))]
        case ast.For() | ast.AsyncFor():
            return [ast.For(ast.Name("_", ast.Store()), ANYTHING, _outline(node.body), _outline(node.orelse))]
        case ast.With() | ast.AsyncWith():
            return _outline(node.body)
        case ast.Match():
            return [ast.Match(ANYTHING, [_outline_case(case) for case in node.cases])]
        case ast.Try() | ast.TryStar():
            types = [ANYTHING if handler.type else None for handler in node.handlers]
            bodies = [_outline(handler.body) for handler in node.handlers]
            handlers = [ast.ExceptHandler(kind, None, body) for kind, body in zip(types, bodies, strict=True)]
            body, clause = _outline(node.body), _outline(node.finalbody)
            tried: list[ast.stmt] = [ast.Try(body, handlers, _outline(node.orelse), [])] if handlers else body
            return [ast.If(ANYTHING, clause, []), *tried] if clause else tried
    return [ast.Pass()]


def _outline_test(test: ast.expr) -> ast.expr:
    """Return a condition, or another where it is not a constant."""
    inner = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
    return test if isinstance(inner, ast.Constant) else ANYTHING


def _outline_case(case: ast.match_case) -> ast.match_case:
    """Return a case with a pattern that fits always or sometimes, as its own does."""
    pattern = case.pattern
    while isinstance(pattern, ast.MatchOr):
        pattern = pattern.patterns[-1]
    always = isinstance(pattern, ast.MatchAs) and pattern.pattern is None
    guard = ANYTHING if case.guard else None
    return ast.match_case(ast.MatchAs() if always else ast.MatchSingleton(None), guard, _outline(case.body))


def _flatten(scope: Scope, prefix: str = "") -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for name, (definition, inner) in scope.items():
        found |= {f"{prefix}{name}": definition} | _flatten(inner, f"{prefix}{name}.")
    return found


def _is_stub(node: ast.Raise, path: str) -> bool:
    """Return whether a statement is the one that `python -m grader stubs` puts into the function of that path."""
    match node.exc:
        case ast.Call(func=ast.Name(id="NotImplementedError"), args=[ast.Constant(value=str(text))]):
            return text == path or text.endswith(f".{path}")
    return False
