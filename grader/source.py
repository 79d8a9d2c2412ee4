"""Where a dotted name stands in a package's files, told from the text alone; nothing is imported."""

import ast
import hashlib
import re
from pathlib import Path

HEADER = re.compile(r'# Generated from \S+ by "python -m grader stubs" \(unedited: (\w{12})\)\n')
STUB = re.compile(r"^[ \t]*raise NotImplementedError\([\"']([\w.]+)[\"']\)", re.MULTILINE)


def locate(package: Path, name: str) -> tuple[Path, list[str]]:
    """The module's file, and the path inside it, of a name such as `models.net.Net.loss`; raises LookupError."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = package.joinpath(*parts[:cut]).with_suffix(".py")
        if module.is_file():
            return module, parts[cut:]
    raise LookupError(f"{name}: no module of that name in {package}")


def span(source: str, path: list[str]) -> tuple[int, int]:
    """Where a function stands in a source, as character offsets; raises LookupError when it does not."""
    node: ast.AST = ast.parse(source)
    for name in path:
        found = [child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == name]
        if not found:
            raise LookupError(f"{'.'.join(path)}: no function of that name")
        node = found[-1]
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: node.lineno - 1])), sum(map(len, lines[: node.end_lineno]))


def unwritten(package: Path) -> dict[str, str]:
    """The functions whose stub still stands in the package, each with its place: `layers.py, line 20`."""
    places: dict[str, str] = {}
    for file in sorted(package.rglob("*.py")):
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        for match in STUB.finditer(text):
            line = text.count("\n", 0, match.end()) + 1
            places.setdefault(match[1], f"{file.relative_to(package).as_posix()}, line {line}")
    return places


def untouched(text: str) -> bool:
    """Whether a generated file is as it was generated."""
    header = HEADER.match(text)
    return bool(header) and digest(text[header.end() :]) == header[1]


def digest(body: str) -> str:
    """What the first line of a generated file says of the rest."""
    return hashlib.sha256(body.encode()).hexdigest()[:12]
