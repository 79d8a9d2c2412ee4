"""Packages that do nothing: every judged function answers in the right shape, with zeros or with its own input."""

import shutil
from pathlib import Path

from grader.course.catalogue import copy_reference
from grader.course.manifest import Manifest

KINDS = ("zeros", "identity")
ANSWERS = Path(__file__).with_name("answers.py")


def build(manifest: Manifest, package: Path, kind: str) -> Path:
    """Writes a package of one kind to `package`: the reference, whose judged functions are replaced at module's end."""
    copy_reference(manifest, package)
    shutil.copy(ANSWERS, package / "trivial_answers.py")
    (package / "challenge.pt").unlink(missing_ok=True)
    for name in manifest.functions():
        module, path = _split(package, name)
        dots = "." * len(module.relative_to(package).parts)
        line = f'from {dots}trivial_answers import answer as _answer\n{path} = _answer({path}, "{name}", "{kind}")\n'
        with module.open("a") as file:
            file.write(f"\n\n{line}")
    return package


def _split(package: Path, name: str) -> tuple[Path, str]:
    """The module's file and the path inside it of a function's dotted name."""
    parts = name.split(".")
    cut = max(i for i in range(1, len(parts)) if package.joinpath(*parts[:i]).with_suffix(".py").is_file())
    return package.joinpath(*parts[:cut]).with_suffix(".py"), ".".join(parts[cut:])
