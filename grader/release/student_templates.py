"""Make the files that only students have: their manifest, README, Makefile and what pip needs."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from ..course.manifest import FILENAME, Manifest, to_fraction, to_number
from . import requirements
from .autograder import collect_engine

TEMPLATES = Path(__file__).with_name("templates") / "student"
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


def make_student_files(manifest: Manifest) -> dict[str, bytes]:
    """Return these files by name."""
    values = _collect_values(manifest)
    files = {FILENAME: _write_header(FILENAME) + to_toml(make_students_manifest(manifest))}
    files["pyproject.toml"] = _write_header("pyproject.toml") + to_toml(_make_project(manifest))
    for source, name in NAMES.items():
        text = _choose_lines((TEMPLATES / source).read_text(encoding="utf-8"), bool(manifest.notebooks))
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


def _write_header(name: str) -> str:
    return f'# Made from {name} by "python -m grader release"\n'


def _make_project(manifest: Manifest) -> dict[str, Any]:
    """Return the table that pip needs to install the engine where it lies, with all it uses."""
    found = requirements.read_project() | {"dependencies": requirements.list_for_students(manifest)}
    pytest = {"testpaths": [manifest.paths.public], "pythonpath": ["."], "addopts": "--import-mode=importlib"}
    setuptools = {"packages": {"find": {"include": ["grader*"]}}, "package-data": {"grader": _list_data()}}
    tool = {"setuptools": setuptools, "pytest": {"ini_options": pytest}}
    return {"build-system": requirements.BUILD, "project": found, "tool": tool}


def _list_data() -> list[str]:
    """Return the engine's files that are no modules."""
    return [name.removeprefix("grader/") for name in sorted(collect_engine()) if not name.endswith(".py")]


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
    plain = {key: value for key, value in table.items() if not _is_table(value) and not _is_tables(value)}
    parts = ["".join(f"{_write_key(key)} = {_write_value(value)}\n" for key, value in plain.items())]
    for key, value in table.items():
        name = f"{path}.{_write_key(key)}" if path else _write_key(key)
        if _is_table(value):
            body = to_toml(value, name)
            # a table of nothing but tables needs no line of its own
            alone = value and all(_is_table(inner) for inner in value.values())
            parts.append(body if alone else f"[{name}]\n{body}")
        elif _is_tables(value):
            parts += [f"[[{name}]]\n{to_toml(item, name)}" for item in value]
    return "\n".join(filter(None, parts))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


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
