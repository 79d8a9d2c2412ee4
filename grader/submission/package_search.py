"""Which folder of a submission is the package: by its name first, then at the root; in doubt, what to do instead."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..course.manifest import Submission
from ..errors import SubmissionError
from ..files import make_printable
from .entries import Entry, Parts

SHOWN = 4


@dataclass(frozen=True)
class Found:
    """The package's folder in the submission, the name it is imported by, remarks, and other folders of such a name."""

    folder: Parts
    name: str
    complete: bool
    notes: list[str] = field(default_factory=list)
    others: list[Parts] = field(default_factory=list)


def find(files: Sequence[Entry], rules: Submission, own_name: str = "") -> Found | None:
    """The package, or None where it is nowhere; `own_name` is that of the folder all of this lies in.

    Raises SubmissionError where its folder is a link, or there are several of which none is nearer than the others.
    """
    named = _named(files, rules)
    if named:
        return _nearest(named, files, rules)
    wanted = {_parts(name) for name in rules.required}
    held = wanted.intersection(entry.parts for entry in files if entry.kind == "file")
    if not held:
        return None
    return Found((), canonical(own_name, rules) or rules.packages[0], held == wanted)


def canonical(name: str, rules: Submission) -> str:
    """The package's name that a folder's name means, whatever its case; empty where it means none."""
    folded = {package.casefold(): package for package in reversed(rules.packages)}
    return name if name in rules.packages else folded.get(name.casefold(), "")


def nowhere(files: Sequence[Entry], rules: Submission) -> SubmissionError:
    """That there is no package, what there is, and how to pack what looks like one."""
    wanted = " or ".join(f"{name}/" for name in rules.packages)
    held = listed(sorted({entry.parts[0] for entry in files}), 8) or "nothing"
    required = {_parts(name) for name in rules.required}
    likely = Counter(
        entry.parts[: len(entry.parts) - len(name)] for entry in files for name in required if _ends(entry.parts, name)
    )
    zips = [entry.name for entry in files if entry.name.lower().endswith(".zip")]
    hint = ""
    if likely:
        (folder, number), first = likely.most_common(1)[0], rules.packages[0]
        hint = f"; {make_printable('/'.join(folder))}/ holds {number} of {len(required)} required files: "
        hint += f"rename it to {first}/"
    elif zips:
        hint = f"; hand in {zips[0]} itself" if len(zips) == 1 else f"; hand in just one of {listed(zips)}"
    return SubmissionError(f"there is no folder {wanted} in it; it holds {held}{hint}")


def listed(names: Sequence[str], most: int = SHOWN) -> str:
    """Names for a sentence: `a, b and 3 more`."""
    shown = ", ".join(make_printable(name, 60) for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _named(files: Sequence[Entry], rules: Submission) -> dict[Parts, int]:
    """The folders (or links) of the package's name that hold modules, with the number of required files in each."""
    places = {name: canonical(name, rules) for name in {part for entry in files for part in entry.parts}}
    wanted, found = {_parts(name) for name in rules.required}, Counter()
    for entry in files:
        for end, part in enumerate(entry.parts, 1):
            is_link = entry.kind == "link" and end == len(entry.parts)
            if not places[part] or (end == len(entry.parts) and not is_link):
                continue
            inside = entry.parts[end:]
            if is_link or entry.parts[-1].endswith(".py") or inside in wanted:
                found[entry.parts[:end]] += entry.kind == "file" and inside in wanted
    return dict(found)


def _nearest(named: dict[Parts, int], files: Sequence[Entry], rules: Submission) -> Found:
    def rank(folder: Parts) -> tuple:
        name = canonical(folder[-1], rules)
        return not named[folder], len(folder), name != folder[-1], rules.packages.index(name), folder

    first, *rest = sorted(named, key=rank)
    shown, name = make_printable("/".join(first)), canonical(first[-1], rules)
    if any(entry.parts == first for entry in files):
        raise SubmissionError(f"'{shown}' is a symbolic link; put the folder itself there")
    others = [folder for folder in rest if folder[: len(first)] != first and first[: len(folder)] != folder]
    if len(first) > 2 and any(bool(named[folder]) == bool(named[first]) for folder in others):
        places = listed(["/".join(folder) + "/" for folder in (first, *others)])
        raise SubmissionError(f"the package is in {1 + len(others)} places, {places}; hand in the one that counts")
    notes = []
    if others:
        verb = "was" if len(others) == 1 else "were"
        notes.append(f"{listed(['/'.join(folder) + '/' for folder in others])} {verb} not graded; {shown}/ was")
    if first[-1] != name:
        notes.append(f"{shown}/ was graded as {name}/; give the folder that name")
    if len(first) > 2:
        notes.append(f"{shown}/ was graded; pack {name}/ without the {len(first) - 1} folders around it")
    return Found(first, name, named[first] == len(rules.required), notes, others)


def _parts(name: str) -> Parts:
    return tuple(name.split("/"))


def _ends(parts: Parts, end: Parts) -> bool:
    return len(parts) > len(end) and parts[-len(end) :] == end
