"""Read what modules import from their text: files of the package, libraries, and what a stand-in may answer."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..files import make_printable
from ..limits import LOADED_BYTES
from .manifest import Manifest, Question
from .source import Unparsable, locate, parse_source, read_source

TEXT_CHARACTERS = 60  # of a statement that a sentence quotes
USES = 3  # lines that read a name, of which a sentence tells
LATE_TEST = re.compile(r"TYPE_CHECKING|__name__ ==")  # of a block that an import leaves out
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
LOOSE = re.compile(r"[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+([\w ,*]+)|import[ \t]+([\w., ]+))")


@dataclass(frozen=True)
class Import:
    """One imported name; `level` counts the dots, `early` is true where importing the module imports it."""

    name: str
    level: int
    line: int
    early: bool = True


@dataclass(frozen=True)
class TopImport:
    """A name that a statement at a module's top, not indented, imports of a library, and the lines that use it.

    `part` is what `from` takes of the module. It is `read` even where only an annotation that never runs reads it, or
    where another import takes its name.
    """

    module: str
    part: str
    line: int
    text: str
    uses: tuple[int, ...]
    read: bool


@dataclass(frozen=True)
class StrayImport:
    """An import of a `library` at a module's top that a stand-in answers when a question is graded."""

    file: Path
    found: TopImport
    library: str
    question: Question

    def __str__(self) -> str:
        used = f", used in line {self.found.uses[0]}" if self.found.uses else ""
        return f"{self.file.as_posix()}, line {self.found.line} ({self.found.text}){used}"


def find_judged(manifest: Manifest, package: Path) -> dict[str, list[Question]]:
    """Return the modules that hold functions of the assignment, as paths in the package, with their questions."""
    found: dict[str, list[Question]] = defaultdict(list)
    for name, question in manifest.functions().items():
        try:
            file = locate(package, name)[0].relative_to(package).as_posix()
        except LookupError:
            continue
        if question not in found[file]:
            found[file].append(question)
    return dict(found)


@lru_cache(maxsize=64)
def read_imports(source: bytes) -> tuple[Import, ...]:
    """Return every import in a source; where it cannot be parsed, the lines that look like imports."""
    try:
        return tuple(_walk_imports(parse_source(source).body, True))
    except (Unparsable, RecursionError):
        return tuple(_guess_imports(source.decode("utf-8", "replace")))


@lru_cache(maxsize=64)
def read_top_imports(source: bytes) -> tuple[TopImport, ...]:
    """Return what a module imports of libraries at its top; nothing where it cannot be parsed."""
    try:
        body = parse_source(source).body
        nodes, unread = [node for statement in body for node in ast.walk(statement)], _find_unread(body)
        read, uses = _list_reads(nodes), _list_reads(node for node in nodes if node not in unread)
    except (Unparsable, RecursionError):
        return ()
    bound = list(_list_bound(body))
    last = {name: _cut_top(module) for name, module, _, _ in bound}
    found = []
    for name, module, part, node in bound:
        if not module.startswith("."):
            text = make_printable(ast.unparse(node), TEXT_CHARACTERS)
            lines = tuple(uses[name]) if last[name] == _cut_top(module) else ()
            found.append(TopImport(module, part, node.lineno, text, lines, name in read))
    return tuple(found)


def _list_bound(body: list[ast.stmt]) -> Iterator[tuple[str, str, str, ast.stmt]]:
    """Yield what each import among statements binds: the name, the module, the part that `from` takes, the statement.

    A module of the package begins with its dots.
    """
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.asname or _cut_top(alias.name), alias.name, "", node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((alias.asname or alias.name, module, alias.name, node) for alias in node.names)


def _cut_top(module: str) -> str:
    return module.partition(".")[0]


def _find_unread(body: list[ast.stmt]) -> set[ast.AST]:
    """Return all that stands in annotations which Python never evaluates."""
    futures = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    holders = [node for statement in body for node in ast.walk(statement)]
    if not any(alias.name == "annotations" for node in futures for alias in node.names):
        functions = [node for node in holders if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        holders = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.AnnAssign)]
    written = [getattr(node, field, None) for node in holders for field in ("annotation", "returns")]
    return {part for annotation in written if annotation for part in ast.walk(annotation)}


