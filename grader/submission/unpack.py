"""Unpack the package of a submission: list its files and judge them before one is opened, then copy what is graded."""

import contextlib
import lzma
import math
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ..course.manifest import Manifest, Submission
from ..errors import SubmissionError
from ..files import make_printable, open_regular
from ..limits import MEGABYTE
from .graded_files import choose_files, find_label, note_left_out, note_missing
from .listing import FileEntry, Listing, check_time, list_folder, list_zip
from .package_search import Found, explain_absence, find_package, list_names

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError)
BROKEN = (*DAMAGED, OSError, OverflowError, ValueError)

Opener = Callable[[FileEntry], IO[bytes]]


@dataclass(frozen=True)
class UnpackedSubmission:
    """An unpacked submission: the package's folder, and remarks for the report."""

    package: Path
    notes: list[str]


def unpack(source: Path, manifest: Manifest, work: Path, deadline: float = math.inf) -> UnpackedSubmission:
    """Copy a submission's package into `work`; raise SubmissionError, having written nothing, when it is refused.

    A folder without a package, but with one zip in it, counts as that zip. `deadline` is on the monotonic clock.
    """
    rules = manifest.submission
    try:
        if not source.is_dir():
            return _unpack_zip(source, rules, work, deadline)
        entries = list_folder(source, deadline)
        found = find_package(entries.files, rules, source.name)
        zips = [entry for entry in entries.files if entry.kind == "file" and entry.name.lower().endswith(".zip")]
        if len(zips) == 1 and (found is None or not (found.folder or found.complete)):
            return _add_note_on_loose(zips[0], entries, _unpack_zip(zips[0].path, rules, work, deadline))
        return _place(found, entries, rules, work, deadline, lambda entry: open_regular(entry.path, False))
    except FileNotFoundError:
        raise SubmissionError(f"{make_printable(str(source))} is not there; give a zip or a folder") from None
    except OSError as error:
        reason = f"{make_printable(source.name)} cannot be read ({_find_reason(error)})"
        raise SubmissionError(f"{reason}; make and upload it again") from None


def _unpack_zip(source: Path, rules: Submission, work: Path, deadline: float) -> UnpackedSubmission:
    if not source.exists():
        raise FileNotFoundError(source)
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(open_regular(source))
            entries, archive = list_zip(stream, deadline)
            stack.enter_context(archive)
        except BROKEN as error:
            reason = f"{make_printable(source.name)} is not a whole zip file ({_find_reason(error)})"
            raise SubmissionError(f"{reason}; make and upload it again") from None
        found = find_package(entries.files, rules)
        return _place(found, entries, rules, work, deadline, lambda entry: archive.open(entry.source))


def _add_note_on_loose(chosen: FileEntry, entries: Listing, unpacked: UnpackedSubmission) -> UnpackedSubmission:
    """Return the zip of a folder, with a note of the loose files that were not graded."""
    loose = [entry.name for entry in entries.files if entry is not chosen]
    verb = "was" if len(loose) == 1 else "were"
    note = f"{chosen.shown} was graded; {list_names(loose)} beside it {verb} not"
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
        except BROKEN as error:
            if needed:
                shutil.rmtree(package, ignore_errors=True)
                reason = f"{entry.shown} cannot be unpacked ({_find_reason(error)})"
                raise SubmissionError(f"{reason}; make the zip again") from None
            choice.left_out[find_label(entry.parts, found.folder)] += 1
        except SubmissionError:
            shutil.rmtree(package, ignore_errors=True)
            raise
    for place in (package, *package.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    gone = [name for name in rules.required if not package.joinpath(*name.split("/")).is_file()]
    notes = [*found.notes, *note_left_out(choice.left_out)]
    return UnpackedSubmission(package, notes + [note_missing(name, found, entries.files) for name in gone])


def _find_reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _copy(entry: FileEntry, target: Path, deadline: float, opened: Opener) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(entry) as stream, target.open("wb") as file:
        while chunk := stream.read(MEGABYTE):
            check_time(deadline)
            file.write(chunk)
