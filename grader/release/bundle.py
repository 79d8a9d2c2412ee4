"""Make what a course gives away, always the same bytes: the students' bundle, and the zip that Gradescope runs.

The bundle is an allowlist of files, searched for secrets. Entries of a zip are sorted and stored, with fixed times and
modes. The small course that `chainrule new` makes, to begin one's own with, is laid out here too.
"""

import contextlib
import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..course import manifest as manifests
from ..course.editions import choose_edition
from ..course.manifest import FILENAME, Manifest, list_libraries
from ..errors import CourseError, UsageError
from ..files import ZIP, claim, claim_folder, list_lines, new_folder, pack_zip, write_atomically
from ..grading.hints import FILENAME as HINTS
from ..grading.hints import load_table, save_table
from ..notebooks import build
from ..pdf.notebook import from_table
from ..recording.cassette import FILENAME as ANSWERS
from ..results.terminal import SILENT, StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from ..submit.notebooks import BASELINES, Baseline, encode_baselines, record_baseline
from . import leaks, secrets
from . import student_files as stubs
from .engine import (
    EXAMPLE,
    TEMPLATES,
    collect_engine,
    find_beside,
    is_dotted,
    list_for_container,
    list_for_students,
    read_files,
    require_pins,
    resolve_versions,
)
from .recorder import record, record_misconceptions

if TYPE_CHECKING:
    from nbformat import NotebookNode

ASSETS = "assets"
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg"}
BESIDE = ("conftest.py", "LICENSE", "colab.txt", stubs.GUIDE)
SHOWN = 10
LINK = "open-in-colab"
NAMES = {"gitignore": ".gitignore"}  # of the example course's files
SECRET = ("reference", "public", "hidden", "mistakes")
EXECUTABLE = {"setup.sh", "run_autograder"}
PINS = "# The versions that this course was made with: students and Gradescope install these.\n"


def write_bundle(
    manifest: Manifest, out: Path, colab: str | None = None, line: StatusLine = SILENT
) -> dict[str, bytes]:
    """Write a folder, or a zip where `out` ends so, and return its files by name.

    Raise CourseError for a fault of a source and for a leak, OutputError where `out` is in use, writing nothing.
    """
    if out.suffix == ".zip":
        claim(out, ZIP)
    else:
        claim_folder(out)
    files = collect_bundle(manifest, manifest.release.colab if colab is None else colab, line)
    line.step("looking for leaks")
    _refuse(leaks.scan(files, secrets.collect_secrets(manifest)))
    if out.suffix == ".zip":
        write_atomically(out, pack_zip({f"{out.stem}/{name}": content for name, content in files.items()}))
        return files
    with new_folder(out) as folder:
        _write_files(folder, files)
    return files


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def collect_bundle(manifest: Manifest, colab: str = "", line: StatusLine = SILENT) -> dict[str, bytes]:
    """Return every file by its name, made from the sources, whatever lies in the folders students will have."""
    line.step("making the package and the notebooks")
    files = collect_engine() | stubs.make_student_files(manifest)
    made = stubs.generate_stubs(manifest)
    files |= {f"{manifest.paths.student}/{path.as_posix()}": text.encode() for path, text in made.items()}
    files |= _collect_notebooks(manifest, colab) | _collect_checks(manifest, line)
    for name in BESIDE:
        if (manifest.root / name).is_file():
            files[name] = (manifest.root / name).read_bytes()
    pins = find_beside(manifest, "constraints.txt")
    require_pins(list_for_students(manifest), pins)
    files["constraints.txt"] = pins.read_bytes()
    files |= read_files(manifest.root / ASSETS, ASSETS, lambda path: not is_dotted(path))
    return dict(sorted(files.items()))


def _collect_notebooks(manifest: Manifest, colab: str) -> dict[str, bytes]:
    """Return notebooks, their checks and pictures, and a record of what each notebook holds at first; all or none."""
    if not manifest.notebooks:
        return {}
    made, folder = build.generate_notebooks(manifest), manifest.path("notebooks")
    held: dict[str, Baseline] = {}
    files = {f"{manifest.paths.notebooks}/{f.relative_to(folder).as_posix()}": text for f, text in made.items()}
    for name in manifest.notebooks:
        notebook = build.make_students_notebook(manifest, name)
        held[name] = record_baseline(from_table(notebook, folder / f"{name}.ipynb").cells)
        if colab:
            files[f"{manifest.paths.notebooks}/{name}.ipynb"] = build.to_bytes(_link(manifest, name, notebook, colab))
    files[f"{manifest.paths.notebooks}/{BASELINES}"] = encode_baselines(held)
    images = f"{manifest.paths.notebooks}/images"
    return files | read_files(folder / "images", images, lambda path: path.suffix.lower() in PICTURES)


def _link(manifest: Manifest, name: str, notebook: "NotebookNode", colab: str) -> "NotebookNode":
    """Put a cell on top of a notebook that opens it in Colab; the PDF leaves it out."""
    from nbformat import v4

    address = f"{colab.rstrip('/')}/{manifest.paths.notebooks}/{name}.ipynb"
    text = f"[Open this notebook in Colab]({address})"
    notebook.cells.insert(0, v4.new_markdown_cell(text, id=LINK, metadata={"tags": ["pdf-ignore"]}))
    notebook.metadata[build.KEY].unedited = build.digest_cells(notebook.cells)
    return notebook


