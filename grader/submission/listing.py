"""List the files of a submission, from a zip or a folder, without opening any; refuse only bad shapes."""

import os
import re
import stat
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from ..errors import SubmissionError
from ..files import make_printable
from ..limits import ENTRIES, FOLDER_LEVELS, FOLDERS, ZIP_DIRECTORY_BYTES

# what nobody means to hand in, and no report need mention
LEFTOVERS = {"__MACOSX", "__pycache__", ".DS_Store", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini"}
ENVIRONMENTS = {".git", ".hg", ".svn", ".venv", "venv", "node_modules", ".idea", ".vscode", ".tox"}
ENVIRONMENTS |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
IGNORED = LEFTOVERS | ENVIRONMENTS
VENV = "pyvenv.cfg"
ENTRY = b"PK\x01\x02"  # what an entry of a zip's directory begins with
DRIVE = re.compile(r"[A-Za-z]:(/|$)")

PathParts = tuple[str, ...]
EntryKind = Literal["file", "link", "special"]


@dataclass(frozen=True)
class FileEntry:
    """One file: where it stands, its size, what it is; `trouble` says why it cannot be unpacked."""

    parts: PathParts
    size: int
    source: str | zipfile.ZipInfo
    kind: EntryKind = "file"
    trouble: str = ""

    @property
    def name(self) -> str:
        return "/".join(self.parts)

    @property
    def path(self) -> Path:
        """Return where the file lies; only a folder's entries have a place."""
        return Path(str(self.source))

    @property
    def shown(self) -> str:
        return make_printable(self.name)


@dataclass
class Listing:
    """The files that may be graded, and how many files were passed over, by the name of what holds them."""

    files: list[FileEntry] = field(default_factory=list)
    passed_over: Counter[PathParts] = field(default_factory=Counter)


class _ZipStream:
    """The stream of a zip whose directory, which zipfile reads in one piece, is refused before it is parsed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int = -1) -> bytes:
        """Return what is next. Raise SubmissionError for a directory of too many bytes or entries."""
        if size > ZIP_DIRECTORY_BYTES:
            raise _refuse_files()
        content = self._stream.read(size)
        if content.startswith(ENTRY) and content.count(ENTRY) > ENTRIES:
            raise _refuse_files()
        return content


def list_zip(stream: BinaryIO, deadline: float) -> tuple[Listing, zipfile.ZipFile]:
    """Return the entries of a zip, and the zip. Raise SubmissionError, and whatever zipfile raises of a broken one."""
    archive = zipfile.ZipFile(cast(BinaryIO, _ZipStream(stream)))
    found = [(info, _split_name(info.filename)) for info in archive.infolist()]
    environments = {parts[:-1] for _, parts in found if parts[-1:] == (VENV,) and len(parts) > 1}
    entries = Listing()
    folders: set[PathParts] = set()
    for info, parts in found:
        check_time(deadline)
        cut = _cut_ignored(parts, environments)
        is_folder = info.filename.endswith(("/", "\\"))  # is_dir() of an entry without a name raises
        if cut:
            if not is_folder and not is_leftover(cut[-1]):
                entries.passed_over[cut] += 1
            continue
        above = parts if is_folder else parts[:-1]
        _check_depth(above)
        while above and above not in folders:
            folders.add(above)
            above = above[:-1]
        if len(folders) > FOLDERS:
            raise _refuse_folders()
        if parts and not is_folder:
            entries.files.append(_make_zip_entry(info, parts))
    return entries, archive


def list_folder(root: Path, deadline: float) -> Listing:
    """Return the entries of a folder, following no link and counting what is ignored. Raise SubmissionError."""
    entries, folders, seen = Listing(), 0, 0
    waiting: list[PathParts] = [()]
    while waiting:
        check_time(deadline)
        parts = waiting.pop()
        folders += 1
        if folders > FOLDERS + 1:
            raise _refuse_folders()
        try:
            inside = _scan(root.joinpath(*parts))
        except OSError:  # closed to us
            if not parts:
                raise
            entries.passed_over[parts] += 1
            continue
        if len(parts) > 0 and any(item.name == VENV for item in inside):
            entries.passed_over[parts] += _count_files(root.joinpath(*parts), deadline)
            continue
        seen += len(inside)
        if seen > ENTRIES:
            raise _refuse_files()
        for item in inside:
            place = (*parts, item.name)
            is_folder = item.is_dir(follow_symlinks=False)
            if is_leftover(item.name):
                continue
            if item.name in ENVIRONMENTS:
                entries.passed_over[place] += _count_files(Path(item.path), deadline) if is_folder else 1
            elif is_folder:
                _check_depth(place)
                waiting.append(place)
            else:
                entries.files.append(_make_folder_entry(item, place))
    return entries


def is_leftover(name: str) -> bool:
    """Return whether a system or an editor leaves files of this name behind."""
    return name in LEFTOVERS or name.startswith("._")


def check_time(deadline: float) -> None:
    """Raise SubmissionError when the run's time is over."""
    if time.monotonic() > deadline:
        raise SubmissionError("unpacking took all the time of a run; leave out what is not graded, and try again")


def _split_name(name: str) -> PathParts:
    """Return the parts of a name in a zip. Raise SubmissionError for one that points outside."""
    name = name.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or DRIVE.match(name):
        where = f"'{make_printable(name)}' points outside of the submission"
        raise SubmissionError(f"{where}; make the zip from the folder itself")
    return parts


def _cut_ignored(parts: PathParts, environments: set[PathParts]) -> PathParts:
    """Return the part of a path up to where it is ignored; empty where it is not, or only below the allowed levels."""
    for end, part in enumerate(parts[: FOLDER_LEVELS + 1], 1):
        if part in ENVIRONMENTS or is_leftover(part) or parts[:end] in environments:
            return parts[:end]
    return ()


def _make_zip_entry(info: zipfile.ZipInfo, parts: PathParts) -> FileEntry:
    mode, trouble = info.external_attr >> 16, ""
    kind: EntryKind = "link" if stat.S_ISLNK(mode) else "file"
    if info.flag_bits & 0x1:
        trouble = "is encrypted; make the zip without a password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        trouble = "is packed by an unusual method; make the zip with your system's own tool"
    return FileEntry(parts, info.file_size, info, kind, trouble)


def _make_folder_entry(item: os.DirEntry[str], parts: PathParts) -> FileEntry:
    if item.is_symlink():
        return FileEntry(parts, 0, item.path, "link")
    kind: EntryKind = "file" if item.is_file(follow_symlinks=False) else "special"
    return FileEntry(parts, item.stat(follow_symlinks=False).st_size, item.path, kind)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds, sorted, but never more than is needed to see that it is too much."""
    found = []
    with os.scandir(folder) as items:
        for item in items:
            found.append(item)
            if len(found) > ENTRIES:
                break
    return sorted(found, key=lambda item: item.name)


def _count_files(folder: Path, deadline: float) -> int:
    """Return how many files lie in a folder; counting ends where there are very many, or a path is too long."""
    number, waiting, seen = 0, [os.fspath(folder)], 0
    while waiting and number < ENTRIES and seen < ENTRIES:
        check_time(deadline)
        seen += 1
        try:
            items: Iterable[os.DirEntry[str]] = _scan(Path(waiting.pop()))
        except OSError:
            continue
        for item in items:
            if item.is_dir(follow_symlinks=False):
                waiting.append(item.path)
            else:
                number += 1
    return number


def _check_depth(folder: PathParts) -> None:
    if len(folder) > FOLDER_LEVELS:
        shown = make_printable("/".join(folder[:3]))
        raise SubmissionError(
            f"its folders go deeper than {FOLDER_LEVELS} levels ({shown}/…); leave out what is not graded"
        )


def _refuse_files() -> SubmissionError:
    return SubmissionError(f"it holds more than {ENTRIES:,} files; leave out data and environments")


def _refuse_folders() -> SubmissionError:
    return SubmissionError(f"it holds more than {FOLDERS:,} folders; leave out data and environments")
