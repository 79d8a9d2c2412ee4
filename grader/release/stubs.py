"""Make the student's package from the reference: a solution region becomes a NotImplementedError, or nothing at all.

A region stands between two comments, BEGIN and END. In a function it becomes a comment naming the checks
and a `raise`; outside of one (helpers, imports that only the solution needs) it is dropped.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..course.manifest import Manifest
from ..course.source import digest_body, is_unchanged
from ..errors import CourseError, ManifestError, OutputError
from ..notebooks.source import BEGIN as BEGINS
from ..notebooks.source import END as ENDS
from ..results.record import write_atomically

BEGIN, END = f"# {BEGINS}", f"# {ENDS}"


@dataclass(frozen=True)
class Region:
    """Lines `first` to `last` of a module, markers included, from 1 on; `function` is empty outside of functions."""

    first: int
    last: int
    function: str


def generate_stubs(manifest: Manifest) -> dict[Path, str]:
    """Return every file of the student's package by its path. Raise CourseError for a fault in markers or manifest."""
    reference = manifest.require_reference()
    sources = {
        file.relative_to(reference): file.read_text(encoding="utf-8") for file in sorted(reference.rglob("*.py"))
    }
    regions = [(path, region) for path, text in sources.items() for region in find_regions(path, text)]
    found = {f"{_name_module(path)}.{region.function}" for path, region in regions if region.function}
    for name, question in manifest.functions().items():
        if name not in found:
            raise ManifestError(
                f"questions {question.id}.functions: {name} has no solution region in {reference}; fix the name"
            )
    return {path: make_stub(manifest, path, text) for path, text in sources.items()}


def make_stub(manifest: Manifest, path: Path, source: str) -> str:
    """Return one module with its solutions cut out and a first line that says where it comes from."""
    lines = source.splitlines(keepends=True)
    for region in reversed(find_regions(path, source)):
        lines[region.first - 1 : region.last] = _replace(manifest, path, region, lines[region.first - 1])
    body = re.sub(r"\n{4,}", "\n\n\n", "".join(lines)).rstrip("\n") + "\n"
    origin = f"{manifest.paths.reference}/{path.as_posix()}"
    return f'# Generated from {origin} by "python -m grader stubs" (unedited: {digest_body(body)})\n{body}'


def find_regions(path: Path, source: str) -> list[Region]:
    """Find the solution regions of a module. Raise CourseError for a marker without its partner."""
    found, opened = [], 0
    functions = list(_walk_functions(ast.parse(source), ""))
    for number, line in enumerate(source.splitlines(), start=1):
        marker = line.strip()
        if marker not in (BEGIN, END):
            continue
        if (marker == BEGIN) == bool(opened):
            raise CourseError(f"{path}, line {number}: {marker!r} without its partner; add or remove one")
        if marker == BEGIN:
            opened = number
        else:
            inside = [name for name, first, last in functions if first < opened and number <= last]
            found.append(Region(opened, number, inside[-1] if inside else ""))
            opened = 0
    if opened:
        raise CourseError(f"{path}, line {opened}: {BEGIN!r} without its partner; add {END!r}")
    return found


def write_stubs(manifest: Manifest, force: bool = False) -> list[Path]:
    """Write what differs and return it. Raise OutputError, writing nothing, where that would undo edits."""
    differing = find_stub_drift(manifest)
    target = manifest.path("student")
    edited = [file for file in differing if file.is_file() and not is_unchanged(file.read_text(encoding="utf-8"))]
    if edited and not force:
        names = ", ".join(str(file.relative_to(manifest.root)) for file in edited)
        raise OutputError(f"{names}: edited since it was generated; move your work away, or overwrite it with --force")
    texts = generate_stubs(manifest)
    for file in differing:
        if file.relative_to(target) in texts:
            write_atomically(file, texts[file.relative_to(target)].encode())
        else:
            file.unlink()
    return differing


def find_stub_drift(manifest: Manifest) -> list[Path]:
    """Return the files of the student's package that differ from generated ones, missing and surplus ones too."""
    target, texts = manifest.path("student"), generate_stubs(manifest)
    wrong = [target / path for path, text in texts.items() if not _holds(target / path, text)]
    return wrong + [file for file in sorted(target.rglob("*.py")) if file.relative_to(target) not in texts]


def _replace(manifest: Manifest, path: Path, region: Region, marker: str) -> list[str]:
    if not region.function:
        return []
    name = f"{_name_module(path)}.{region.function}"
    question = manifest.functions().get(name)
    if question is None:
        raise ManifestError(
            f"{path}, line {region.first}: {name} has a solution region, but no question lists it; add it"
        )
    indent = marker[: len(marker) - len(marker.lstrip())]
    short = name.rsplit(".", 2 if name.endswith("__") else 1)[-1]
    comment = f"# Write {short} here; {manifest.paths.public}/{question.file} judges it."
    return [f"{indent}{comment}\n", f'{indent}raise NotImplementedError("{name}")\n']


def _walk_functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, first and last line of every function, outer before inner."""
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}{getattr(child, 'name', '')}"
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child.lineno, (child.end_lineno or child.lineno) + 1
        yield from _walk_functions(child, f"{name}." if isinstance(child, ast.ClassDef | ast.FunctionDef) else prefix)


def _name_module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text
