"""What a grader would miss in the work as it is on disk: every notebook and every module, in the manifest's order."""

from ..course.manifest import Manifest
from ..submission.copies import missing
from . import given, modules, notebooks
from .findings import Finding, error


def examine(manifest: Manifest) -> list[Finding]:
    """All findings; those of modules first."""
    found, once = modules.examine(manifest), given.load(manifest)
    for name, file in manifest.collected().items():
        if file.is_file():
            found += notebooks.examine(file, once.get(name))
        else:
            found.append(error(file.name, missing(file, f"put it back into {manifest.paths.notebooks}/")))
    return found
