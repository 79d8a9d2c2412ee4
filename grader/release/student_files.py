"""Make the files that students have: their package from the reference, manifest, README, Makefile, what pip needs.

A solution region stands between two comments, BEGIN and END. In a function it becomes a comment naming the checks
and a `raise`; outside of one (helpers, imports that only the solution needs) it is dropped.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from ..course.manifest import FILENAME, Manifest, to_fraction, to_number
from ..errors import CourseError, OutputError
from ..files import digest_body, is_unchanged, write_atomically
from ..notebooks.source import BEGIN as BEGINS
from ..notebooks.source import END as ENDS
from .engine import BUILD, TEMPLATES, collect_engine, describe_engine, list_for_students, read_course_settings

BEGIN, END = f"# {BEGINS}", f"# {ENDS}"
NAMES = {"Makefile": "Makefile", "README.md": "README.md", "gitignore": ".gitignore"}
KEPT = (
    "title",
    "points",
    "notebooks",
    "paths",
    "submission",
    "submit",
    "pdf",
    "limits",
    "seeds",
    "scales",
    "budgets",
    "layers",
    "questions",
)
PRIVATE = {"paths": {"reference", "hidden", "mistakes"}, "seeds": {"secret"}}
WIDTH = 100  # of a line of TOML
GUIDE = "docs/student-guide.md"


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
    found = {_name_function(path, region) for path, region in regions if region.function}
    for name, question in manifest.functions().items():
        if name not in found:
            raise CourseError(
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
    edited = [file for file in differing if file.is_file() and not is_unchanged(file.read_text(encoding="utf-8"))]
    if edited and not force:
        names = ", ".join(str(file.relative_to(manifest.root)) for file in edited)
        raise OutputError(f"{names}: edited since it was generated; move your work away, or overwrite it with --force")
    for file, text in differing.items():
        if text is None:
            file.unlink()
        else:
            write_atomically(file, text.encode())
    return list(differing)


def find_stub_drift(manifest: Manifest) -> dict[Path, str | None]:
    """Return what the files of the student's package that differ should hold, missing ones too; None for surplus."""
    target = manifest.path("student")
    made: dict[Path, str | None] = {target / path: text for path, text in generate_stubs(manifest).items()}
    found = {file: file.read_text(encoding="utf-8") for file in sorted(target.rglob("*.py"))}
    return {file: made.get(file) for file in made | found if made.get(file) != found.get(file)}


def _replace(manifest: Manifest, path: Path, region: Region, marker: str) -> list[str]:
    if not region.function:
        return []
    name = _name_function(path, region)
    question = manifest.functions().get(name)
    if question is None:
        raise CourseError(
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


def _name_function(path: Path, region: Region) -> str:
    return ".".join([*path.with_suffix("").parts, region.function])


def make_student_files(manifest: Manifest) -> dict[str, bytes]:
    """Return these files by name."""
    values = _collect_values(manifest)
    tables = {FILENAME: make_students_manifest(manifest), "pyproject.toml": _make_project(manifest)}
    files = {
        name: f'# Made from {name} by "python -m grader release"\n{to_toml(table)}' for name, table in tables.items()
    }
    for source, name in NAMES.items():
        text = _choose_lines((TEMPLATES / "student" / source).read_text(encoding="utf-8"), bool(manifest.notebooks))
        files[name] = re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], text)
    return {name: text.encode() for name, text in files.items()}


def _choose_lines(template: str, notebooks: bool) -> str:
    """Return a template's lines for a course with notebooks, `@+` before them, or without, `@-`, and all others."""
    kept, other = ("@+", "@-") if notebooks else ("@-", "@+")
    lines = (line for line in template.replace("\r\n", "\n").splitlines(keepends=True) if not line.startswith(other))
    return "".join(line.removeprefix(kept) for line in lines)


def make_students_manifest(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest without mistakes and places of secrets; hidden points stay, as numbers."""
    kept = {}
    for key in KEPT:
        value = msgspec.to_builtins(getattr(manifest, key))
        if isinstance(value, dict):
            usual = msgspec.to_builtins(type(getattr(manifest, key))())
            value = {k: v for k, v in value.items() if v != usual[k] and k not in PRIVATE.get(key, ())}
        if value not in ([], {}):
            kept[key] = value
    return kept


def _make_project(manifest: Manifest) -> dict[str, Any]:
    """Return the table that pip needs to install the engine where it lies, with all it uses."""
    found = describe_engine() | {"dependencies": list_for_students(manifest)}
    pytest = {"testpaths": [manifest.paths.public], "pythonpath": ["."], "addopts": "--import-mode=importlib"}
    data = [name.removeprefix("grader/") for name in sorted(collect_engine()) if not name.endswith(".py")]
    setuptools = {"packages": {"find": {"include": ["grader*"]}}, "package-data": {"grader": data}}
    tool = {"setuptools": setuptools, "pytest": {"ini_options": pytest}} | read_course_settings(manifest.root)
    return {"build-system": BUILD, "project": found, "tool": tool}


def _collect_values(manifest: Manifest) -> dict[str, str]:
    paths, questions = manifest.paths, manifest.questions
    rows = [
        f"| {q.id} {q.title} | `{paths.public}/{q.file}` | {q.public_points:g} | {q.hidden_points:g} |"
        for q in questions
    ]
    guide = (manifest.root / GUIDE).is_file()
    return {
        "TITLE": manifest.title,
        "PACKAGE": paths.student,
        "NOTEBOOKS": paths.notebooks,
        "CHECKS": paths.public,
        "FIRST": questions[0].id,
        "ZIP": manifest.submit.zip,
        "FILES": f"{manifest.submit.zip} and {manifest.submit.pdf}" if manifest.notebooks else manifest.submit.zip,
        "PDF": manifest.submit.pdf,
        "QUESTIONS": "\n".join(rows),
        "TOTAL": str(manifest.points),
        "PUBLIC": f"{to_number(sum((to_fraction(q.public_points) for q in questions), Fraction(0))):g}",
        "GUIDE": f"[{GUIDE}]({GUIDE}) says more" if guide else "Activate the environment again in each new terminal",
    }


def to_toml(table: dict[str, Any], path: str = "") -> str:
    """Write a table as TOML, always in the same form: what is plain first, then tables, then lists of tables."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict) and not _is_tables(value)}
    parts = ["".join(f"{_write_key(key)} = {_write_value(value)}\n" for key, value in plain.items())]
    for key, value in table.items():
        name = f"{path}.{_write_key(key)}" if path else _write_key(key)
        if isinstance(value, dict):
            body = to_toml(value, name)
            # a table of nothing but tables needs no line of its own
            alone = value and all(isinstance(inner, dict) for inner in value.values())
            parts.append(body if alone else f"[{name}]\n{body}")
        elif _is_tables(value):
            parts += [f"[[{name}]]\n{to_toml(item, name)}" for item in value]
    return "\n".join(filter(None, parts))


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _write_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)


def _write_value(value: Any, indent: str = "") -> str:
    if isinstance(value, list | tuple):
        line = f"[{', '.join(_write_value(item) for item in value)}]"
        if len(line) <= WIDTH:
            return line
        return "[\n" + "".join(f"{indent}    {_write_value(item, indent + '    ')},\n" for item in value) + f"{indent}]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
