"""Makes the two files to hand in: examined before, tried after, and put in place only when both are good."""

import contextlib
import errno
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..course.manifest import Manifest
from ..errors import CourseError, OutputError
from ..outputs import PDF, ZIP, claim
from ..pdf.command import Wishes, make
from ..pdf.convert import Result
from . import archive, preflight, trial
from .findings import Finding, errors, warning

NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class NoRoom(OSError):
    """The disk is full; the text says what to do."""


@dataclass
class HandIn:
    """What came of it: the findings, and where they allowed it, the files with their sizes, and the PDF's remarks.

    `tried` is what trials of budgets came to; it is told, but not packed, since the same work makes the same bytes.
    """

    findings: list[Finding]
    files: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    tried: list[trial.Tried] = field(default_factory=list)
    paper: Result | None = None
    placed: bool = False


def submit(
    manifest: Manifest, wishes: Wishes, anyway: bool = False, tell: Callable[[str], None] = lambda text: None
) -> HandIn:
    """Writes zip and PDF into the assignment's folder, or nothing; `tell` hears of each step.

    Errors keep them from being written, unless `anyway`. Raises NoRoom when the disk is full, OutputError when
    something else has their names, and PdfError or CourseError when there is nothing to make a PDF or a zip of;
    files from before stay as they were.
    """
    claim(manifest.root / manifest.handin.zip, ZIP)
    claim(manifest.root / manifest.handin.pdf, PDF, manifest.collected().values())
    tell("Looking for what a grader would miss")
    hand_in = HandIn(preflight.examine(manifest))
    if errors(hand_in.findings) and not anyway:
        return hand_in
    with _room(manifest.root) as folder:
        zipped, paper = folder / manifest.handin.zip, folder / manifest.handin.pdf
        files = _zip(manifest, zipped, hand_in, anyway, tell)
        tell(f"Making {paper.name}")
        hand_in.paper = make(manifest, paper, _notebooks(manifest), wishes)
        hand_in.findings += [warning(paper.name, f"{problem}; look at it there") for problem in hand_in.paper.problems]
        if errors(hand_in.findings) and not anyway:
            return hand_in
        _write(zipped, _packed(manifest, files, hand_in.findings, anyway))
        hand_in.files, hand_in.left_out = _sizes(zipped), archive.left_out(manifest)
        _put_in_place([zipped, paper], manifest.root)
        hand_in.placed = True
    return hand_in


def _zip(
    manifest: Manifest, zipped: Path, hand_in: HandIn, anyway: bool, tell: Callable[[str], None]
) -> dict[str, bytes]:
    """Writes a first zip and tries it; what does not work there is added to the findings."""
    tell(f"Packing {zipped.name} and importing what is in it")
    files = archive.contents(manifest)
    _write(zipped, _packed(manifest, files, hand_in.findings, anyway))
    told = {finding.file for finding in hand_in.findings if finding.message.startswith("line ")}
    imported = trial.imports(manifest, zipped)
    hand_in.findings += [finding for finding in imported if finding.file not in told]
    if manifest.budgets and not errors(hand_in.findings):
        tell("Trying what has a budget")
        hand_in.tried = trial.budgets(manifest, zipped)
    return files


def _packed(manifest: Manifest, files: dict[str, bytes], findings: Sequence[Finding], anyway: bool) -> bytes:
    return archive.pack(files | {archive.NOTE: archive.note(manifest, files, findings, anyway)})


def _notebooks(manifest: Manifest) -> list[Path]:
    found = [file for file in manifest.collected().values() if file.is_file()]
    if not found:
        raise CourseError(f"there are no notebooks in {manifest.path('notebooks')}, and the PDF is made of them")
    return found


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sizes(zipped: Path) -> dict[str, int]:
    """The files of the finished zip, read again from disk; raises OutputError where a byte of it is wrong."""
    with zipfile.ZipFile(zipped) as opened:
        broken = opened.testzip()
        if broken:
            raise OutputError(f"{broken} cannot be read back from {zipped.name}; is the disk all right? Try again")
        return {info.filename: info.file_size for info in opened.infolist()}


def _put_in_place(made: Sequence[Path], folder: Path) -> None:
    """Renames all files, or, where one cannot be, none: those that others took the place of come back."""
    kept: list[tuple[Path, Path | None]] = []
    try:
        for file in made:
            target, before = folder / file.name, file.with_name(f"before-{file.name}")
            kept.append((target, _second_name(target, before) if target.is_file() else None))
            os.replace(file, target)
    except OSError:
        for target, before in kept:
            if before is None:
                target.unlink(missing_ok=True)
            else:
                os.replace(before, target)
        raise


def _second_name(file: Path, other: Path) -> Path:
    """Gives a file another name as well, or where the file system has no such thing makes a copy."""
    try:
        other.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, other)
    return other


@contextlib.contextmanager
def _room(root: Path) -> Iterator[Path]:
    """A folder beside the files to be, so that they need only be renamed; it is gone afterwards, whatever happened."""
    try:
        with tempfile.TemporaryDirectory(prefix=".submit-", dir=root, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as problem:
        if problem.errno in NO_ROOM:
            sentence = "the disk is full; nothing was changed, and files from before are as they were. Make room"
            raise NoRoom(f"{sentence} and run this again") from None
        raise
