"""Which files of a submission are graded, and the notes on what is left out and on what is missing."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..course.manifest import Submission
from ..errors import SubmissionError
from ..limits import MEGABYTE, OTHER_FILE_BYTES, PATH_PART_BYTES
from .copies import copies_of
from .entries import Entries, Entry, Parts
from .package_search import Found, listed

UNUSABLE = frozenset('<>:"|?*')  # not for files on every system
SENT_ALONG = "submission.json"  # beside the notebooks, what `submit` packs and nobody grades


@dataclass
class Choice:
    """What of a submission is unpacked: what is needed, others where they are few and small; the rest is counted."""

    needed: list[Entry] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    left_out: Counter[Parts] = field(default_factory=Counter)


def choose(found: Found, entries: Entries, rules: Submission) -> Choice:
    """Parts what is graded from the rest; raises SubmissionError for what would be graded and cannot be."""
    choice, required = Choice(left_out=Counter()), {tuple(name.split("/")) for name in rules.required}
    above = {name[:end] for name in required for end in range(1, len(name))}
    seen: dict[str, bool] = {}
    for parts, number in entries.passed_over.items():
        choice.left_out[label(parts, found.folder)] += number
    for entry in sorted(entries.files, key=lambda entry: entry.parts):
        inside = entry.parts[len(found.folder) :] if entry.parts[: len(found.folder)] == found.folder else ()
        usable = bool(inside) and _usable(inside)
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
        elif inside or not (_sent_along(entry) or _told(entry.parts, found)):
            choice.left_out[label(entry.parts, found.folder)] += 1
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
    choice.left_out.update(label(entry.parts, found.folder) for entry in dropped)
    return replace(choice, others=[] if too_large else [entry for entry in choice.others if not entry.trouble])


def _usable(parts: Parts) -> bool:
    """Whether a file of this name can be written on every system, and named in a report."""
    text = "".join(parts)
    bad = any(char in UNUSABLE or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
    return not bad and all(len(part.encode()) <= PATH_PART_BYTES for part in parts)


def _sent_along(entry: Entry) -> bool:
    """Whether a file is one that `submit` packs beside the package."""
    return entry.parts[-1].endswith(".ipynb") or entry.parts[-1] == SENT_ALONG


def _told(parts: Parts, found: Found) -> bool:
    """Whether a note on another folder of the package's name tells of it already."""
    return any(parts[: len(other)] == other for other in found.others)


def label(parts: Parts, package: Parts) -> Parts:
    """The topmost folder or file that holds what was left out, and nothing of what was graded."""
    shared = 0
    while shared < min(len(parts) - 1, len(package)) and parts[shared] == package[shared]:
        shared += 1
    return parts[: shared + 1]


def left_out(counted: Counter[Parts]) -> list[str]:
    """One note that counts what was not unpacked."""
    number = counted.total()
    if not number:
        return []
    names = ["/".join(parts) for parts, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]
    files = "1 file that is not graded" if number == 1 else f"{number:,} files that are not graded"
    return [f"left out {files} ({listed(names)})"]


def missing(name: str, found: Found, files: Sequence[Entry]) -> str:
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
