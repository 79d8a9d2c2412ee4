"""Find the package in a submission: by its name, else at the root; say what to do where it or a file is missing."""

import contextlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..course.manifest import Submission
from ..errors import SubmissionError
from ..files import list_some, make_printable
from ..limits import COPY_CHARACTERS, NEAR_NAMES
from .listing import FileEntry, PathParts, list_folder

SHOWN = 4
AROUND = (  # marks of a copy: `layers (1).py`, `layers copy.py`, `Copy of layers.py`; a number in front names an order
    re.compile(r"^copy of "),
    re.compile(r"^\d+[ _-]+"),
    re.compile(r" ?[(\[]\d+[)\]]$"),
    re.compile(r"[ _-]+copy(?: ?\d+)?$"),
    re.compile(r" \([^()]*conflicted copy[^()]*\)$"),
    re.compile(r"[ _-]+(?:final|fixed|new|old|backup|v?\d+)$"),
)


@dataclass(frozen=True)
class Found:
    """The package's folder in the submission, the name it is imported by, remarks, and other folders of such a name."""

    folder: PathParts
    name: str
    complete: bool
    notes: list[str] = field(default_factory=list)
    others: list[PathParts] = field(default_factory=list)


def find_package(files: Sequence[FileEntry], rules: Submission, own_name: str = "") -> Found | None:
    """Return the package, or None where it is nowhere; `own_name` is that of the folder all of this lies in.

    Raise SubmissionError where its folder is a link, or there are several of which none is nearer than the others.
    """
    named = _find_named(files, rules)
    if named:
        return _choose_nearest(named, files, rules)
    wanted = {_split(name) for name in rules.required}
    held = wanted.intersection(entry.parts for entry in files if entry.kind == "file")
    if not held:
        return None
    return Found((), match_name(own_name, rules) or rules.packages[0], held == wanted)


def match_name(name: str, rules: Submission) -> str:
    """Return the package's name that a folder's name means, whatever its case; empty where it means none."""
    folded = {package.casefold(): package for package in reversed(rules.packages)}
    return name if name in rules.packages else folded.get(name.casefold(), "")


def explain_absence(files: Sequence[FileEntry], rules: Submission) -> SubmissionError:
    """Return the error that there is no package: what there is, and how to pack what looks like one."""
    wanted = " or ".join(f"{name}/" for name in rules.packages)
    folders = (entry.parts[:end] for entry in files for end in range(1, len(entry.parts)))
    named = next((folder for folder in folders if match_name(folder[-1], rules)), None)
    held = name_some(sorted({entry.parts[0] for entry in files}), 8) or "nothing"
    required = {_split(name) for name in rules.required}
    likely = Counter(
        entry.parts[: -len(name)]
        for entry in files
        for name in required
        if len(entry.parts) > len(name) and entry.parts[-len(name) :] == name
    )
    zips = [entry.name for entry in files if entry.name.lower().endswith(".zip")]
    hint = ""
    if likely:
        (folder, number), first = likely.most_common(1)[0], rules.packages[0]
        hint = f"; {make_printable('/'.join(folder))}/ holds {number} of {len(required)} required files: "
        hint += f"rename it to {first}/"
    elif zips:
        hint = f"; hand in {zips[0]} itself" if len(zips) == 1 else f"; hand in just one of {name_some(zips)}"
    if named is None:
        return SubmissionError(f"there is no folder {wanted} in it; it holds {held}{hint}")
    inside = {entry.parts[-1]: entry.shown for entry in files if entry.parts[:-1] == named}
    copied = next((name for name in rules.required if find_copies(name, inside)), "")
    held = (
        f"{copied} {explain_missing(copied, inside, '')}" if copied else f"it holds {name_some(sorted(inside))}{hint}"
    )
    return SubmissionError(f"{make_printable('/'.join(named))}/ holds no module; {held}")


def name_some(names: Sequence[str], most: int = SHOWN) -> str:
    """Return names for a sentence: `a, b and 3 more`."""
    return list_some([make_printable(name, 60) for name in names], most)


def find_copies(name: str, names: Iterable[str]) -> list[str]:
    """Return the file names that look like copies of one, as systems name them, or differ from it in case only."""
    wanted, longest = _strip_copy_marks(name), len(name) + COPY_CHARACTERS
    likely = islice((other for other in names if other != name and len(other) <= longest), NEAR_NAMES)
    return [other for other in likely if _strip_copy_marks(other) == wanted]


