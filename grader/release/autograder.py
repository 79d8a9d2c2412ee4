"""Make the zip that Gradescope runs: engine, manifest, reference and checks, and how to install and start them.

The same files make the same bytes: entries are sorted and stored, with fixed times and modes.
"""

import io
import json
import re
import shlex
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..course.editions import choose_edition
from ..course.manifest import FILENAME, Manifest
from ..errors import CourseError, ManifestError
from ..files import ZIP, claim, read_or_make_secret, write_atomically
from . import requirements

ENGINE = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).resolve().with_name("templates") / "container"
EXAMPLE = TEMPLATES.with_name("course")
# of the engine, beside its modules; pyproject.toml packs the same
DATA = ("classroom/page.html", "pdf/template.typ", "release/templates")
SECRET = ("reference", "public", "hidden", "mistakes")
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", ".DS_Store", "datasets"}
EXECUTABLE = {"setup.sh", "run_autograder"}
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_autograder(manifest: Manifest, out: Path, pip_flags: str | None = None) -> int:
    """Write the zip, never half of it, and return how many files it holds.

    `pip_flags` stand in for those of the manifest. Raise CourseError for what is missing, OutputError.
    """
    claim(out, ZIP)
    entries = collect_autograder(manifest, manifest.container.pip_flags if pip_flags is None else pip_flags)
    write_atomically(out, pack(entries))
    return len(entries)


def pack(entries: dict[str, bytes]) -> bytes:
    """Pack files, given by their names, into a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | (0o755 if name in EXECUTABLE else 0o644)) << 16
            archive.writestr(info, entries[name])
    return buffer.getvalue()


def collect_autograder(manifest: Manifest, pip_flags: str = "") -> dict[str, bytes]:
    """Return every file of the zip by its name. Raise CourseError for what is missing or lies elsewhere.

    Secrets that have not been used yet are made, or each run of the zip would make others.
    """
    _require_checks(manifest)
    choose_edition(manifest, manifest.container.edition)  # a fault in it is told here and not in the container
    make_secrets(manifest)
    pins = find_beside(manifest, "constraints.txt")
    entries = {FILENAME: (manifest.root / FILENAME).read_bytes(), "constraints.txt": pins.read_bytes()}
    needed = requirements.list_for_container(manifest)
    requirements.require_pins(needed, pins)
    entries["requirements.txt"] = "".join(f"{name}\n" for name in needed).encode()
    entries |= collect_engine()
    for folder in find_secret_folders(manifest):
        files = walk_files(manifest.root / folder)
        entries |= {f"{folder}/{path.as_posix()}": file.read_bytes() for path, file in files}
    return entries | _fill_scripts(manifest, pip_flags)


def collect_engine() -> dict[str, bytes]:
    """Return the engine's files as `grader/…`: what its distribution packs, but not the example course.

    None of them holds a secret. The example has its solution, which a course that began as its copy still asks for.
    """
    found = walk_files(ENGINE / "grader", _is_engine)
    return {f"grader/{path.as_posix()}": file.read_bytes() for path, file in found if EXAMPLE not in file.parents}


def _is_engine(path: Path) -> bool:
    """Return whether a file below `grader` belongs to the engine; a person or an editor left any other there."""
    return not is_dotted(path) and (path.suffix == ".py" or any(path.is_relative_to(place) for place in DATA))


def is_dotted(path: Path) -> bool:
    """Return whether a path is one of those that editors and systems leave beside a file, such as `.name.swp`."""
    return any(part.startswith(".") for part in path.parts)


def make_secrets(manifest: Manifest) -> dict[str, bytes]:
    """Return the course's secrets by their files' names, made where missing. Raise CourseError for a broken file."""
    return {name: read_or_make_secret(manifest.root / name) for name in manifest.container.secrets}


def find_secret_folders(manifest: Manifest) -> list[str]:
    """Return the folders that students' code must not read, below the root. Raise ManifestError for one elsewhere."""
    folders = []
    for kind in [*SECRET, *(["editions"] if manifest.container.edition else [])]:
        place = manifest.path(kind).resolve()
        if not place.is_relative_to(manifest.root) or place == manifest.root:
            raise ManifestError(f"paths.{kind}: {place} is no folder below {manifest.root}; move it there")
        if place.is_dir():
            folders.append(place.relative_to(manifest.root).as_posix())
    return folders


def _require_checks(manifest: Manifest) -> None:
    manifest.require_reference()
    for question in manifest.questions:
        for kind, points in (("public", question.public_points), ("hidden", question.hidden_points)):
            if points and not (manifest.path(kind) / question.file).is_file():
                raise CourseError(
                    f"{manifest.path(kind) / question.file} is not there, and {question.id} has {kind} points; "
                    "restore it, or fix the points"
                )


def find_beside(manifest: Manifest, name: str) -> Path:
    """Find a file beside the manifest, else beside the engine."""
    for folder in (manifest.root, ENGINE):
        if (folder / name).is_file():
            return folder / name
    raise CourseError(f"there is no {name} in {manifest.root}; restore it")


def walk_files(folder: Path, keep: Callable[[Path], bool] = lambda path: True) -> Iterator[tuple[Path, Path]]:
    """Yield every file below a folder whose path in it is kept, that path first. Raise CourseError for a link."""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if LEFT_OUT.intersection(path.parts) or file.suffix == ".pyc" or not keep(path):
            continue
        if file.is_symlink():
            raise CourseError(f"{file} is a link; put the file itself there")
        if file.is_file():
            yield path, file


def _fill_scripts(manifest: Manifest, pip_flags: str) -> dict[str, bytes]:
    """Return the container's files with the manifest's values in them, and LF at the end of their lines."""
    box = manifest.container
    values = {
        "PIP_FLAGS": shlex.quote(pip_flags),
        "LIBRARIES": json.dumps(requirements.list_libraries(manifest)),
        "SECRETS": shlex.join(find_secret_folders(manifest)),
        "SECONDS": str(max(1, box.seconds - box.reserve // 2)),
        "GRACE": str(max(1, box.reserve // 6)),
    }
    scripts = {}
    for file in sorted(TEMPLATES.iterdir()):
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
        scripts[file.name] = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text).encode()
    return scripts