def find_needed(package: Path, texts: Iterable[str], modules: Iterable[Path], names: Collection[str]) -> list[Path]:
    """Return the package's files that `modules` (paths in it) need, or `texts` outside that import it by a name.

    The modules themselves are among them, and each folder's `__init__.py`; sorted.
    """
    waiting = [file for file in modules if (package / file).is_file()]
    for text in texts:
        for found in read_imports(text.encode("utf-8", "replace")):
            top, _, rest = found.name.partition(".")
            if not found.level and top in names:
                waiting += _find_files(package, rest)
    needed: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in needed:
            needed.add(file)
            waiting += find_imported(package, file, names) if file.suffix == ".py" else []
            waiting += [up / "__init__.py" for up in file.parents if (package / up / "__init__.py").is_file()]
    return sorted(needed)


def find_imported(package: Path, file: Path, names: Collection[str], early: bool = False) -> list[Path]:
    """Return the package's files that one of them imports; only `early` ones if so asked."""
    found: list[Path] = []
    for item in read_imports(read_source(package / file)):
        if early and not item.early:
            continue
        if item.level:
            base = file.parents[item.level - 1] if item.level <= len(file.parents) else None
            path = None if base is None else ".".join([*base.parts, *filter(None, [item.name])])
        else:
            top, _, rest = item.name.partition(".")
            path = rest if top in names else None
        found += [] if path is None else _find_files(package, path)
    return found


def find_libraries(source: bytes, names: Collection[str]) -> list[Import]:
    """Return imports of libraries that are neither Python's own nor the package."""
    known = {*names, *sys.stdlib_module_names}
    return [item for item in read_imports(source) if not item.level and item.name.partition(".")[0] not in known]


def find_loaded(package: Path, start: Path, names: set[str]) -> set[Path]:
    """Return the package's files that importing one of them loads; very large packages are cut short."""
    loaded: set[Path] = set()
    waiting, size = [Path("__init__.py"), start], 0
    while waiting and size < LOADED_BYTES:
        file = waiting.pop()
        if file not in loaded and (package / file).is_file():
            loaded.add(file)
            size += len(read_source(package / file))
            waiting += find_imported(package, file, names, early=True)
    return loaded


def _list_reads(nodes: Iterable[ast.AST]) -> dict[str, list[int]]:
    """Return the first lines that read each name."""
    found: dict[str, list[int]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            lines = found[node.id]
            if len(lines) < USES and node.lineno not in lines:
                lines.append(node.lineno)
    return found


def _find_late(node: ast.AST) -> Collection[str]:
    """Return the fields of a statement that run later than it, never at an import, or may fail."""
    if isinstance(node, ast.Try | ast.TryStar):
        return ("body", "handlers", "orelse")
    is_late = isinstance(node, FUNCTION) or (isinstance(node, ast.If) and LATE_TEST.search(ast.unparse(node.test)))
    return ("body",) if is_late else ()


def _walk_imports(body: list[ast.stmt], early: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, node.lineno, early) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _read_from(node, early)
        else:
            late = _find_late(node)
            for field in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from _walk_imports(getattr(node, field, []), early and field not in late)


def _read_from(node: ast.ImportFrom, early: bool) -> Iterator[Import]:
    """Yield a and a.b for `from a import b`, which may mean a module as well as a name in a."""
    base = node.module or ""
    if base:
        yield Import(base, node.level, node.lineno, early)
    for alias in node.names:
        if alias.name != "*" and (node.level or base):
            yield Import(f"{base}.{alias.name}".lstrip("."), node.level, node.lineno, early)


def _guess_imports(text: str) -> Iterator[Import]:
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


def _find_files(package: Path, path: str) -> list[Path]:
    """Return the files of a dotted path in the package: the module and the packages above it."""
    parts = [part for part in path.split(".") if part]
    candidates = [Path(*parts).with_suffix(".py")] if parts else []
    candidates += [Path(*parts[:depth], "__init__.py") for depth in range(len(parts) + 1)]
    return [file for file in candidates if (package / file).is_file()]
