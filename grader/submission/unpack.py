"""Unpack the package of a submission: list its files and judge them before one is opened, then copy what is graded."""

import contextlib
import lzma
import math
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ..course.manifest import Manifest, Submission
from ..errors import SubmissionError
from ..files import make_printable, open_regular, read_start
from ..limits import MEGABYTE, OTHER_FILE_BYTES, PATH_PART_BYTES
from .listing import FileEntry, Listing, PathParts, check_time, list_folder, list_zip
from .package_search import Found, explain_absence, explain_missing, find_package, name_some

UNUSABLE = frozenset('<>:"|?*')  # not for files on every system
SENT_ALONG = "submission.json"  # beside the notebooks, what `submit` packs and nobody grades
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError)
NO_ZIPS = {  # by what a file begins with, in lower case
    b"rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"%pdf": "a PDF",
    b"<!doctyp": "a web page",
    b"<html": "a web page",
}
BROKEN = (*DAMAGED, OSError, OverflowError, ValueError)
CLASHES = (FileExistsError, IsADirectoryError, NotADirectoryError)  # in a new folder: one name for a file and a folder

Opener = Callable[[FileEntry], IO[bytes]]


@dataclass
class FileChoice:
    """The files to unpack: the needed ones, others where they are few and small; the rest is counted."""

    needed: list[FileEntry] = field(default_factory=list)
    others: list[FileEntry] = field(default_factory=list)
    left_out: Counter[PathParts] = field(default_factory=Counter)


def choose_files(found: Found, entries: Listing, rules: Submission) -> FileChoice:
    """Separate what is graded from the rest. Raise SubmissionError for what would be graded and cannot be."""
    choice, required = FileChoice(left_out=Counter()), {tuple(name.split("/")) for name in rules.required}
    above = {name[:end] for name in required for end in range(1, len(name))}
    seen: dict[str, bool] = {}
    for parts, number in entries.passed_over.items():
        choice.left_out[find_label(parts, found.folder)] += number
    for entry in sorted(entries.files, key=lambda entry: entry.parts):
        inside = entry.parts[len(found.folder) :] if entry.parts[: len(found.folder)] == found.folder else ()
        usable = bool(inside) and _is_usable(inside)
        needed = inside in required or (usable and inside[-1].endswith(".py"))
        if entry.kind == "link" and (needed or inside in above):
            raise SubmissionError(f"'{entry.shown}' is a symbolic link; put the file itself there")
        name = "/".join(inside).casefold()
        if needed and entry.kind == "file":
            if seen.get(name):
                raise SubmissionError(f"{entry.shown} stands twice in it; keep one")
            seen[name] = True
            choice.needed.append(entry)
        elif usable and entry.kind == "file" and entry.size <= OTHER_FILE_BYTES and name not in seen:
            seen[name] = False
            choice.others.append(entry)
        elif inside or not (_is_sent_along(entry) or _is_told(entry.parts, found)):
            choice.left_out[find_label(entry.parts, found.folder)] += 1
    return _apply_limits(choice, found, rules)


def choose_data(package: Path, modules: Collection[Path], rules: Submission) -> tuple[list[Path], list[PathParts]]:
    """Return the files that a grader keeps beside `modules`, paths in the package, and those that it leaves out.

    Hidden files are nobody's work. Raise SubmissionError for a package that would be refused.
    """
    entries = Listing()
    for entry in list_folder(package, math.inf).files:
        if Path(entry.name) in modules:
            entries.files.append(replace(entry, kind="file"))  # packed as what a link leads to
        elif not (entry.name.endswith(".py") or any(part.startswith(".") for part in entry.parts)):
            closed = "" if os.access(entry.path, os.R_OK) else "cannot be read"
            entries.files.append(replace(entry, trouble=closed))
    choice = choose_files(Found((), package.name, True), entries, rules)
    kept = {entry.parts for entry in (*choice.needed, *choice.others)}
    others = [entry for entry in choice.others if Path(entry.name) not in modules]
    return [Path(entry.name) for entry in others], [e.parts for e in entries.files if e.parts not in kept]


