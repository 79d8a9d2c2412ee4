"""A hand-in as data: a zip or a folder, examined before anything is written, then unpacked into a folder of our own."""

import lzma
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .manifest import Manifest, Submission

IGNORED = {"__MACOSX", "__pycache__", ".DS_Store", ".ipynb_checkpoints", ".git", ".venv", "venv"}
MEGABYTE = 1024 * 1024
LONGEST_NAME = 255


class SubmissionError(Exception):
    """The hand-in cannot be graded; the text says why and what to hand in instead."""


@dataclass(frozen=True)
class Entry:
    """One file of a hand-in: where it stands, its size, and the size it takes in the zip."""

    path: PurePosixPath
    size: int
    packed: int
    source: object


@dataclass(frozen=True)
class HandIn:
    """An unpacked hand-in: the package's folder, and remarks for the report."""

    package: Path
    notes: list[str]


def unpack(source: Path, manifest: Manifest, work: Path) -> HandIn:
    """Copies a hand-in's package into `work`; raises SubmissionError, having written nothing, when it is refused."""
    rules = manifest.submission
    try:
        if source.is_dir():
            entries = _folder_entries(source, rules)
            _examine(entries, rules)
            return _place(entries, rules, work, lambda entry: open(entry.source, "rb"))
        with zipfile.ZipFile(source) as archive:
            entries = _zip_entries(archive)
            _examine(entries, rules)
            return _place(entries, rules, work, lambda entry: archive.open(entry.source))
    except FileNotFoundError:
        raise SubmissionError(f"{source} is not there; give a zip or a folder") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, OverflowError, ValueError) as error:
        kind = "cannot be read as a folder" if source.is_dir() else "is not a whole zip file"
        raise SubmissionError(f"{source.name} {kind} ({error}); make and upload it again") from None


def _zip_entries(archive: zipfile.ZipFile) -> list[Entry]:
    entries = []
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        if info.flag_bits & 0x1:
            raise SubmissionError(f"{name!r} is encrypted; make the zip without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SubmissionError(f"{name!r} is packed by an unusual method; make the zip with your system's own tool")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SubmissionError(f"{name!r} is a symbolic link; put the file itself into the zip")
        if not info.is_dir() and not name.endswith("/"):
            entries.append(Entry(PurePosixPath(name), info.file_size, info.compress_size, info))
    return entries


def _folder_entries(folder: Path, rules: Submission) -> list[Entry]:
    """The files of a folder; a folder that is itself the package counts as one that holds it."""
    own = any((folder / name).is_file() for name in rules.required)
    prefix = (
        PurePosixPath(folder.name if folder.name in rules.packages else rules.packages[0]) if own else PurePosixPath()
    )
    entries = []
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if IGNORED.intersection(relative.parts):
            continue
        if file.is_symlink():
            raise SubmissionError(f"{relative.as_posix()!r} is a symbolic link; put the file itself there")
        if file.is_file():
            size = file.stat().st_size
            entries.append(Entry(prefix / relative.as_posix(), size, max(size, 1), file))
    return entries


def _examine(entries: list[Entry], rules: Submission) -> None:
    """Refuses what could do harm by its names, number or size."""
    if len(entries) > rules.max_files:
        raise SubmissionError(
            f"it holds {len(entries):,} files, allowed are {rules.max_files:,}; leave out data and environments"
        )
    seen: set[str] = set()
    for entry in entries:
        name = str(entry.path)
        if entry.path.is_absolute() or ".." in entry.path.parts or ":" in name:
            raise SubmissionError(f"{name!r} points outside of the hand-in; make the zip from the folder itself")
        if not name.isprintable() or not 0 < max(map(len, entry.path.parts), default=0) <= LONGEST_NAME:
            raise SubmissionError(f"{name[:60]!r} is no usable file name; rename it")
        if name.casefold() in seen:
            raise SubmissionError(f"{name} stands twice in it; keep one")
        seen.add(name.casefold())
        if entry.size > MEGABYTE and entry.size > rules.max_ratio * max(entry.packed, 1):
            raise SubmissionError(
                f"{name} unpacks to {entry.size:,} bytes from {entry.packed:,}; no honest file does that"
            )
    total = sum(entry.size for entry in entries)
    if total > rules.max_megabytes * MEGABYTE:
        raise SubmissionError(
            f"it unpacks to {total / MEGABYTE:,.0f} MB, allowed are {rules.max_megabytes}; leave out data"
        )


def _place(entries: list[Entry], rules: Submission, work: Path, opened) -> HandIn:
    kept = [entry for entry in entries if not IGNORED.intersection(entry.path.parts)]
    prefix, notes = _find_package(kept, rules)
    inside = [entry for entry in kept if entry.path.is_relative_to(prefix)]
    package = work / prefix.name
    for entry in inside:
        target = package / entry.path.relative_to(prefix)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened(entry) as stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file)
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            RuntimeError,
            OSError,
            OverflowError,
            EOFError,
        ) as error:
            shutil.rmtree(package, ignore_errors=True)
            raise SubmissionError(f"{entry.path} cannot be unpacked ({error}); make the zip again") from None
    for place in (package, *package.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    missing = [name for name in rules.required if not (package / name).is_file()]
    notes += [f"{prefix.name}/{name} is missing; what needs it gets no points" for name in missing]
    return HandIn(package, notes)


def _find_package(entries: list[Entry], rules: Submission) -> tuple[PurePosixPath, list[str]]:
    """The package's folder, at the root or one folder down."""
    found: list[PurePosixPath] = []
    for entry in entries:
        for depth, part in enumerate(entry.path.parts[:-1][:2]):
            if part in rules.packages:
                found.append(PurePosixPath(*entry.path.parts[: depth + 1]))
                break
    if not found:
        wanted = " or ".join(f"{name}/" for name in rules.packages)
        held = ", ".join(sorted({entry.path.parts[0] for entry in entries})[:8]) or "nothing"
        raise SubmissionError(f"there is no folder {wanted} in it, at the root or one folder down; it holds {held}")
    candidates = sorted(
        dict.fromkeys(found), key=lambda path: (len(path.parts), rules.packages.index(path.name), str(path))
    )
    others = [f"{path}/ was not graded; {candidates[0]}/ was" for path in candidates[1:]]
    return candidates[0], others
