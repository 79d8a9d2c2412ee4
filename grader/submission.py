"""A submission as data: its entries are listed and judged before one is opened, then its package is unpacked."""

import contextlib
import lzma
import math
import shutil
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from . import entries as listing
from .copies import copies_of
from .entries import IGNORED, Entries, Entry, Parts, SubmissionError, in_time
from .manifest import Manifest, Submission
from .package_search import Found, find, listed, nowhere
from .reading import open_regular, printable

__all__ = ["IGNORED", "MEGABYTE", "HandIn", "SubmissionError", "unpack"]
MEGABYTE = 1024 * 1024
LARGEST_OTHER = MEGABYTE  # of a file that is neither a module nor required
LONGEST_NAME = 255  # bytes, of what file systems take
UNUSABLE = frozenset('<>:"|?*')  # not for files on every system
SENT_ALONG = "submission.json"  # beside the notebooks, what `submit` packs and nobody grades
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError)
BROKEN += (OSError, OverflowError, ValueError)

Opener = Callable[[Entry], BinaryIO]


@dataclass(frozen=True)
class HandIn:
    """An unpacked submission: the package's folder, and remarks for the report."""

    package: Path
    notes: list[str]


@dataclass
class Choice:
    """What of a submission is unpacked: what is needed, others where they are few and small; the rest is counted."""

    needed: list[Entry] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    left_out: Counter[Parts] = field(default_factory=Counter)


def unpack(source: Path, manifest: Manifest, work: Path, deadline: float = math.inf) -> HandIn:
    """Copies a submission's package into `work`; raises SubmissionError, having written nothing, when it is refused.

    A folder without a package, but with one zip in it, counts as that zip. `deadline` is on the monotonic clock.
    """
    rules = manifest.submission
    try:
        if not source.is_dir():
            return _unpack_zip(source, rules, work, deadline)
        entries = listing.of_folder(source, deadline)
        found = find(entries.files, rules, source.name)
        zips = [entry for entry in entries.files if entry.kind == "file" and entry.name.lower().endswith(".zip")]
        if len(zips) == 1 and (found is None or not (found.folder or found.complete)):
            return _beside(zips[0], entries, _unpack_zip(Path(zips[0].source), rules, work, deadline))
        return _place(found, entries, rules, work, deadline, lambda entry: open_regular(Path(entry.source), False))
    except FileNotFoundError:
        raise SubmissionError(f"{printable(str(source))} is not there; give a zip or a folder") from None
    except OSError as error:
        reason = f"{printable(source.name)} cannot be read ({_reason(error)})"
        raise SubmissionError(f"{reason}; make and upload it again") from None


def _unpack_zip(source: Path, rules: Submission, work: Path, deadline: float) -> HandIn:
    if not source.exists():
        raise FileNotFoundError(source)
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(open_regular(source))
            entries, archive = listing.of_zip(stream, deadline)
            stack.enter_context(archive)
        except BROKEN as error:
            reason = f"{printable(source.name)} is not a whole zip file ({_reason(error)})"
            raise SubmissionError(f"{reason}; make and upload it again") from None
        found = find(entries.files, rules)
        return _place(found, entries, rules, work, deadline, lambda entry: archive.open(entry.source))


def _beside(chosen: Entry, entries: Entries, hand_in: HandIn) -> HandIn:
    """The zip of a folder, with a note of the loose files that were not graded."""
    loose = [entry.name for entry in entries.files if entry is not chosen]
    verb = "was" if len(loose) == 1 else "were"
    note = f"{chosen.shown} was graded; {listed(loose)} beside it {verb} not"
    return replace(hand_in, notes=[*[note] * bool(loose), *hand_in.notes])