def _apply_limits(choice: FileChoice, found: Found, rules: Submission) -> FileChoice:
    """Leave out what is not needed where it makes a submission too large. Raise SubmissionError for the rest."""
    for entry in choice.needed:
        if entry.trouble:
            raise SubmissionError(f"'{entry.shown}' {entry.trouble}")
    if len(choice.needed) > rules.max_files:
        raise SubmissionError(
            f"it holds {len(choice.needed):,} modules, allowed are {rules.max_files:,}; leave out what is not yours"
        )
    total = sum(entry.size for entry in choice.needed)
    if total > rules.max_megabytes * MEGABYTE:
        largest = max(choice.needed, key=lambda entry: entry.size)
        raise SubmissionError(
            f"it unpacks to {total / MEGABYTE:,.0f} MB, allowed are {rules.max_megabytes}; "
            f"{largest.shown} has {largest.size / MEGABYTE:,.1f} MB"
        )
    size, number = total + sum(entry.size for entry in choice.others), len(choice.needed) + len(choice.others)
    too_large = size > rules.max_megabytes * MEGABYTE or number > rules.max_files
    dropped = [entry for entry in choice.others if too_large or entry.trouble]
    choice.left_out.update(find_label(entry.parts, found.folder) for entry in dropped)
    return replace(choice, others=[] if too_large else [entry for entry in choice.others if not entry.trouble])


def _is_usable(parts: PathParts) -> bool:
    """Return whether a file of this name can be written on every system, and named in a report."""
    if any(len(part.encode(errors="replace")) > PATH_PART_BYTES for part in parts):
        return False
    return not any(
        char in UNUSABLE or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for part in parts for char in part
    )


def _is_sent_along(entry: FileEntry) -> bool:
    """Return whether a file is one that `submit` packs beside the package."""
    return entry.parts[-1].endswith(".ipynb") or entry.parts[-1] == SENT_ALONG


def _is_told(parts: PathParts, found: Found) -> bool:
    """Return whether a note on another folder of the package's name covers it already."""
    return any(parts[: len(other)] == other for other in found.others)


def find_label(parts: PathParts, package: PathParts) -> PathParts:
    """Return the topmost folder or file that holds what was left out, and nothing of what was graded."""
    shared = 0
    while shared < min(len(parts) - 1, len(package)) and parts[shared] == package[shared]:
        shared += 1
    return parts[: shared + 1]


def note_left_out(counted: Counter[PathParts]) -> list[str]:
    """Return one note that counts what was not unpacked, none where all was."""
    number = counted.total()
    if not number:
        return []
    names = ["/".join(parts) for parts, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]
    files = "1 file that is not graded" if number == 1 else f"{number:,} files that are not graded"
    return [f"left out {files} ({name_some(names)})"]


def note_missing(name: str, found: Found, files: Sequence[FileEntry]) -> str:
    """Return the note that a required file is missing, with what looks like a copy of it."""
    *folders, last = name.split("/")
    folder = (*found.folder, *folders)
    beside = {entry.parts[-1]: entry.shown for entry in files if entry.parts[:-1] == folder}
    outside = [entry.shown for entry in files if entry.parts[-1] == last and entry.parts[:-1] != folder]
    otherwise = "; what needs it gets no points"
    if outside:
        otherwise = f", but {name_some(outside)} is there; put it into {'/'.join([found.name, *folders])}/"
    return f"{found.name}/{name} {explain_missing(last, beside, otherwise)}"


@dataclass(frozen=True)
class UnpackedSubmission:
    """An unpacked submission: the package's folder, and remarks for the report."""

    package: Path
    notes: list[str]


def unpack_submission(source: Path, manifest: Manifest, work: Path, deadline: float = math.inf) -> UnpackedSubmission:
    """Copy a submission's package into `work`. Raise SubmissionError, having written nothing, when it is refused.

    A folder without a package, but with one zip in it, counts as that zip. `deadline` is on the monotonic clock.
    An OSError is the grader's own: it cannot write.
    """
    rules = manifest.submission
    try:
        entries = list_folder(source, deadline) if stat.S_ISDIR(source.stat().st_mode) else None
    except FileNotFoundError:
        raise SubmissionError(f"{make_printable(str(source))} is not there; give a zip or a folder") from None
    except OSError as error:
        reason = f"{make_printable(source.name)} cannot be read ({_find_reason(error)})"
        raise SubmissionError(f"{reason}; make and upload it again") from None
    if entries is None:
        return _unpack_zip(source, rules, work, deadline)
    found = find_package(entries.files, rules, source.name)
    zips = [entry for entry in entries.files if entry.kind == "file" and entry.name.lower().endswith(".zip")]
    if len(zips) == 1 and (found is None or not (found.folder or found.complete)):
        return _add_note_on_loose(zips[0], entries, _unpack_zip(zips[0].path, rules, work, deadline))
    return _place(found, entries, rules, work, deadline, lambda entry: open_regular(entry.path, False))


