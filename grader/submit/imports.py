"""What the modules of a package import, told from their text: which of each other, and what from outside."""

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..course.reading import Unparsable, parse, read_source

LOOSE = re.compile(r"[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+([\w ,*]+)|import[ \t]+([\w., ]+))")


@dataclass(frozen=True)
class Import:
    """One imported name; `level` counts the dots, `early` says whether it is imported along with the module."""

    name: str
    level: int
    line: int
    early: bool = True


@lru_cache(maxsize=64)
def imports(source: bytes) -> tuple[Import, ...]:
    """Every import in a source; of one that is no Python, or too large to parse, what looks like an import."""
    try:
        return tuple(_walk(parse(source).body, True))
    except (Unparsable, RecursionError):
        return tuple(_loosely(source.decode("utf-8", "replace")))


def reachable(package: Path, texts: Iterable[str], modules: Iterable[Path], names: Collection[str]) -> list[Path]:
    """The package's files that are needed by `modules` (paths in it) or by `texts` outside that import it by a name.

    The modules themselves are among them, and each folder's `__init__.py`; sorted.
    """
    waiting = [file for file in modules if (package / file).is_file()]
    for text in texts:
        for found in imports(text.encode("utf-8", "replace")):
            top, _, rest = found.name.partition(".")
            if not found.level and top in names:
                waiting += _files(package, rest)
    needed: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in needed:
            needed.add(file)
            waiting += within(package, file, names) if file.suffix == ".py" else []
            waiting += [up / "__init__.py" for up in file.parents if (package / up / "__init__.py").is_file()]
    return sorted(needed)


def within(package: Path, file: Path, names: Collection[str], early: bool = False) -> list[Path]:
    """The package's files that one of them imports; only `early` ones if so asked."""
    found = []
    for item in imports(read_source(package / file)):
        if early and not item.early:
            continue
        if item.level:
            base = file.parents[item.level - 1] if item.level <= len(file.parents) else None
            path = None if base is None else ".".join([*base.parts, *filter(None, [item.name])])
        else:
            top, _, rest = item.name.partition(".")
            path = rest if top in names else None
        found += [] if path is None else _files(package, path)
    return found


def outside(source: bytes, names: Collection[str]) -> list[Import]:
    """Imports of libraries that are neither Python's own nor the package."""
    known = {*names, *sys.stdlib_module_names}
    return [item for item in imports(source) if not item.level and item.name.partition(".")[0] not in known]


def _walk(body: list[ast.stmt], early: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, node.lineno, early) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, early)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _walk(node.orelse, early)
        else:
            # what stands in a function runs later, what stands in a try block may fail
            now = early and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try)
            for field in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from _walk(getattr(node, field, []), now)


def _from(node: ast.ImportFrom, early: bool) -> Iterator[Import]:
    """`from a import b` may mean the module a.b as well as a name in a."""
    base = node.module or ""
    if base:
        yield Import(base, node.level, node.lineno, early)
    for alias in node.names:
        if alias.name != "*" and (node.level or base):
            yield Import(f"{base}.{alias.name}".lstrip("."), node.level, node.lineno, early)


def _loosely(text: str) -> Iterator[Import]:
    for line, content in enumerate(text.split("\n"), 1):
        match = LOOSE.match(content)
        if match is None:
            continue
        base = (match[1] or "").lstrip(".")
        level = len(match[1] or "") - len(base)
        names = [name.split(" as ")[0].strip() for name in (match[2] or match[3] or "").split(",")]
        if base:
            yield Import(base, level, line)
        for name in names:
            if name and name != "*":
                yield Import(f"{base}.{name}".lstrip("."), level, line)


def _files(package: Path, path: str) -> list[Path]:
    """The files of a dotted path in the package, that of the module and those of the packages above it."""
    parts = [part for part in path.split(".") if part]
    candidates = [Path(*parts).with_suffix(".py")] if parts else []
    candidates += [Path(*parts[:depth], "__init__.py") for depth in range(len(parts) + 1)]
    return [file for file in candidates if (package / file).is_file()]
