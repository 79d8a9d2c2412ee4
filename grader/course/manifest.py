"""Find and read `assignment.toml`, decode its kind of files, and say where one is wrong, what is wrong, what to do."""

import re
import tomllib
from dataclasses import dataclass
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

RENAMED = {  # tables of older files
    "handin": "[submit]",
    "mistake": "[[misconception]] with its [[misconception.variant]], or [[right_way]]",
}
LABELS = ("id", "name", "forward")  # keys by which an entry of a list is named
HEADER = re.compile(r"\[\[?\s*([\w.]+)\s*\]\]?\s*(?:#.*)?$")
TYPES = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
SYNTAX = (  # what tomllib says, the usual reason and what to do
    ("Cannot overwrite a value", "this key stands twice", "remove one"),
    ("Cannot declare", "this table stands twice", "remove one, or put [[ ]] around each of several"),
    ("Unclosed array", "a list does not end where it should", "look for a missing comma or ] above this line"),
    ("Illegal character '\\n'", "a closing quote is missing", "put it at the end of the text"),
    (
        "Invalid value",
        "its value is neither text in quotes, a number, true, false nor a list",
        "quote it if it is text",
    ),
    ("Expected newline", "more than one value stands in it", "keep one; fractions have a point"),
    ("Expected '='", "the equals sign is missing", "write key = value"),
    ("Expected ']'", "a bracket is missing", "close it"),
)


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
        raw = tomllib.loads(text)
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
    table, _, rest = re.sub(r"(\[\d+\])+$", "", place).partition(" ")
    if not rest:
        table, _, key = table.rpartition(".")
        own = [block for block in _split(text) if block.name == table]
        return next(filter(None, (block.find(key) for block in own)), 0) or next(
            (block.line for block in _split(text) if block.name in (table, key) and block.name), 0
        )
    for number, block in enumerate((block for block in _split(text) if block.name == table), 1):
        for label in (f"#{number}", block.label):
            if rest == label or rest.startswith(f"{label}."):
                return block.find(rest.removeprefix(label).lstrip(".")) or block.line
    return 0


@dataclass
class TableLines:
    """The lines of a table, the first of which is its header."""

    line: int
    name: str
    lines: list[str]

    @property
    def label(self) -> str:
        """Return the label by which an entry of a list is named."""
        found = (re.match(rf"\s*(?:{'|'.join(LABELS)})\s*=\s*[\"'](.*)[\"']", line) for line in self.lines)
        return next((match[1] for match in found if match), "")

    def find(self, key: str) -> int:
        """Return the number of a key's line, 0 where there is none."""
        found = (i for i, line in enumerate(self.lines) if key and re.match(rf"\s*{re.escape(key)}\s*=", line))
        return next((self.line + i for i in found), 0)


def _split(text: str) -> list[TableLines]:
    blocks = [TableLines(1, "", [])]
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            blocks.append(TableLines(number, header[1], []))
        blocks[-1].lines.append(line)
    return blocks


def _explain_syntax(said: str, text: str) -> str:
    found = re.search(r"\(at line (\d+), column \d+\)", said)
    lines = text.splitlines()
    number = int(found[1]) if found else len(lines)
    shown = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    said = "Cannot declare" if shown.startswith("[") and said.startswith("Cannot overwrite") else said
    others = re.sub(r" \(at .*", "", said), "fix that line"
    reason, remedy = next(((why, what) for words, why, what in SYNTAX if said.startswith(words)), others)
    return f"line {number}: not valid TOML: {reason}; {remedy}: {shown}"


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
    if wrong := re.match(r"Expected `([^`]+)`, got `(\w+)`", text):
        return f"{key}: {_explain_type(wrong[1].split(' | '), wrong[2], parts)}"
    return f"{key}: {text[:1].lower()}{text[1:]}; give it such a value"


def _explain_unknown(name: str, key: str, table: Any) -> str:
    if name in RENAMED and name == key:
        return f"{key}: the table's name is now {RENAMED[name]}; rename it"
    known = [field.encode_name for field in msgspec.structs.fields(table) if field.name not in ("root", "edition")]
    return f"{key}: unknown key; {advise(name, known, 'the keys here are ' + ', '.join(known))}"


def _explain_type(wanted: list[str], got: str, parts: list[str]) -> str:
    expected = "a number" if len(wanted) > 1 else TYPES.get(wanted[0], wanted[0])
    remedy = "give it such a value"
    if got == "str":
        remedy = "put brackets around it" if wanted == ["array"] else "write it without quotes"
    elif wanted == ["str"] and got in ("int", "float", "bool"):
        remedy = "put it in quotes"
    elif (wanted, got) == (["array"], "object"):
        remedy = f"write [[{parts[-1]}]], with two brackets"
    return f"expected {expected}, got {TYPES.get(got, got)}; {remedy}"


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
