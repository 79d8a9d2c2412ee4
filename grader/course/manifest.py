"""Find and read `assignment.toml`, decode its kind of files, and say where one is wrong, what is wrong, what to do."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from ..errors import CourseError, CourseNotFound
from ..files import advise
from .schema import Manifest, Question, Submission, to_fraction, to_number
from .validation import find_faults

__all__ = [
    "FILENAME",
    "Manifest",
    "Question",
    "Submission",
    "find_for_notebook",
    "find_manifest",
    "list_libraries",
    "load_manifest",
    "to_fraction",
    "to_number",
]

FILENAME = "assignment.toml"

_Table = TypeVar("_Table", bound=msgspec.Struct)

LABELS = ("id", "name", "forward")  # keys by which an entry of a list is named
HEADER = re.compile(r"\[\[?\s*([\w.]+)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"""\s*([\w.-]+)\s*=\s*(?:["'](.*)["'])?""")


def find_manifest(start: Path) -> Path:
    """Return the nearest manifest in `start` or above it. Raise CourseNotFound where there is none."""
    for folder in [start.resolve(), *start.resolve().parents]:
        if (folder / FILENAME).is_file():
            return folder / FILENAME
    raise CourseNotFound(f"no {FILENAME} in {start} or above it; run this in the assignment's folder")


def find_for_notebook(start: Path) -> Path:
    """Return the manifest nearest to a kernel's folder, which may be any, else the one of the course around the engine.

    Raise CourseNotFound where there is neither.
    """
    try:
        return find_manifest(start)
    except CourseNotFound:
        file = Path(__file__).resolve().parents[2] / FILENAME
        if file.is_file():
            return file
        raise


def load_manifest(file: Path) -> Manifest:
    """Read and validate a manifest. Raise CourseError with file, key and remedy."""
    try:
        manifest = msgspec.structs.replace(read_toml(file, Manifest), root=file.parent.resolve())
    except OSError as error:
        raise CourseError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    for fault in find_faults(manifest):
        raise point_to(file, fault)
    return manifest


def read_toml(file: Path, table: type[_Table]) -> _Table:
    """Return the table that a file holds. Raise OSError, and CourseError with file, line, key and remedy."""
    source = file.read_bytes()
    try:
        text = source.decode("utf-8-sig").replace("\r\n", "\n")
        raw = msgspec.to_builtins(tomllib.loads(text))  # times as text
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise CourseError(f"{file}: line {line}: not UTF-8; save the file in that encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{file}: {_explain_syntax(str(error), text)}") from None
    try:
        return msgspec.convert(raw, table)
    except msgspec.ValidationError as error:
        raise point_to(file, _explain(str(error), raw, table)) from None


def list_libraries(manifest: Manifest) -> list[str]:
    """Return the libraries of all questions, sorted."""
    return sorted({library for question in manifest.questions for library in question.libraries})


def point_to(file: Path, fault: str) -> CourseError:
    """Return the error of a fault, which begins with its key: with the file, and the key's line where it has one."""
    line = find_line(fault.partition(": ")[0], file.read_text(encoding="utf-8-sig"))
    return CourseError(f"{file}: line {line}: {fault}" if line else f"{file}: {fault}")


def find_line(place: str, text: str) -> int:
    """Return the line of a place such as `points`, `seeds.secret`, `questions Q2.slug`; 0 where there is none.

    Where a key has no line of its own, its table's header stands for it.
    """
    lines, labels = _name_lines(text)
    place = re.sub(r"(\[\d+\])+$", "", place)
    for label, entry in labels.items():
        if f"{place}.".startswith(f"{label}."):
            place = entry + place.removeprefix(label)
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return lines.get(place, 0)


def _name_lines(text: str) -> tuple[dict[str, int], dict[str, str]]:
    """Return the lines of tables and keys by their places, and the numbers of a list's entries by their labels."""
    lines, labels, counts = dict[str, int](), dict[str, str](), Counter[str]()
    table = entry = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            table = header[1]
            counts[table] += 1
            entry = f"{table} #{counts[table]}"
            lines |= {entry: number, table: lines.get(table, number)}
        elif key := KEY.match(line):
            for name in (table, entry):
                lines.setdefault(f"{name}.{key[1]}".lstrip("."), number)
            if key[1] in LABELS and key[2]:
                labels[f"{table} {key[2]}"] = entry
    return lines, labels


def _explain_syntax(said: str, text: str) -> str:
    lines = text.splitlines()
    found = re.search(r"\(at line (\d+),", said)
    number = int(found[1]) if found else len(lines)
    shown = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"line {number}: not valid TOML: {said.partition(' (at ')[0]}; fix that line: {shown}"


def _explain(message: str, raw: dict[str, Any], table: type[msgspec.Struct]) -> str:
    """Return msgspec's sentence with the key in front: `questions Q2.title`, then what is wrong, then what to do."""
    text, _, path = message.partition(" - at `")
    parts = re.findall(r"\w+|\[\d+\]", path.strip("`").removeprefix("$"))
    key, annotation = _name(parts, raw), _find_type(parts, table)
    if unknown := re.search(r"unknown field `(\w+)`", text):
        return _explain_unknown(unknown[1], ".".join(filter(None, [key, unknown[1]])), annotation)
    if missing := re.search(r"missing required field `(\w+)`", text):
        return f"{'.'.join(filter(None, [key, missing[1]]))}: missing; add this key"
    if invalid := re.match(r"Invalid enum value (.+)", text):
        allowed = [repr(value) for value in get_args(annotation)]
        return f"{key}: {invalid[1]} is none of its values; write one of {', '.join(allowed)}"
    return f"{key}: {text[:1].lower()}{text[1:]}; give it such a value"


def _explain_unknown(name: str, key: str, table: Any) -> str:
    known = [field.encode_name for field in msgspec.structs.fields(table) if field.name not in ("root", "edition")]
    return f"{key}: unknown key; {advise(name, known, 'the keys here are ' + ', '.join(known))}"


def _name(parts: list[str], raw: Any) -> str:
    """Return a path as people read it: entries of a list of tables by their label, else by their place from 1."""
    words = ""
    for part in parts:
        if not part.startswith("["):
            words, raw = f"{words}.{part}" if words else part, raw[part] if isinstance(raw, dict) else None
            continue
        place = int(part.strip("[]"))
        raw = raw[place] if isinstance(raw, list) else None
        label = next((raw[key] for key in LABELS if isinstance(raw.get(key), str)), "") if isinstance(raw, dict) else ""
        words += f" {label or f'#{place + 1}'}" if isinstance(raw, dict) else part
    return words


def _find_type(parts: list[str], table: type[msgspec.Struct]) -> Any:
    """Return the type that the schema gives a path."""
    found: Any = table
    for part in parts:
        if part.startswith("["):
            found = next(iter(get_args(found)), None)
        elif isinstance(found, type) and issubclass(found, msgspec.Struct):
            found = next((field.type for field in msgspec.structs.fields(found) if field.encode_name == part), None)
    return found