def _collect_checks(manifest: Manifest, line: StatusLine) -> dict[str, bytes]:
    """Return the public checks, with the reference's answers to them and those of known mistakes."""
    folder, name = manifest.path("public"), manifest.paths.public
    files = read_files(folder, name, lambda path: path.suffix == ".py")
    with tempfile.TemporaryDirectory(prefix="chainrule-") as place, contextlib.closing(ZygotePool()) as zygotes:
        line.step("recording the reference's answers")
        record(manifest, Path(place, ANSWERS), zygotes, line=line)
        files[f"{name}/{ANSWERS}"] = Path(place, ANSWERS).read_bytes()
        if manifest.report.hints != "never" and manifest.path("mistakes").is_dir():
            if load_table(manifest, manifest.seeds.public) is None:  # it is kept, and was made of other sources
                line.step("recording known mistakes")
                save_table(record_misconceptions(manifest, zygotes), folder / HINTS)
            files[f"{name}/{HINTS}"] = (folder / HINTS).read_bytes()
    return files


def _refuse(found: list[leaks.Leak]) -> None:
    """Raise CourseError naming the leaks."""
    if found:
        listed = "\n  ".join(["this would leak:", *list_lines([*map(str, found)], SHOWN)])
        raise CourseError(
            f"nothing was released, since {listed}\nTake it out of its source; a line of a "
            "solution that is no secret can be listed in release.known_lines"
        )


def write_course(out: Path) -> Manifest:
    """Write the course into a new folder, whole or not at all, and return its manifest.

    Raise OutputError where something is there already, UsageError in a student's copy, which has no example, and
    NotInstalled where a package that the course would pin is missing.
    """
    if not EXAMPLE.is_dir():
        raise UsageError("this copy of the engine holds no example course; install chainrule to make one")
    with new_folder(out) as folder:
        files = {Path(name).with_suffix(""): content for name, content in read_files(EXAMPLE, ".").items()}
        _write_files(folder, {str(f.with_name(NAMES.get(f.name, f.name))): text for f, text in files.items()})
        manifest = manifests.load_manifest(folder / FILENAME)
        pins = resolve_versions(list_for_container(manifest))
        (folder / "constraints.txt").write_text(PINS + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))
        stubs.write_stubs(manifest)
    return manifests.load_manifest(out / FILENAME)


def write_autograder(manifest: Manifest, out: Path, pip_flags: str | None = None) -> int:
    """Write the zip, never half of it, and return how many files it holds.

    `pip_flags` stand in for those of the manifest. Raise CourseError for what is missing, OutputError.
    """
    claim(out, ZIP)
    entries = collect_autograder(manifest, manifest.container.pip_flags if pip_flags is None else pip_flags)
    write_atomically(out, pack_zip(entries, EXECUTABLE))
    return len(entries)


def collect_autograder(manifest: Manifest, pip_flags: str = "") -> dict[str, bytes]:
    """Return every file of the zip by its name. Raise CourseError for what is missing or lies elsewhere.

    Secrets that have not been used yet are made, or each run of the zip would make others.
    """
    _require_checks(manifest)
    choose_edition(manifest, manifest.container.edition)  # a fault in it is told here and not in the container
    secrets.make_secrets(manifest)
    pins = find_beside(manifest, "constraints.txt")
    entries = {FILENAME: (manifest.root / FILENAME).read_bytes(), "constraints.txt": pins.read_bytes()}
    needed = list_for_container(manifest)
    require_pins(needed, pins)
    entries["requirements.txt"] = "".join(f"{name}\n" for name in needed).encode()
    entries |= collect_engine()
    for folder in find_secret_folders(manifest):
        entries |= read_files(manifest.root / folder, folder)
    return entries | _fill_scripts(manifest, pip_flags)


def find_secret_folders(manifest: Manifest) -> list[str]:
    """Return the folders that students' code must not read, below the root. Raise CourseError for one elsewhere."""
    folders = []
    for kind in [*SECRET, *(["editions"] if manifest.container.edition else [])]:
        place = manifest.path(kind).resolve()
        if not place.is_relative_to(manifest.root) or place == manifest.root:
            raise CourseError(f"paths.{kind}: {place} is no folder below {manifest.root}; move it there")
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


def _fill_scripts(manifest: Manifest, pip_flags: str) -> dict[str, bytes]:
    """Return the container's files with the manifest's values in them, and LF at the end of their lines."""
    box = manifest.container
    values = {
        "PIP_FLAGS": shlex.quote(pip_flags),
        "LIBRARIES": json.dumps(list_libraries(manifest)),
        "SECRETS": shlex.join(find_secret_folders(manifest)),
        "SECONDS": str(max(1, box.seconds - box.reserve // 2)),
        "GRACE": str(max(1, box.reserve // 6)),
    }
    scripts = {}
    for file in sorted((TEMPLATES / "container").iterdir()):
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
        scripts[file.name] = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text).encode()
    return scripts
