"""Find and read `assignment.toml`, with one sentence for each way it can be wrong."""

import re
from pathlib import Path

import msgspec

from ..errors import CourseNotFound, ManifestError
from .schema import Manifest, Question, Submission, to_fraction, to_number
from .validation import find_faults

__all__ = [
    "FILENAME",
    "Manifest",
    "Question",
    "Submission",
    "find",
    "find_for_notebook",
    "load",
    "to_fraction",
    "to_number",
]
FILENAME = "assignment.toml"
RENAMED = {"handin": "submit"}  # tables of older manifests


def find(start: Path) -> Path:
    """Return the nearest manifest in `start` or above it; raise CourseNotFound where there is none."""
    for folder in [start.resolve(), *start.resolve().parents]:
        if (folder / FILENAME).is_file():
            return folder / FILENAME
    raise CourseNotFound(f"no {FILENAME} in {start} or above it; run this in the assignment's folder")


def find_for_notebook(start: Path) -> Path:
    """Return the manifest nearest to a kernel's folder, which may be any, else the one of the course around the engine.

    Raise CourseNotFound where there is neither.
    """
    try:
        return find(start)
    except CourseNotFound:
        file = Path(__file__).resolve().parents[2] / FILENAME
        if file.is_file():
            return file
        raise


def load(file: Path) -> Manifest:
    """Read and validate a manifest; raise ManifestError with file, key and remedy."""
    try:
        table = msgspec.toml.decode(file.read_bytes(), type=Manifest)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    except msgspec.ValidationError as error:
        raise ManifestError(f"{file}: {_locate_key(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: not valid TOML ({error}); mend that line") from None
    manifest = msgspec.structs.replace(table, root=file.parent.resolve())
    for problem in find_faults(manifest):
        raise ManifestError(f"{file}: {problem}")
    return manifest


def _locate_key(message: str) -> str:
    """Return msgspec's sentence with the key in front: `questions[2].points`, then what is wrong, then what to do."""
    text, _, path = message.partition(" - at `")
    key = path.strip("`").removeprefix("$").lstrip(".")
    unknown = re.search(r"unknown field `(\w+)`", text)
    if unknown and not key and unknown[1] in RENAMED:
        return f"{unknown[1]}: the table's name is now [{RENAMED[unknown[1]]}]; rename it"
    if unknown:
        return f"{'.'.join(filter(None, [key, unknown[1]]))}: unknown key; remove it or mend its spelling"
    missing = re.search(r"missing required field `(\w+)`", text)
    if missing:
        return f"{'.'.join(filter(None, [key, missing[1]]))}: missing; add this key"
    return f"{key}: {text[:1].lower()}{text[1:]}; give the value that type"
