"""Generate the notebooks of a course and their check files, or compare them with their sources."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import OutputError, UsageError
from ..course.manifest import Manifest
from ..outputs import claim
from ..results.record import write_atomically
from . import checkfiles, document, source
from .document import Notebook
from .source import Cell


def make_instructors_notebook(manifest: Manifest, name: str) -> Notebook:
    """Return a notebook with its solutions in place, its model answers and its proofs."""
    return document.assemble(read_cells(manifest, name), _origin(manifest, name))


def make_students_notebook(manifest: Manifest, name: str) -> Notebook:
    """Return a notebook as students get it."""
    return _strip(manifest, name, read_cells(manifest, name))


def read_cells(manifest: Manifest, name: str) -> list[Cell]:
    """Return the cells of a notebook's source; raise CourseError where there is no such source."""
    if name not in manifest.notebooks:
        raise UsageError(f"there is no notebook {name!r}; choose from {', '.join(manifest.notebooks) or 'none'}")
    origin = _origin(manifest, name)
    return source.read(manifest.root / origin, origin)


def generate(manifest: Manifest, names: Sequence[str] = ()) -> dict[Path, bytes]:
    """Return every generated file by its path: the named notebooks (all by default) and all check files.

    Raise CourseError for the first fault of a source.
    """
    checks, folder = checkfiles.collect(manifest), manifest.path("notebooks")
    made = {folder / "tests" / f"{file.name}.py": file.text().encode() for file in checks.values()}
    seen: dict[str, Cell] = {}
    for name in names or manifest.notebooks:
        cells = read_cells(manifest, name)
        source.validate(cells, checks, seen)
        made[folder / f"{name}.ipynb"] = document.to_bytes(_strip(manifest, name, cells))
    return made


def find_drift(manifest: Manifest, names: Sequence[str] = ()) -> list[Path]:
    """Return the files that differ from their sources, missing and surplus ones too."""
    return _compare(manifest, generate(manifest, names))


def write_notebooks(manifest: Manifest, names: Sequence[str] = (), force: bool = False) -> list[Path]:
    """Write the files that differ and return them; raise OutputError, writing nothing, where that would undo edits."""
    made = generate(manifest, names)
    differing = _compare(manifest, made)
    edited = [f for f in differing if f.suffix == ".ipynb" and f.is_file() and not document.is_unedited(f)]
    if edited and not force:
        listed = ", ".join(str(file.relative_to(manifest.root)) for file in edited)
        raise OutputError(f"{listed}: edited or run since it was made; move it away, or overwrite it with --force")
    for file in differing:
        if file in made:
            write_atomically(file, made[file])
        else:
            file.unlink()
    return differing


def write_instructors(manifest: Manifest, names: Sequence[str], folder: Path) -> list[Path]:
    """Write notebooks with solutions, model answers and rubrics; raise OutputError for the students' own folder."""
    if folder.resolve() == manifest.path("notebooks").resolve():
        raise OutputError(f"{folder} holds the students' notebooks; choose another folder")
    made = {
        folder / f"{name}.ipynb": document.to_bytes(make_instructors_notebook(manifest, name))
        for name in names or manifest.notebooks
    }
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; choose another name for the folder")
    for file in made:
        _claim(file)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in made.items():
        write_atomically(file, content)
    return list(made)


def _claim(file: Path) -> None:
    claim(file, "notebook as it was made, unedited", mine=lambda content: document.is_unedited(file))


def _strip(manifest: Manifest, name: str, cells: Sequence[Cell]) -> Notebook:
    return document.assemble(document.strip_solutions(cells, name), _origin(manifest, name))


def _compare(manifest: Manifest, made: dict[Path, bytes]) -> list[Path]:
    wrong = [file for file, content in made.items() if not file.is_file() or file.read_bytes() != content]
    folder = manifest.path("notebooks")
    checks = [file.stem for file in made if file.suffix == ".py"]
    others = [f for f in sorted(folder.glob("*.ipynb")) if f.stem not in manifest.notebooks and document.read_note(f)]
    return wrong + others + checkfiles.find_surplus(folder / "tests", checks)


def _origin(manifest: Manifest, name: str) -> str:
    return f"{manifest.paths.notebooks}/source/{name}.py"
