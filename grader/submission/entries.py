"""The entries of a submission as one list, from a zip or a folder, without opening any; refused are only bad shapes."""

import os
import re
import stat
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from ..errors import SubmissionError
from ..files import make_printable
from ..limits import ENTRIES, FOLDER_LEVELS, FOLDERS, ZIP_DIRECTORY_BYTES
from . import end_record

# what nobody means to hand in, and no report need mention
LEFTOVERS = {"__MACOSX", "__pycache__", ".DS_Store", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini"}
ENVIRONMENTS = {".git", ".hg", ".svn", ".venv", "venv", "node_modules", ".idea", ".vscode", ".tox"}
ENVIRONMENTS |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
IGNORED = LEFTOVERS | ENVIRONMENTS
VENV = "pyvenv.cfg"
DRIVE = re.compile(r"[A-Za-z]:(/|$)")

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One file: where it stands, its size, what it is; `trouble` says why it cannot be unpacked."""

    parts: Parts
    size: int
    source: object
    kind: Literal["file", "link", "special"] = "file"
    trouble: str = ""

    @property
    def name(self) -> str:
        return "/".join(self.parts)

    @property
    def shown(self) -> str:
        return make_printable(self.name)


@dataclass
class Entries:
    """The files that may be graded, and how many files were passed over, by the name of what holds them."""

    files: list[Entry] = field(default_factory=list)
    passed_over: Counter[Parts] = field(default_factory=Counter)


def of_zip(stream: BinaryIO, deadline: float) -> tuple[Entries, zipfile.ZipFile]:
    """The entries of a zip, and the zip; raises SubmissionError, and what zipfile raises of a broken one."""
    if end_record.count(stream, ENTRIES, ZIP_DIRECTORY_BYTES) > ENTRIES:
        raise _too_many()
    archive = zipfile.ZipFile(stream)
    found = [(info, _parts(info.filename)) for info in archive.infolist()]
    environments = {parts[:-1] for _, parts in found if parts[-1:] == (VENV,) and len(parts) > 1}
    entries, folders = Entries(), set()
    for info, parts in found:
        in_time(deadline)
        cut = _ignored(parts, environments)
        is_folder = info.filename.endswith(("/", "\\"))  # is_dir() of an entry without a name raises
        if cut:
            if not is_folder and not is_leftover(cut[-1]):
                entries.passed_over[cut] += 1
            continue
        above = parts if is_folder else parts[:-1]
        _look_at_depth(above)
        while above and above not in folders:
            folders.add(above)
            above = above[:-1]
        if len(folders) > FOLDERS:
            raise _too_many_folders()
        if parts and not is_folder:
            entries.files.append(_zip_entry(info, parts))
    return entries, archive


def of_folder(root: Path, deadline: float) -> Entries:
    """The entries of a folder; links are not followed, and what is ignored is only counted. Raises SubmissionError."""
    entries, waiting, folders, seen = Entries(), [()], 0, 0
    while waiting:
        in_time(deadline)
        parts = waiting.pop()
        folders += 1
        if folders > FOLDERS + 1:
            raise _too_many_folders()
        try:
            inside = _scan(root.joinpath(*parts))
        except OSError:  # closed to us
            if not parts:
                raise
            entries.passed_over[parts] += 1
            continue
        if len(parts) > 0 and any(item.name == VENV for item in inside):
            entries.passed_over[parts] += _number_of_files(root.joinpath(*parts), deadline)
            continue
        seen += len(inside)
        if seen > ENTRIES:
            raise _too_many()
        for item in inside:
            place = (*parts, item.name)
            is_folder = item.is_dir(follow_symlinks=False)
            if is_leftover(item.name):
                continue
            if item.name in ENVIRONMENTS:
                entries.passed_over[place] += _number_of_files(Path(item.path), deadline) if is_folder else 1
            elif is_folder:
                _look_at_depth(place)
                waiting.append(place)
            else:
                entries.files.append(_folder_entry(item, place))
    return entries


def is_leftover(name: str) -> bool:
    """Whether a system or an editor leaves files of this name behind, which nobody means to hand in."""
    return name in LEFTOVERS or name.startswith("._")


def in_time(deadline: float) -> None:
    """Raises SubmissionError when the run's time is over."""
    if time.monotonic() > deadline:
        raise SubmissionError("unpacking took all the time of a run; leave out what is not graded, and try again")


def _parts(name: str) -> Parts:
    """A name in a zip as its parts; raises SubmissionError for one that points outside."""
    name = name.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or DRIVE.match(name):
        where = f"'{make_printable(name)}' points outside of the submission"
        raise SubmissionError(f"{where}; make the zip from the folder itself")
    return parts


def _ignored(parts: Parts, environments: set[Parts]) -> Parts:
    """The part of a path up to where it is ignored; empty where it is not."""
    for end, part in enumerate(parts, 1):
        if part in ENVIRONMENTS or is_leftover(part) or parts[:end] in environments:
            return parts[:end]
    return ()


def _zip_entry(info: zipfile.ZipInfo, parts: Parts) -> Entry:
    mode, trouble = info.external_attr >> 16, ""
    kind = "link" if stat.S_ISLNK(mode) else "file"
    if info.flag_bits & 0x1:
        trouble = "is encrypted; make the zip without a password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        trouble = "is packed by an unusual method; make the zip with your system's own tool"
    return Entry(parts, info.file_size, info, kind, trouble)


def _folder_entry(item: os.DirEntry, parts: Parts) -> Entry:
    if item.is_symlink():
        return Entry(parts, 0, item.path, "link")
    kind = "file" if item.is_file(follow_symlinks=False) else "special"
    return Entry(parts, item.stat(follow_symlinks=False).st_size, item.path, kind)


def _scan(folder: Path) -> list[os.DirEntry]:
    """What a folder holds, sorted; never more than is needed to see that it is too much."""
    found = []
    with os.scandir(folder) as items:
        for item in items:
            found.append(item)
            if len(found) > ENTRIES:
                break
    return sorted(found, key=lambda item: item.name)


def _number_of_files(folder: Path, deadline: float) -> int:
    """How many files lie in a folder; counting ends where there are very many, or a path is too long."""
    number, waiting, seen = 0, [os.fspath(folder)], 0
    while waiting and number < ENTRIES and seen < ENTRIES:
        in_time(deadline)
        seen += 1
        try:
            items: Iterable[os.DirEntry] = _scan(Path(waiting.pop()))
        except OSError:
            continue
        for item in items:
            if item.is_dir(follow_symlinks=False):
                waiting.append(item.path)
            else:
                number += 1
    return number


def _look_at_depth(folder: Parts) -> None:
    if len(folder) > FOLDER_LEVELS:
        shown = make_printable("/".join(folder[:3]))
        raise SubmissionError(
            f"its folders go deeper than {FOLDER_LEVELS} levels ({shown}/…); leave out what is not graded"
        )


def _too_many() -> SubmissionError:
    return SubmissionError(f"it holds more than {ENTRIES:,} files; leave out data and environments")


def _too_many_folders() -> SubmissionError:
    return SubmissionError(f"it holds more than {FOLDERS:,} folders; leave out data and environments")
