"""Collect a course's secrets: solutions, proofs, model answers, names and seeds of hidden checks."""

import ast
import base64
import re
from collections.abc import Iterator
from pathlib import Path

from ..course.manifest import Manifest
from ..files import read_or_make_secret
from ..notebooks import build, source
from ..notebooks.source import SourceCell, strip_magics
from . import student_files as stubs
from .engine import LEFT_OUT
from .leaks import SHINGLE, Secrets, split_words, squash

LEAST_FILE = 40  # bytes
LEAST_TITLE = 6  # words of a check's title
LEAST_SEED = 1000  # smaller numbers stand everywhere
SEEDED = re.compile(r"seed|randomstate|default_rng|\brandom\b", re.IGNORECASE)


def collect_secrets(manifest: Manifest) -> Secrets:
    """Return everything secret in a course. Raise CourseError where its sources are at fault."""
    secrets = Secrets(folders=[getattr(manifest.paths, kind) for kind in ("reference", "hidden", "mistakes")])
    secrets.folders.append(f"{manifest.paths.notebooks}/source")
    for file in _list_modules(manifest.path("reference")):
        add_module(secrets, manifest, file)
    for name in manifest.notebooks:
        _add_notebook(secrets, build.read_cells(manifest, name))
    public = {node.name for file in _list_modules(manifest.path("public")) for node in _find_checks(file)}
    for file in _list_modules(manifest.path("hidden")):
        _add_hidden(secrets, manifest, file, public)
    for kind in ("reference", "hidden"):
        for file in manifest.path(kind).rglob("*"):
            known = LEFT_OUT.intersection(file.parts) or (kind == "reference" and _is_open(file))
            if file.is_file() and not known and file.stat().st_size >= LEAST_FILE:
                secrets.files[file.read_bytes()] = f"the file {_name_file(manifest, file)}"
    for name, secret in make_secrets(manifest).items():
        forms = (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"="))
        secrets.bytes |= dict.fromkeys(forms, f"the secret of {name}")
    for line in manifest.release.known_lines:
        secrets.lines.pop(squash(line), None)
    return secrets


def make_secrets(manifest: Manifest) -> dict[str, bytes]:
    """Return the course's secrets by their files' names, made where missing. Raise CourseError for a broken file."""
    return {name: read_or_make_secret(manifest.root / name) for name in manifest.container.secrets}


def add_module(secrets: Secrets, manifest: Manifest, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    module = ast.parse(text)
    for region in stubs.find_regions(file, text):
        secrets.add_code(module, text, region.first + 1, region.last - 1, _name_file(manifest, file))


def _add_notebook(secrets: Secrets, cells: list[SourceCell]) -> None:
    """Add solutions, proofs and model answers."""
    for cell in cells:
        lines = cell.text.splitlines()
        for first, last in reversed(source.find_solutions(cell)):
            inside = "\n".join(lines[first + 1 : last])
            if cell.kind == "markdown":
                secrets.add_answer(inside, cell.place)
            else:
                _add_cell(secrets, cell, first + 2, last)
        if "proof" in cell.tags:
            _add_cell(secrets, cell, 1, len(lines))


def _add_cell(secrets: Secrets, cell: SourceCell, first: int, last: int) -> None:
    """Add lines of a code cell; its place is the line of the source."""
    text = strip_magics(cell.text)
    secrets.add_code(ast.parse(text), text, first, last, f"the cell in {cell.place}")


def _add_hidden(secrets: Secrets, manifest: Manifest, file: Path, public: set[str]) -> None:
    origin = _name_file(manifest, file)
    for node in _find_checks(file):
        if node.name not in public:
            secrets.names[node.name] = f"the name of a check in {origin}"
        title = split_words(ast.get_docstring(node) or "")
        if len(title) >= LEAST_TITLE:
            secrets.answers.setdefault(tuple(title), f"{origin}, line {node.lineno}")
    for seed in _find_seeds(ast.parse(file.read_text(encoding="utf-8"))):
        if seed != str(manifest.seeds.public):
            secrets.names[seed] = f"a seed in {origin}"


def _find_checks(file: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node


def _find_seeds(module: ast.Module) -> Iterator[str]:
    """Yield numbers and texts that are bound to a name of seeds, or passed to what draws from a seed."""
    for node in ast.walk(module):
        values: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values = [node.value] if any(SEEDED.search(ast.unparse(target)) for target in targets) else []
        elif isinstance(node, ast.keyword) and SEEDED.search(node.arg or ""):
            values = [node.value]
        elif isinstance(node, ast.Call) and SEEDED.search(ast.unparse(node.func)):
            values = node.args
        for value in values:
            yield from _find_constants(value)


def _find_constants(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant):
            if type(node.value) is int and node.value >= LEAST_SEED:
                yield str(node.value)
            elif isinstance(node.value, str) and len(node.value) >= SHINGLE and " " not in node.value:
                yield node.value


def _is_open(file: Path) -> bool:
    """Return whether students get a file of the reference as it is, since it has no solution."""
    return file.suffix == ".py" and not stubs.find_regions(file, file.read_text(encoding="utf-8"))


def _list_modules(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*.py") if not LEFT_OUT.intersection(f.parts)) if folder.is_dir() else []


def _name_file(manifest: Manifest, file: Path) -> str:
    return file.relative_to(manifest.root).as_posix()
