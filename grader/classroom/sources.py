"""Read what an instructor downloads: tell exports apart, and find the submissions in one with their authors."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..course.validation import read_time
from ..errors import UsageError, explain_not_installed
from ..files import list_some, make_printable, open_regular
from ..limits import EXPORT_METADATA_BYTES, MEGABYTE
from ..results.summary import clean_text
from ..submission.listing import IGNORED, is_leftover
from .view import Person, identify

METADATA = "submission_metadata.yml"
SHOWN = 3
PACKED = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz")  # only zips can be graded, which a report says
# a name ends as early as it can, since its author has chosen what the file behind it is called
CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<number>\d+)_(?P<original>.+)", re.DOTALL)
AGAIN = re.compile(r"-(\d+)$")  # what Canvas puts behind the name of a file that was handed in again
MOODLE = re.compile(r"(?P<name>.*?)_(?P<user>\d+)_assignsubmission_(?P<plugin>[a-z]+)_?(?P<original>.*)", re.DOTALL)
BEFORE_ZONE = re.compile(r" (?=Z|[+-]\d)")


@dataclass(frozen=True)
class ExportedSubmission:
    """One submission as its export gives it, before anything is graded; `digest` is empty where no file is there."""

    key: str
    place: Path
    people: tuple[Person, ...] = ()
    submitted: str = ""
    late: bool = False
    digest: str = ""
    superseded: bool = False


@dataclass(frozen=True)
class Export:
    """An export: its kind, its submissions in the order of their keys, and the names of what is none."""

    kind: str
    submissions: list[ExportedSubmission]
    left_out: list[str] = field(default_factory=list)


def read_export(source: Path) -> Export:
    """Return the submissions of a Gradescope export, of Canvas or Moodle downloads, or of a folder of zips or folders.

    Nothing of a submission is opened but to digest its bytes. Raise UsageError where nothing is there to be graded.
    """
    if not source.is_dir():
        packed = "is a file; unpack it, and give its folder"
        what = packed if source.exists() else "is not there; give the folder of the submissions"
        raise UsageError(f"{make_printable(str(source), 400)} {what}")
    folder = _find_export(source)
    places, kind = _list_places(folder), _tell_apart(folder)
    read = {"canvas": _read_canvas, "moodle": _read_moodle, "folder": _read_folder}.get(kind)
    found = list(read(places) if read else _read_gradescope(folder, places))
    if not found:
        raise UsageError(f"{make_printable(str(source), 400)} holds no submission: no zip and no folder")
    taken = {METADATA, *(one.place.name for one in found)}
    left_out = sorted(make_key(place.name) for place in places if place.name not in taken)
    found = [replace(one, key=make_key(one.key), digest=digest_submission(one.place)) for one in found]
    return Export(kind, _supersede(_make_unique(found)), left_out)


def make_key(name: str) -> str:
    """Return a file's name as text that any terminal and any table can hold; other names give other keys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def make_name(text: str) -> str:
    """Return a person's name or ID on one line, as it is written: without characters that control or turn the text."""
    readable = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(clean_text(unicodedata.normalize("NFC", readable)).split())


def digest_submission(place: Path) -> str:
    """Return a digest of a zip, or of the files in a folder with their names; what cannot be read counts as such.

    It is empty where nothing is there.
    """
    if not os.path.lexists(place):
        return ""
    is_one = not place.is_dir() or place.is_symlink()
    return digest_named(place, [place] if is_one else walk_files(place), follow=is_one)


def digest_named(root: Path, files: Iterable[Path], follow: bool = True) -> str:
    """Return a digest of files with their names below a folder; what cannot be read counts as such."""
    digest = hashlib.sha256()
    for file in files:
        try:
            with open_regular(file, follow) as stream:
                content = hashlib.file_digest(stream, "sha256")
        except OSError as error:
            content = hashlib.sha256(str(error.strerror).encode())
        # all digests are of one length, and no name holds a null byte: other files, or other names, make other bytes
        digest.update(os.fsencode(os.path.relpath(file, root)) + b"\0" + content.digest())
    return digest.hexdigest()


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in the order of their names, but for what systems and tools leave there."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        yield from (Path(path, name) for name in sorted(files) if not is_leftover(name))


def _list_places(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if not is_leftover(place.name))


def _tell_apart(folder: Path) -> str:
    """Return the kind of an export: Gradescope's has metadata, and of others most of the files have its names."""
    if (folder / METADATA).is_file():
        return "gradescope"
    places = _list_places(folder)
    of_canvas = sum(CANVAS.fullmatch(place.name) is not None for place in places if place.is_file())
    of_moodle = sum(MOODLE.fullmatch(place.name) is not None for place in places)
    if of_moodle * 2 > len(places):
        return "moodle"
    return "canvas" if of_canvas * 2 > len(places) else "folder"


def _find_export(source: Path) -> Path:
    """Return the folder of the submissions: the source, or the one in it into which an export was unpacked.

    Raise UsageError where Gradescope's metadata lie deeper, but not in an only folder: a student may have written them.
    """
    if _tell_apart(source) != "folder":
        return source
    places = _list_places(source)
    folders = [place for place in places if place.is_dir()]
    packed = {place.stem for place in places if place.name.lower().endswith(PACKED)}
    if len(folders) == 1 and packed <= {folders[0].name} and _holds_class(folders[0]):
        return folders[0]
    found = [make_printable(folder.name) for folder in folders if (folder / METADATA).is_file()]
    if found:
        where = f"{make_printable(str(source), 400)}: {METADATA} lies in {list_some(found, SHOWN)}, beside others"
        remedy = "give the folder of one export; where these are submissions, remove this file from them"
        raise UsageError(f"{where}; {remedy}")
    return source


