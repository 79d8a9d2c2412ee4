"""A copy of a course to run notebooks in, with any package in the student's place, gone when it is no longer needed."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..course import manifest as manifests
from ..course.manifest import Manifest

ENGINE = Path(__file__).parents[1]
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".OTTER_LOG", "source", "*.ipynb")


@contextmanager
def copy(manifest: Manifest, package: Path, shared: Sequence[Path] = (), further: Sequence[str] = ()) -> Iterator[Path]:
    """A folder with the course's manifest, engine, public checks and reference, and `package` as the student's.

    The folders in `shared` (data sets) are linked into the student's package, and made where they are missing, so that
    what one run writes there the next one finds; no folder of their names is copied. `further` names folders beside the
    manifest which the package reads.
    """
    names = [folder.name for folder in shared]
    with tempfile.TemporaryDirectory(prefix="chainrule-notebooks-") as folder:
        root = Path(folder)
        shutil.copy(manifest.root / manifests.FILENAME, root)
        _copy(ENGINE, root / "grader")
        for kind in ("public", "reference", "notebooks"):
            if manifest.path(kind).is_dir():
                _copy(manifest.path(kind), root / getattr(manifest.paths, kind), names)
        for name in further:
            if (manifest.root / name).is_dir():
                _copy(manifest.root / name, root / name)
        student = root / manifest.paths.student
        _copy(package, student, names)
        for data in shared:
            data.mkdir(exist_ok=True)
            (student / data.name).symlink_to(data.resolve(), target_is_directory=True)
        yield root


def _copy(source: Path, target: Path, left_out: Sequence[str] = ()) -> None:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return NOT_COPIED(folder, names) | set(left_out).intersection(names)

    shutil.copytree(source, target, ignore=ignore)
