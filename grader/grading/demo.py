"""The whole thing in one command: a hand-in with the demonstration's mistakes planted, built and graded."""

import tempfile
import zipfile
from pathlib import Path

from rich.console import Console

from ..course.manifest import Manifest
from ..errors import ManifestError
from ..outputs import REPORT, ZIP, claim
from ..results import terminal
from . import mistakes
from .submission import grade_submission


def run(manifest: Manifest, out: Path) -> None:
    """Writes the zip and its results beside it, and prints what was planted and what came out."""
    console = Console(highlight=False)
    chosen = demonstrated(manifest)
    results = claim(out.with_suffix(".json"), REPORT, [claim(out, ZIP)])
    build(manifest, chosen, out)
    console.print(f"{out} holds the reference with {len(chosen)} mistakes planted:")
    for mistake in chosen:
        console.print(f"  {mistake.function}: {mistake.title}")
    console.print()
    terminal.show(grade_submission(manifest, out, results, "gradescope"))


def demonstrated(manifest: Manifest) -> list[mistakes.Mistake]:
    """The mistakes the manifest names for the demonstration; raises ManifestError for one that is not known."""
    known = {mistake.id: mistake for question in manifest.questions for mistake in mistakes.load(manifest, question.id)}
    for name in manifest.demo:
        if name not in known:
            raise ManifestError(f"demo: there is no mistake {name!r} in {manifest.path('mistakes')}; mend the name")
    return [known[name] for name in manifest.demo]


def build(manifest: Manifest, chosen: list[mistakes.Mistake], out: Path) -> None:
    """Zips a copy of the reference with these mistakes."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        package = mistakes.copy_reference(manifest, Path(folder) / manifest.submission.packages[0])
        for mistake in chosen:
            mistakes.plant(mistake, package)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(filter(Path.is_file, package.rglob("*"))):
                archive.write(file, file.relative_to(folder).as_posix())
