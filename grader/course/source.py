"""Where a dotted name stands in a package's files, told from the text alone; nothing is imported."""

import ast
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .reachability import first_reached
from .reading import Unparsable, parse, read_source

HEADER = re.compile(r'# Generated from \S+ by "python -m grader stubs" \(unedited: (\w{12})\)\n')


@dataclass(frozen=True)
class Definition:
    """The lines of a function or class, counted from 1, and the line of the stub that a call of it reaches."""

    first: int
    last: int
    stub: int | None = None


Scope = dict[str, tuple[Definition, "Scope"]]  # what stands in a body, by name, with what stands in it


def locate(package: Path, name: str) -> tuple[Path, list[str]]:
    """The module's file, and the path inside it, of a name such as `models.net.Net.loss`; raises LookupError."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = package.joinpath(*parts[:cut]).with_suffix(".py")
        if module.is_file():
            return module, parts[cut:]
    raise LookupError(f"{name}: no module of that name in {package}")


@lru_cache(maxsize=64)
def definitions(source: bytes) -> dict[str, Definition]:
    """What a module defines at its top and in its classes, by dotted path; the last binding of a name counts.

    Raises Unparsable.
    """
    try:
        return _flat(_scope(parse(source).body, ""))
    except RecursionError:
        raise Unparsable("it is nested too deeply") from None


def span(source: str, path: list[str]) -> tuple[int, int]:
    """Where a function stands in a source, as character offsets; raises LookupError when it does not."""
    name = ".".join(path)
    try:
        found = definitions(source.encode()).get(name)
    except Unparsable as problem:
        raise LookupError(f"{name}: {problem}") from None
    if found is None:
        raise LookupError(f"{name}: no function of that name")
    lines = source.split("\n")
    start, end = (sum(len(line) + 1 for line in lines[:count]) for count in (found.first - 1, found.last))
    return start, min(end, len(source))


def unwritten(package: Path, names: Iterable[str], check: Callable[[], object] = lambda: None) -> dict[str, str]:
    """Which of these functions are stubs, each with its place: `layers.py, line 20`.

    Only a stub that a call reaches counts. `check` is called before each look, to end it when time is over.
    """
    places: dict[str, str] = {}
    for name in names:
        check()
        try:
            file, path = locate(package, name)
            found = definitions(read_source(file)).get(".".join(path))
        except (LookupError, Unparsable):
            continue
        if found is not None and found.stub is not None:
            places[name] = f"{file.relative_to(package).as_posix()}, line {found.stub}"
    return places


def untouched(text: str) -> bool:
    """Whether a generated file is as it was generated."""
    header = HEADER.match(text)
    return bool(header) and digest(text[header.end() :]) == header[1]


def digest(body: str) -> str:
    """What the first line of a generated file says of the rest."""
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def _scope(body: list[ast.stmt], prefix: str) -> Scope:
    """What a body binds to definitions, with what stands in each class."""
    scope: Scope = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            scope[node.name] = Definition(node.lineno, node.end_lineno), _scope(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            path = f"{prefix}{node.name}"
            stub = first_reached(node.body, lambda raised: _is_stub(raised, path))
            scope[node.name] = Definition(node.lineno, node.end_lineno, stub and stub.lineno), {}
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):  # from here on the name means something else
                    scope.pop(target.id, None)
    return scope


def _flat(scope: Scope, prefix: str = "") -> dict[str, Definition]:
    found = {}
    for name, (definition, inner) in scope.items():
        found |= {f"{prefix}{name}": definition} | _flat(inner, f"{prefix}{name}.")
    return found


def _is_stub(node: ast.Raise, path: str) -> bool:
    """Whether a statement is the one that `python -m grader stubs` puts into the function of that path."""
    match node.exc:
        case ast.Call(func=ast.Name(id="NotImplementedError"), args=[ast.Constant(value=str(text))]):
            return text == path or text.endswith(f".{path}")
    return False
