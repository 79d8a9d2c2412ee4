"""The files made for students only: their manifest, README, Makefile and what pip needs."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from ..course.manifest import FILENAME, Manifest, to_fraction, to_number
from . import requirements, toml
from .autograder import engine

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
GUIDE = "docs/student-guide.md"


def make(manifest: Manifest) -> dict[str, bytes]:
    """Those files by name."""
    values = _values(manifest)
    files = {FILENAME: _header(FILENAME) + toml.dumps(students_manifest(manifest))}
    files["pyproject.toml"] = _header("pyproject.toml") + toml.dumps(_project(manifest))
    for source, name in NAMES.items():
        text = _suited((TEMPLATES / source).read_text(encoding="utf-8"), bool(manifest.notebooks))
        files[name] = re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], text)
    return {name: text.encode() for name, text in files.items()}


def _suited(template: str, notebooks: bool) -> str:
    """Return a template's lines for a course with notebooks, `@+` before them, or without, `@-`, and all others."""
    kept, other = ("@+", "@-") if notebooks else ("@-", "@+")
    lines = (line for line in template.replace("\r\n", "\n").splitlines(keepends=True) if not line.startswith(other))
    return "".join(line.removeprefix(kept) for line in lines)


def students_manifest(manifest: Manifest) -> dict[str, Any]:
    """What students may know of the manifest: no mistakes, no places of secrets; hidden points stay, as numbers."""
    kept = {}
    for key in KEPT:
        value = msgspec.to_builtins(getattr(manifest, key))
        if isinstance(value, dict):
            usual = msgspec.to_builtins(type(getattr(manifest, key))())
            value = {k: v for k, v in value.items() if v != usual[k] and k not in PRIVATE.get(key, ())}
        if value not in ([], {}):
            kept[key] = value
    return kept


def _header(name: str) -> str:
    return f'# Made from {name} by "python -m grader release"\n'


def _project(manifest: Manifest) -> dict[str, Any]:
    """What pip needs to install the engine where it lies, with all it uses."""
    found = requirements.project() | {"dependencies": requirements.of_students(manifest)}
    pytest = {"testpaths": [manifest.paths.public], "pythonpath": ["."], "addopts": "--import-mode=importlib"}
    setuptools = {"packages": {"find": {"include": ["grader*"]}}, "package-data": {"grader": _data()}}
    tool = {"setuptools": setuptools, "pytest": {"ini_options": pytest}}
    return {"build-system": requirements.BUILD, "project": found, "tool": tool}


def _data() -> list[str]:
    """Return the engine's files that are no modules."""
    return [name.removeprefix("grader/") for name in sorted(engine()) if not name.endswith(".py")]


def _values(manifest: Manifest) -> dict[str, str]:
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
        "GUIDE": f"[{GUIDE}]({GUIDE}) says more" if guide else "in the virtual environment you installed into",
    }