def explain_missing(name: str, beside: Mapping[str, str], otherwise: str) -> str:
    """Return that a file is missing and which copies of it are `beside`, by name and as shown, `otherwise` without."""
    copies = [beside[copy] for copy in find_copies(name, beside)]
    if copies and copies[0].endswith(".icloud"):
        return f"is missing: iCloud has not loaded it ({name_some(copies)}); open it once, and pack it then"
    if copies:
        return f"is missing, but {name_some(copies)} is there; a copy is not read, give it the name {name}"
    return f"is missing{otherwise}"


def explain_missing_file(file: Path, remedy: str, package: Path | None = None) -> str:
    """Return that a file is missing, and which copies of it lie in its folder, the remedy without any.

    Of a link, say where it leads; of a module of a `package`, also where in it or beside it one of this name lies.
    """
    if file.is_symlink():
        target = make_printable(os.readlink(file))
        return f"is a symbolic link to {target}, where no file is; put the file itself there"
    try:
        names = sorted(other.name for other in file.parent.iterdir())
    except OSError:
        names = []
    if package is not None and (places := _find_misplaced(file.name, package)):
        verb = "are there; move one of them" if places[1:] else "is there; move it"
        otherwise = f", but {name_some(places)} {verb} to {package.name}/{file.relative_to(package).as_posix()}"
    else:
        otherwise = f"; {remedy}"
    return explain_missing(file.name, {name: name for name in names}, otherwise)


def _find_misplaced(name: str, package: Path) -> list[str]:
    """Return the files of a module's name beside the package and in it, as seen from its parent folder."""
    found = [f"./{name}"] * (package.parent / name).is_file()
    with contextlib.suppress(OSError, SubmissionError):
        inside = [entry for entry in list_folder(package, math.inf).files if entry.parts[-1] == name]
        found += sorted(f"{package.name}/{entry.name}" for entry in inside if entry.kind == "file")
    return found


def _find_named(files: Sequence[FileEntry], rules: Submission) -> dict[PathParts, int]:
    """Return the folders (or links) of the package's name that hold modules, with the number of required files."""
    places = {name: match_name(name, rules) for name in {part for entry in files for part in entry.parts}}
    wanted = {_split(name) for name in rules.required}
    found: Counter[PathParts] = Counter()
    for entry in files:
        for end, part in enumerate(entry.parts, 1):
            is_link = entry.kind == "link" and end == len(entry.parts)
            if not places[part] or (end == len(entry.parts) and not is_link):
                continue
            inside = entry.parts[end:]
            if is_link or entry.parts[-1].endswith(".py") or inside in wanted:
                found[entry.parts[:end]] += entry.kind == "file" and inside in wanted
    return dict(found)


def _choose_nearest(named: dict[PathParts, int], files: Sequence[FileEntry], rules: Submission) -> Found:
    def rank(folder: PathParts) -> tuple[bool, int, bool, int, PathParts]:
        name = match_name(folder[-1], rules)
        return not named[folder], len(folder), name != folder[-1], rules.packages.index(name), folder

    first, *rest = sorted(named, key=rank)
    shown, name = make_printable("/".join(first)), match_name(first[-1], rules)
    if any(entry.parts == first for entry in files):
        raise SubmissionError(f"'{shown}' is a symbolic link; put the folder itself there")
    others = [folder for folder in rest if folder[: len(first)] != first and first[: len(folder)] != folder]
    if len(first) > 2 and any(bool(named[folder]) == bool(named[first]) for folder in others):
        places = name_some(["/".join(folder) + "/" for folder in (first, *others)])
        raise SubmissionError(f"the package is in {1 + len(others)} places, {places}; hand in the one that counts")
    notes = []
    if others:
        verb = "was" if len(others) == 1 else "were"
        notes.append(f"{name_some(['/'.join(folder) + '/' for folder in others])} {verb} not graded; {shown}/ was")
    if first[-1] != name:
        notes.append(f"{shown}/ was graded as {name}/; give the folder that name")
    if len(first) > 2:
        notes.append(f"{shown}/ was graded; pack {name}/ without the {len(first) - 1} folders around it")
    return Found(first, name, named[first] == len(rules.required), notes, others)


def _split(name: str) -> PathParts:
    return tuple(name.split("/"))


def _strip_copy_marks(name: str) -> tuple[str, str]:
    """Return a name without the marks of a copy, and its suffix."""
    name = name.casefold().removesuffix(".txt")
    name = name[1:].removesuffix(".icloud") if name.startswith(".") else name
    stem, dot, suffix = name.rpartition(".")
    stem, before = stem.strip(), ""
    while stem != before and len(stem) < 256:
        before = stem
        for pattern in AROUND:
            stem = pattern.sub("", stem).strip()
    return stem, dot + suffix