def _unpack_zip(source: Path, rules: Submission, work: Path, deadline: float) -> UnpackedSubmission:
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(open_regular(source))
            entries, archive = list_zip(stream, deadline)
            stack.enter_context(archive)
        except BROKEN as error:
            raise _refuse_zip(source, error) from None
        found = find_package(entries.files, rules)
        return _place(found, entries, rules, work, deadline, lambda entry: archive.open(entry.source))


def _refuse_zip(source: Path, error: Exception) -> SubmissionError:
    """Return the error that a file is no zip: what it is instead, as far as its first bytes tell."""
    name = make_printable(source.name)
    with contextlib.suppress(OSError):
        start = read_start(source, 8).lower()
        other = next((what for magic, what in NO_ZIPS.items() if start.startswith(magic)), "")
        if other or not start:
            said = f"is {other}, no zip" if other else "is empty"
            return SubmissionError(f"{name} {said}; pack your work as a zip, and upload that")
    return SubmissionError(f"{name} is not a whole zip file ({_find_reason(error)}); make and upload it again")


def _add_note_on_loose(chosen: FileEntry, entries: Listing, unpacked: UnpackedSubmission) -> UnpackedSubmission:
    """Return the zip of a folder, with a note of the loose files that were not graded."""
    loose = [entry.name for entry in entries.files if entry is not chosen]
    verb = "was" if len(loose) == 1 else "were"
    note = f"{chosen.shown} was graded; {name_some(loose)} beside it {verb} not"
    return replace(unpacked, notes=[*[note] * bool(loose), *unpacked.notes])


def _place(
    found: Found | None, entries: Listing, rules: Submission, work: Path, deadline: float, opened: Opener
) -> UnpackedSubmission:
    if found is None:
        raise explain_absence(entries.files, rules)
    choice, package = choose_files(found, entries, rules), work / found.name
    package.mkdir()
    for needed, entry in [*((True, entry) for entry in choice.needed), *((False, entry) for entry in choice.others)]:
        try:
            _copy(entry, package.joinpath(*entry.parts[len(found.folder) :]), deadline, opened)
        except SubmissionError as error:
            if needed or not isinstance(error, _Unusable):
                shutil.rmtree(package, ignore_errors=True)
                raise
            choice.left_out[find_label(entry.parts, found.folder)] += 1
    for place in (package, *package.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    gone = [name for name in rules.required if not package.joinpath(*name.split("/")).is_file()]
    notes = [*found.notes, *note_left_out(choice.left_out)]
    return UnpackedSubmission(package, notes + [note_missing(name, found, entries.files) for name in gone])


class _Unusable(SubmissionError):
    """A file cannot be read, or its name is that of a folder, too."""

    def __init__(self, entry: FileEntry, error: Exception) -> None:
        super().__init__(f"{entry.shown} cannot be unpacked ({_find_reason(error)}); make the zip again")


def _find_reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _copy(entry: FileEntry, target: Path, deadline: float, opened: Opener) -> None:
    """Copy a file. Raise _Unusable, leaving none, and OSError where it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for chunk in _read(entry, opened):
                check_time(deadline)
                file.write(chunk)
    except CLASHES as error:
        raise _Unusable(entry, error) from None
    except _Unusable:
        target.unlink()
        raise


def _read(entry: FileEntry, opened: Opener) -> Iterator[bytes]:
    """Yield a file's content. Raise _Unusable where it cannot be read."""
    try:
        with opened(entry) as stream:
            while chunk := stream.read(MEGABYTE):
                yield chunk
    except BROKEN as error:
        raise _Unusable(entry, error) from None