def _holds_class(folder: Path) -> bool:
    """Return whether this is the download of a whole class, rather than a submission."""
    zips = sum(place.name.lower().endswith(PACKED) for place in _list_places(folder))
    return _tell_apart(folder) != "folder" or zips > 1


def _read_folder(places: Sequence[Path]) -> Iterator[ExportedSubmission]:
    """Yield one submission for each zip or folder; the name says whose it is."""
    for place in places:
        if place.is_dir() or place.name.lower().endswith(PACKED):
            name = place.name if place.is_dir() else place.stem
            yield ExportedSubmission(place.name, place, (Person(make_name(name)),))


def _read_canvas(places: Sequence[Path]) -> Iterator[ExportedSubmission]:
    """Yield one submission for each user, the file handed in last, zips before others, and the zips it supersedes."""
    files: dict[str, list[tuple[tuple[bool, int, int], Path, re.Match[str]]]] = {}
    for place in places:
        if match := CANVAS.fullmatch(place.name):
            original = Path(match["original"])
            again = AGAIN.search(original.stem)
            order = original.suffix.lower() == ".zip", int(match["number"]), int(again[1]) if again else 0
            files.setdefault(match["user"], []).append((order, place, match))
    for user, own in files.items():
        own.sort(key=lambda item: item[0])
        for (is_zip, *_), place, match in own:
            person, is_last = Person(make_name(match["name"]), user=user), place is own[-1][1]
            if is_zip or is_last:
                late = match["late"] is not None
                yield ExportedSubmission(place.name, place, (person,), late=late, superseded=not is_last)


def _read_moodle(places: Sequence[Path]) -> Iterator[ExportedSubmission]:
    """Yield one submission for each participant's folder of files, or for each file where there are no folders."""
    for place in places:
        match = MOODLE.fullmatch(place.name)
        if match is not None and match["plugin"] == "file":
            yield ExportedSubmission(place.name, place, (Person(make_name(match["name"]), user=match["user"]),))


def _read_gradescope(folder: Path, places: Sequence[Path]) -> list[ExportedSubmission]:
    """Return a submission for each folder, with what the metadata say of it, and for each that is missing."""
    metadata = _load_metadata(folder / METADATA)
    names = [place.name for place in places if place.name in metadata or place.is_dir()]
    names += [name for name in metadata if name not in names and Path(name).name == name]
    return [_make_gradescope(name, folder / name, metadata.get(name)) for name in names]


def _make_gradescope(name: str, place: Path, facts: Any) -> ExportedSubmission:
    facts = facts if isinstance(facts, dict) else {}
    submitters = facts.get(":submitters")
    people = [
        Person(*(_text(one.get(key)) for key in (":name", ":sid", ":email")))
        for one in (submitters if isinstance(submitters, list) else [])
        if isinstance(one, dict)
    ]
    return ExportedSubmission(name, place, tuple(people), _read_time(facts.get(":created_at")))


def _load_metadata(file: Path) -> dict[str, Any]:
    """Return the metadata as text, lists and dicts, whatever types the file claims. Raise UsageError for others."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise explain_not_installed("class", "a Gradescope export") from None
    try:
        with open_regular(file) as stream:
            content = stream.read(EXPORT_METADATA_BYTES + 1)
        if len(content) > EXPORT_METADATA_BYTES:
            raise UsageError(f"{file} is larger than {EXPORT_METADATA_BYTES // MEGABYTE} MB; export it again")
        # the base loader makes no objects: tags of Ruby's, which the file has, and of Python's mean nothing to it
        loaded = yaml.load(content, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{file} cannot be read ({reason}); export the submissions again") from None
    if not isinstance(loaded, dict):
        raise UsageError(f"{file} is no list of submissions; export them again")
    return {name: facts for name, facts in loaded.items() if isinstance(name, str)}


def _text(value: Any) -> str:
    """Return a scalar of the metadata; Ruby's nil stands there as nothing, `~` or `null`."""
    return make_name(value) if isinstance(value, str) and value not in ("~", "null") else ""


def _read_time(value: Any) -> str:
    """Return a time of Ruby's as ISO 8601, UTC where it names no zone; empty where it is none."""
    if isinstance(value, dict):  # ActiveSupport::TimeWithZone
        value = value.get("utc") or value.get("time")
    time = read_time(BEFORE_ZONE.sub("", value.replace("UTC", "Z"))) if isinstance(value, str) else None
    return time.isoformat(timespec="seconds") if time else ""


def _make_unique(found: Iterable[ExportedSubmission]) -> list[ExportedSubmission]:
    """Return the submissions in the order of their keys, of which no two are alike."""
    ordered = sorted(found, key=lambda one: (one.key, os.fsencode(one.place)))
    number = Counter(one.key for one in ordered)
    return [one if number[one.key] == 1 else replace(one, key=f"{one.key} {one.digest[:8]}") for one in ordered]


def _supersede(found: list[ExportedSubmission]) -> list[ExportedSubmission]:
    """Mark the submissions all of whose known authors handed in again later, as the times say."""
    known = identify(person for one in found for person in one.people)
    latest: dict[str, str] = {}
    for one in found:
        for person in one.people:
            name = known[person]
            if name and one.submitted:
                latest[name] = max(latest.get(name, ""), _instant(one.submitted))

    def is_old(one: ExportedSubmission) -> bool:
        names = [known[person] for person in one.people]
        return bool(names and one.submitted) and all(latest.get(n, "") > _instant(one.submitted) for n in names)

    return [replace(one, superseded=True) if is_old(one) else one for one in found]


def _instant(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).isoformat()
