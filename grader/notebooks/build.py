"""Generates the notebooks of a course and their check files, or compares them with what would be generated."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..course.manifest import Manifest, ManifestError
from ..outputs import claim
from ..results.record import write_atomically
from . import checkfiles, document, rules, source, variants
from .source import Cell


def instructors_notebook(manifest: Manifest, name: str) -> dict[str, Any]:
    """A notebook with its solutions in place, its model answers and its proofs."""
    return document.notebook(variants.instructor(cells(manifest, name)), _origin(manifest, name))


def students_notebook(manifest: Manifest, name: str) -> dict[str, Any]:
    """A notebook as students get it."""
    return document.notebook(variants.student(cells(manifest, name), name), _origin(manifest, name))


def cells(manifest: Manifest, name: str) -> list[Cell]:
    """The cells of a notebook's source; raises ManifestError where it has none or the manifest doesn't list it."""
    if name not in manifest.notebooks:
        raise ManifestError(f"there is no notebook {name!r}; choose from {', '.join(manifest.notebooks) or 'none'}")
    origin = _origin(manifest, name)
    return source.read(manifest.root / origin, origin)


def generate(manifest: Manifest, names: Sequence[str] = ()) -> dict[Path, bytes]:
    """Every generated file by its path: the named notebooks (all when none is named) and all check files.

    Raises ManifestError for the first fault of a source.
    """
    checks, folder = checkfiles.collect(manifest), manifest.path("notebooks")
    made = {folder / "tests" / f"{file.name}.py": file.text().encode() for file in checks.values()}
    seen: dict[str, Cell] = {}
    for name in names or manifest.notebooks:
        found = cells(manifest, name)
        rules.validate(found, checks, seen)
        content = document.notebook(variants.student(found, name), _origin(manifest, name))
        made[folder / f"{name}.ipynb"] = document.to_bytes(content)
    return made


def drift(manifest: Manifest, names: Sequence[str] = ()) -> list[Path]:
    """The files that differ from what would be generated, missing and surplus ones too."""
    return _differing(manifest, generate(manifest, names))


def write(manifest: Manifest, names: Sequence[str] = (), force: bool = False) -> list[Path]:
    """Writes what differs and returns it; raises ManifestError, writing nothing, where that would undo edits."""
    made = generate(manifest, names)
    differing = _differing(manifest, made)
    edited = [f for f in differing if f.suffix == ".ipynb" and f.is_file() and not document.untouched(f)]
    if edited and not force:
        listed = ", ".join(str(file.relative_to(manifest.root)) for file in edited)
        raise ManifestError(f"{listed}: edited or run since it was made; move it away, or overwrite it with --force")
    for file in differing:
        if file in made:
            write_atomically(file, made[file])
        else:
            file.unlink()
    return differing


def write_instructors(manifest: Manifest, names: Sequence[str], folder: Path) -> list[Path]:
    """Writes notebooks with solutions, model answers and rubrics; raises ManifestError for the students' own folder."""
    if folder.resolve() == manifest.path("notebooks").resolve():
        raise ManifestError(f"{folder} holds the students' notebooks; choose another folder")
    made = {
        folder / f"{name}.ipynb": document.to_bytes(instructors_notebook(manifest, name))
        for name in names or manifest.notebooks
    }
    if folder.exists() and not folder.is_dir():
        raise ManifestError(f"{folder} is a file; choose another name for the folder")
    for file in made:
        claim(file, "notebook as it was made, unedited", mine=lambda content, file=file: document.untouched(file))
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in made.items():
        write_atomically(file, content)
    return list(made)


def _differing(manifest: Manifest, made: dict[Path, bytes]) -> list[Path]:
    wrong = [file for file, content in made.items() if not file.is_file() or file.read_bytes() != content]
    folder = manifest.path("notebooks")
    checks = [file.stem for file in made if file.suffix == ".py"]
    others = [f for f in sorted(folder.glob("*.ipynb")) if f.stem not in manifest.notebooks and document.note(f)]
    return wrong + others + checkfiles.surplus(folder / "tests", checks)


def _origin(manifest: Manifest, name: str) -> str:
    return f"{manifest.paths.notebooks}/source/{name}.py"
