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
from ..errors import CourseError, OutputError, SubmissionError
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


class NoRoom(OSError):
    """The disk is full; the text says what to do."""


def make_submission(
    manifest: Manifest, request: PdfRequest, anyway: bool = False, tell: Callable[[str], None] = lambda text: None
) -> SubmitResult:
    """Write zip and, of notebooks, PDF into the assignment's folder, or nothing; call `tell` at each step.

    Errors keep them from being written, unless `anyway`; files from before stay then.
    Raise NoRoom when the disk is full and OutputError when something else has their names.
    Raise PdfError or CourseError when there is nothing to make a PDF or a zip of.
    """
    read_options(manifest, request)  # a wrong one is told before any work
    claim(manifest.root / manifest.submit.zip, ZIP)
    if manifest.collected_notebooks():
        claim(manifest.root / manifest.submit.pdf, PDF, manifest.collected_notebooks().values())
    tell("Looking for what a grader would miss")
    made = SubmitResult(preflight.examine_course(manifest, request.names))
    if select_errors(made.findings) and not anyway:
        return made
    with _make_room(manifest.root) as folder:
        zipped, paper = folder / manifest.submit.zip, folder / manifest.submit.pdf
        files = _zip(manifest, zipped, made, anyway, tell)
        if manifest.collected_notebooks():
            tell(f"Making {paper.name}")
            notebooks = [file for file in manifest.collected_notebooks().values() if file.is_file()]
            if not notebooks:
                raise CourseError(
                    f"there are no notebooks in {manifest.path('notebooks')}, and the PDF is made of them"
                )
            made.paper = make(manifest, paper, notebooks, request)
            made.findings += [warning(paper.name, f"{problem}; look at it there") for problem in made.paper.problems]
        if select_errors(made.findings) and not anyway:
            return made
        _write_zip(zipped, manifest, files, made.findings, anyway)
        made.files, made.left_out = _measure(zipped), find_left_out(manifest)
        _put_in_place([zipped, paper] if made.paper else [zipped], manifest.root)
        made.placed = True
    return made


def _zip(
    manifest: Manifest, zipped: Path, made: SubmitResult, anyway: bool, tell: Callable[[str], None]
) -> dict[str, bytes]:
    """Write a first zip and try it; add a finding for each fault."""
    tell(f"Packing {zipped.name} and importing what is in it")
    files = collect_submission(manifest)
    _write_zip(zipped, manifest, files, made.findings, anyway)
    told = {finding.file for finding in made.findings if finding.line}
    imported = preflight.import_modules(manifest, zipped)
    made.findings += [finding for finding in imported if finding.file not in told]
    if manifest.budgets and not select_errors(made.findings):
        tell("Trying what has a budget")
        made.trials = preflight.try_budgets(manifest, zipped)
    return files


def _write_zip(
    file: Path, manifest: Manifest, files: dict[str, bytes], findings: Sequence[Finding], anyway: bool
) -> None:
    """Write a zip of these files and a note of them."""
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
            raise NoRoom(f"{sentence} and run this again") from None
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
    package, taken = manifest.path("student"), preflight.collect_files(manifest)
    try:
        listed = list_folder(package, math.inf).files
        dropped = Counter(parts[:1] for parts in choose_data(package, taken, manifest.submission)[1])
    except SubmissionError as problem:
        return [f"all but modules and required files of {package.name}/, since {problem}"]
    modules = sorted({Path(entry.name) for entry in listed if entry.name.endswith(".py")}.difference(taken))
    own = [file for file in modules if not _is_hidden(file) and not _is_given(package / file)]
    sentences = [f"{package.name}/{file.as_posix()}; nothing that is handed in imports it" for file in own]
    rules = manifest.submission
    in_all = f"{rules.max_files} files or {rules.max_megabytes} MB in all"
    limits = f"{OTHER_FILE_BYTES // MEGABYTE} MB are handed in, {in_all}"
    for (name,), number in sorted(dropped.items()):
        files = f" ({number} files)" if number > 1 else ""
        sentences.append(
            f"{package.name}/{make_printable(name)}{files}; beside modules only plain files of up to {limits}"
        )
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
