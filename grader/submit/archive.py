"""The zip that is handed in: the package's files, the notebooks and a note of what they are, always the same bytes."""

import hashlib
import importlib.metadata
import io
import json
import platform
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..course.manifest import Manifest
from ..course.reading import python_files, read_source
from ..course.source import untouched
from ..submission.unpack import IGNORED
from . import modules
from .findings import Finding

NOTE = "submission.json"
EPOCH = (1980, 1, 1, 0, 0, 0)


def contents(manifest: Manifest) -> dict[str, bytes]:
    """What goes into the zip, by name, without its note."""
    package = manifest.path("student")
    files = {f"{package.name}/{file.as_posix()}": package / file for file in modules.collected(manifest)}
    notebooks = {f"{manifest.paths.notebooks}/{file.name}": file for file in manifest.collected().values()}
    present = {name: file for name, file in (files | notebooks).items() if file.is_file()}
    return {name: present[name].read_bytes() for name in sorted(present)}


def left_out(manifest: Manifest) -> list[str]:
    """Modules of the student's own that nothing handed in imports; they stay at home, which should be known."""
    package = manifest.path("student")
    taken = {package / file for file in modules.collected(manifest)}
    kept = [package / file for file in sorted(python_files(package)) if package / file not in taken]
    own = [file for file in kept if not _foreign(package, file) and not untouched(_text(file))]
    return [f"{package.name}/{file.relative_to(package).as_posix()}" for file in own]


def _text(file: Path) -> str:
    return read_source(file).decode("utf-8", "replace").replace("\r\n", "\n")


def note(manifest: Manifest, files: dict[str, bytes], findings: Sequence[Finding], anyway: bool) -> bytes:
    """What is in the zip, made with what, and what preflight had to say; no times, so that it stays the same."""
    table = {
        "schema": 1,
        "assignment": manifest.title,
        "versions": versions(manifest),
        "anyway": anyway,
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "files": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()


def versions(manifest: Manifest) -> dict[str, str]:
    """Of Python, of the engine and of the libraries that the assignment uses; none of them is imported."""
    found = {"python": platform.python_version()}
    for name in sorted({"chainrule", *(library for question in manifest.questions for library in question.libraries)}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def pack(files: dict[str, bytes]) -> bytes:
    """Files by their names as a zip: sorted, with fixed times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _foreign(package: Path, file: Path) -> bool:
    """Whether a file lies in a virtual environment, a cache or a hidden folder."""
    folders = file.relative_to(package).parents
    return any(
        IGNORED.intersection(folder.parts)
        or any(part.startswith(".") for part in folder.parts)
        or (package / folder / "pyvenv.cfg").is_file()
        for folder in folders
    )