def _place(
    found: Found | None, entries: Entries, rules: Submission, work: Path, deadline: float, opened: Opener
) -> HandIn:
    if found is None:
        raise nowhere(entries.files, rules)
    choice, package = _choose(found, entries, rules), work / found.name
    package.mkdir()
    for needed, entry in [*((True, entry) for entry in choice.needed), *((False, entry) for entry in choice.others)]:
        try:
            _copy(entry, package.joinpath(*entry.parts[len(found.folder) :]), deadline, opened)
        except BROKEN as error:
            if needed:
                shutil.rmtree(package, ignore_errors=True)
                reason = f"{entry.shown} cannot be unpacked ({_reason(error)})"
                raise SubmissionError(f"{reason}; make the zip again") from None
            choice.left_out[_label(entry.parts, found.folder)] += 1
        except SubmissionError:
            shutil.rmtree(package, ignore_errors=True)
            raise
    for place in (package, *package.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    missing = [name for name in rules.required if not package.joinpath(*name.split("/")).is_file()]
    notes = [*found.notes, *_left_out(choice.left_out)]
    return HandIn(package, notes + [_missing(name, found, entries.files) for name in missing])


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _copy(entry: Entry, target: Path, deadline: float, opened: Opener) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(entry) as stream, target.open("wb") as file:
        while chunk := stream.read(MEGABYTE):
            in_time(deadline)
            file.write(chunk)


def _choose(found: Found, entries: Entries, rules: Submission) -> Choice:
    """Parts what is graded from the rest; raises SubmissionError for what would be graded and cannot be."""
    choice, required = Choice(left_out=Counter()), {tuple(name.split("/")) for name in rules.required}
    above = {name[:end] for name in required for end in range(1, len(name))}
    seen: dict[str, bool] = {}
    for parts, number in entries.passed_over.items():
        choice.left_out[_label(parts, found.folder)] += number
    for entry in sorted(entries.files, key=lambda entry: entry.parts):
        inside = entry.parts[len(found.folder) :] if entry.parts[: len(found.folder)] == found.folder else ()
        needed = bool(inside) and (inside in required or (inside[-1].endswith(".py") and _usable(inside)))
        if entry.kind == "link" and (needed or inside in above):
            raise SubmissionError(f"'{entry.shown}' is a symbolic link; put the file itself there")
        name = "/".join(inside).casefold()
        if needed and entry.kind == "file":
            if seen.get(name):
                raise SubmissionError(f"{entry.shown} stands twice in it; keep one")
            seen[name] = True
            choice.needed.append(entry)
        elif inside and entry.kind == "file" and entry.size <= LARGEST_OTHER and _usable(inside) and name not in seen:
            seen[name] = False
            choice.others.append(entry)
        elif inside or not (_sent_along(entry) or _told(entry.parts, found)):
            choice.left_out[_label(entry.parts, found.folder)] += 1
    return _within_limits(choice, found, rules)


def _within_limits(choice: Choice, found: Found, rules: Submission) -> Choice:
    """Leaves out what is not needed where it makes a submission too large; raises SubmissionError for the rest."""
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
    choice.left_out.update(_label(entry.parts, found.folder) for entry in dropped)
    return replace(choice, others=[] if too_large else [entry for entry in choice.others if not entry.trouble])


def _usable(parts: Parts) -> bool:
    """Whether a file of this name can be written on every system, and named in a report."""
    text = "".join(parts)
    bad = any(char in UNUSABLE or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
    return not bad and all(len(part.encode()) <= LONGEST_NAME for part in parts)


def _sent_along(entry: Entry) -> bool:
    """Whether a file is one that `submit` packs beside the package."""
    return entry.parts[-1].endswith(".ipynb") or entry.parts[-1] == SENT_ALONG


def _told(parts: Parts, found: Found) -> bool:
    """Whether a note on another folder of the package's name tells of it already."""
    return any(parts[: len(other)] == other for other in found.others)


def _label(parts: Parts, package: Parts) -> Parts:
    """The topmost folder or file that holds what was left out, and nothing of what was graded."""
    shared = 0
    while shared < min(len(parts) - 1, len(package)) and parts[shared] == package[shared]:
        shared += 1
    return parts[: shared + 1]


def _left_out(counted: Counter[Parts]) -> list[str]:
    """One note that counts what was not unpacked."""
    number = counted.total()
    if not number:
        return []
    names = ["/".join(parts) for parts, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]
    files = "1 file that is not graded" if number == 1 else f"{number:,} files that are not graded"
    return [f"left out {files} ({listed(names)})"]


def _missing(name: str, found: Found, files: Sequence[Entry]) -> str:
    """That a required file is not there, and what looks like a copy of it."""
    *folders, last = name.split("/")
    folder = (*found.folder, *folders)
    beside = {entry.parts[-1]: entry for entry in files if entry.parts[:-1] == folder}
    outside = [entry.shown for entry in files if entry.parts[-1] == last and entry.parts[:-1] != folder]
    sentence = f"{found.name}/{name} is missing"
    copies = [beside[copy].shown for copy in copies_of(last, beside)]
    if copies:
        return f"{sentence}, but {listed(copies)} is there; a copy is not read, give it the name {last}"
    if outside:
        return f"{sentence}, but {listed(outside)} is there; put it into {'/'.join([found.name, *folders])}/"
    return f"{sentence}; what needs it gets no points"
