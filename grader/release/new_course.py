"""Make a small course that runs, to begin one's own with."""

from pathlib import Path

from ..course import manifest as manifests
from ..course.manifest import Manifest
from ..errors import UsageError
from ..outputs import new_folder
from . import requirements, stubs
from .autograder import EXAMPLE, walk_files

NAMES = {"gitignore": ".gitignore"}
PINS = "# The versions that this course was made with: students and Gradescope install these.\n"


def write_course(out: Path) -> Manifest:
    """Write the course into a new folder, whole or not at all, and return its manifest.

    Raise OutputError where something is there already, UsageError in a student's copy, which has no example, and
    NotInstalled where a package that the course would pin is missing.
    """
    if not EXAMPLE.is_dir():
        raise UsageError("this copy of the engine holds no example course; install chainrule to make one")
    with new_folder(out) as folder:
        for path, file in walk_files(EXAMPLE):
            place = folder / path.parent / NAMES.get(path.stem, path.stem)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
        manifest = manifests.load_manifest(folder / manifests.FILENAME)
        pins = requirements.resolve_versions(requirements.list_for_container(manifest))
        (folder / "constraints.txt").write_text(PINS + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))
        stubs.write_stubs(manifest)
    return manifests.load_manifest(out / manifests.FILENAME)
