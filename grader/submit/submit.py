"""Make the zip and the PDF of a submission; put both in place, always the same bytes, or neither."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..course.manifest import Manifest, list_libraries
from ..course.source import read_source
from ..errors import OutputError, SubmissionError
from ..files import PDF, ZIP, claim, is_unchanged, make_printable, pack_zip
from ..limits import MEGABYTE, OTHER_FILE_BYTES
from ..pdf.convert import PdfRequest, make, read_options
from ..results.record import find_versions
from ..submission.listing import list_folder
from ..submission.unpack import choose_data
from . import preflight
from .report import Finding, SubmitResult, select_errors, warning

NOTE = "submission.json"
NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def make_submission(
    manifest: Manifest, request: PdfRequest, anyway: bool = False, tell: Callable[[str], None] = lambda text: None
) -> SubmitResult:
    """Write zip and, of notebooks, PDF into the assignment's folder, or nothing; call `tell` at each step.

    Errors keep them from being written, unless `anyway`; files from before stay then.
    Raise OutputError when the disk is full or something else has their names, and PdfError without any notebook.
    """
    read_options(manifest, request)  # a wrong one is told before any work
    claim(manifest.root / manifest.submit.zip, ZIP)
    if manifest.collected_notebooks():
        claim(manifest.root / manifest.submit.pdf, PDF, manifest.collected_notebooks().values())
    tell("Looking for what a grader would miss")
    made = SubmitResult(examine_submission(manifest, request.names))
    if select_errors(made.findings) and not anyway:
        return made
    with _make_room(manifest.root) as folder:
        zipped, paper = folder / manifest.submit.zip, folder / manifest.submit.pdf
        if manifest.collected_notebooks():
            tell(f"Making {paper.name}")
            notebooks = [file for file in manifest.collected_notebooks().values() if file.is_file()]
            made.paper = make(manifest, paper, notebooks, request)
            made.findings += [warning(paper.name, f"{problem}; look at it there") for problem in made.paper.problems]
        tell(f"Packing {zipped.name}")
        _write_zip(zipped, manifest, made.findings, anyway)
        made.files, made.left_out = _measure(zipped), find_left_out(manifest)
        if manifest.budgets and not select_errors(made.findings):
            tell("Trying what has a budget")
            made.trials = preflight.try_budgets(manifest, zipped)
        _put_in_place([zipped, paper] if made.paper else [zipped], manifest.root)
        made.placed = True
    return made


def examine_submission(manifest: Manifest, names: Sequence[str] = ()) -> list[Finding]:
    """Return all findings: those of the work on disk, then those of importing what is packed; write nothing.

    With `names` for the title page, no file of names is missed.
    """
    found = preflight.examine_course(manifest, names)
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        zipped = Path(folder) / manifest.submit.zip
        zipped.write_bytes(pack_zip(collect_submission(manifest), method=zipfile.ZIP_DEFLATED))
        imported = preflight.import_modules(manifest, zipped) if manifest.path("student").is_dir() else []
    return found + imported


def _write_zip(file: Path, manifest: Manifest, findings: Sequence[Finding], anyway: bool) -> None:
    """Write the zip with a note of what is in it."""
    files = collect_submission(manifest)
    with file.open("wb") as stream:
        note = write_note(manifest, files, findings, anyway)
        stream.write(pack_zip(files | {NOTE: note}, method=zipfile.ZIP_DEFLATED))
        stream.flush()
        os.fsync(stream.fileno())


def _measure(zipped: Path) -> dict[str, int]:
    """Return the sizes of the files in the zip on disk. Raise OutputError where a byte is wrong."""
    with zipfile.ZipFile(zipped) as opened:
        broken = opened.testzip()
        if broken:
            raise OutputError(f"{broken} cannot be read back from {zipped.name}; is the disk all right? Try again")
        return {info.filename: info.file_size for info in opened.infolist()}


def _put_in_place(made: Sequence[Path], folder: Path) -> None:
    """Rename all files, or none where one cannot be: restore those that were replaced."""
    kept: list[tuple[Path, Path | None]] = []
    try:
        for file in made:
            target, beside = folder / file.name, file.with_name(f"before-{file.name}")
            kept.append((target, Path(shutil.copy2(target, beside)) if target.is_file() else None))
            os.replace(file, target)
    except OSError:
        for target, before in kept:
            if before is None:
                target.unlink(missing_ok=True)
            else:
                os.replace(before, target)
        raise


@contextlib.contextmanager
def _make_room(root: Path) -> Iterator[Path]:
    """Yield a folder beside the final files, so that renaming suffices; remove it afterwards."""
    try:
        with tempfile.TemporaryDirectory(prefix=".submit-", dir=root, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as problem:
        if problem.errno in NO_ROOM:
            sentence = "the disk is full; nothing was changed, and files from before are as they were. Make room"
            raise OutputError(f"{sentence} and run this again") from None
        raise


def collect_submission(manifest: Manifest) -> dict[str, bytes]:
    """Return the contents of the zip by name, without its note."""
    package, modules = manifest.path("student"), preflight.collect_files(manifest)
    with contextlib.suppress(SubmissionError):  # the trial of the zip says what it is
        modules += choose_data(package, modules, manifest.submission)[0]
    files = {f"{package.name}/{file.as_posix()}": package / file for file in modules}
    notebooks = {f"{manifest.paths.notebooks}/{file.name}": file for file in manifest.collected_notebooks().values()}
    present = {name: file for name, file in (files | notebooks).items() if file.is_file()}
    return {name: present[name].read_bytes() for name in sorted(present)}


def find_left_out(manifest: Manifest) -> list[str]:
    """Return sentences on the student's own modules that nothing submitted imports, and on data that is too much."""
    package, taken, rules = manifest.path("student"), preflight.collect_files(manifest), manifest.submission
    try:
        listed = list_folder(package, math.inf).files
        dropped = Counter(parts[0] for parts in choose_data(package, taken, rules)[1])
    except SubmissionError as problem:
        return [f"all but modules and required files of {package.name}/, since {problem}"]
    modules = {Path(entry.name) for entry in listed if entry.name.endswith(".py")}.difference(taken)
    own = [file for file in sorted(modules) if not (_is_hidden(file) or _is_given(package / file))]
    sentences = [f"{package.name}/{file.as_posix()}; nothing that is handed in imports it" for file in own]
    limits = f"{OTHER_FILE_BYTES // MEGABYTE} MB are handed in"
    in_all = f"{rules.max_files} files or {rules.max_megabytes} MB in all"
    for name, number in sorted(dropped.items()):
        shown = f"{package.name}/{make_printable(name)}{f' ({number} files)' if number > 1 else ''}"
        sentences.append(f"{shown}; beside modules only plain files of up to {limits}, {in_all}")
    return sentences


def _is_hidden(file: Path) -> bool:
    return any(part.startswith(".") for part in file.parts)


def _is_given(file: Path) -> bool:
    """Return whether a module is as it was given out."""
    return is_unchanged(read_source(file).decode("utf-8", "replace"))


def write_note(manifest: Manifest, files: dict[str, bytes], findings: Sequence[Finding], anyway: bool) -> bytes:
    """Return the note of a zip: its files, the versions used, the findings; no times, so that it stays the same."""
    table = {
        "schema": 1,
        "assignment": manifest.title,
        "versions": find_versions(sorted(["chainrule", *list_libraries(manifest)])),
        "anyway": anyway,
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "files": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()
