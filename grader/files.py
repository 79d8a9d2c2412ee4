"""Read files and names nobody vouches for; write a file only where it may be, a folder whole, a secret once."""

import contextlib
import difflib
import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

from .errors import CourseError, OutputError
from .limits import NAME_CHARACTERS, REPORT_BYTES

FLAGS = ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")  # those this system has
NOTEBOOK = ".ipynb"
MARKDOWN = re.compile(rb"# [^\n]*\n\n[^\n]*: \*\*[\d.e+-]+ of [\d.e+-]+ points(, [\d.e+-]+ held)?\*\*\n")
REPORTS = ({"assignment", "submission", "checks"}, {"score", "output", "tests"})
WRITTEN = ".written.json"  # lists what was written into a folder, with digests
LEFT_BY_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini"}
BITS = 128
EPOCH, UNIX = (1980, 1, 1, 0, 0, 0), 3  # time and system of a zip's entries
GENERATED = re.compile(r'# Generated from \S+ by "python -m grader stubs" \(unedited: (\w{12})\)\n')
NEARNESS = 0.6  # of two words, from 0 to 1, from which on one may have been meant by the other


class IrregularFile(OSError):
    """A file is not a regular file; `strerror` says so."""


def open_regular(file: Path, follow: bool = True) -> io.BufferedReader:
    """Open a regular file for reading. Raise OSError, and IrregularFile for a pipe or a device, never waited for.

    Without `follow`, a symbolic link is refused too.
    """
    flags = os.O_RDONLY
    for name in FLAGS if follow else (*FLAGS, "O_NOFOLLOW"):
        flags |= getattr(os, name, 0)
    try:
        if not stat.S_ISREG((os.stat if follow else os.lstat)(file).st_mode):  # opening a device may do something
            raise IrregularFile(errno.EINVAL, "it is no regular file")
        handle = os.open(file, flags)
    except ValueError as error:  # a null byte
        raise IrregularFile(errno.EINVAL, str(error)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IrregularFile(errno.EINVAL, "it is no regular file")
    return os.fdopen(handle, "rb")


def read_start(file: Path, most: int) -> bytes:
    """Return the first `most` bytes of a regular file. Raise OSError."""
    with open_regular(file) as stream:
        return stream.read(most)


def is_unchanged(text: str) -> bool:
    """Return whether a generated file is as it was generated, whatever ends its lines."""
    text = text.replace("\r\n", "\n")
    header = GENERATED.match(text)
    return header is not None and digest_body(text[header.end() :]) == header[1]


def digest_body(body: str) -> str:
    """Return the digest of a generated file that its first line holds."""
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def is_utf8(name: str) -> bool:
    """Return whether a path can be written into a report: none of its bytes was undecodable."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def make_printable(name: str, longest: int = NAME_CHARACTERS) -> str:
    """Return a name for a sentence: on one line, escaped where it cannot be shown, and not too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def list_lines(words: Sequence[str], most: int) -> list[str]:
    """Return words for lines of their own, of many the first ones and `and 3 more`."""
    return [*words] if len(words) <= most else [*words[:most], f"and {len(words) - most:,} more"]


def list_some(words: Sequence[str], most: int, separator: str = ", ", last: str = "") -> str:
    """Return words for a sentence, of many the first ones: `a, b and 3 more`; `last` stands before the last of few."""
    if len(words) > most:
        return f"{separator.join(words[:most])} {list_lines(words, most)[-1]}"
    return (last or separator).join(filter(None, [separator.join(words[:-1]), *words[-1:]]))


def _is_report(start: bytes) -> bool:
    """Return whether this is the JSON of a record or of Gradescope's results."""
    try:
        table = json.loads(start)
    except (ValueError, RecursionError):
        return False
    return isinstance(table, dict) and any(keys <= table.keys() for keys in REPORTS)


KINDS: dict[str, Callable[[bytes], bool]] = {
    "PDF": lambda start: start.startswith(b"%PDF-"),
    "zip": lambda start: start.startswith((b"PK\x03\x04", b"PK\x05\x06")),
    "report of the grader's": _is_report,
    "report in Markdown": lambda start: MARKDOWN.match(start) is not None,
}
PDF, ZIP, REPORT, MARKDOWN_REPORT = KINDS


def claim(out: Path, kind: str, inputs: Iterable[Path] = (), mine: Callable[[bytes], bool] | None = None) -> Path:
    """Return the path itself, where a file of this kind may be written there. Raise OutputError.

    A file that is there already has to be of the kind, or empty. `mine` tells so for kinds that are not in KINDS.
    """
    shown = make_printable(str(out), 400)
    if out.is_dir():
        raise OutputError(f"{shown} is a folder; name a file in it")
    if mine is None and out.suffix.lower() == NOTEBOOK:
        raise OutputError(f"{shown} would be a notebook, and what is written is a {kind}; give another name")
    if any(_same(out, source) for source in inputs):
        raise OutputError(f"{shown} is what this command reads, and would be lost; give another name")
    above = next(folder for folder in out.absolute().parents if os.path.lexists(folder))
    if not above.is_dir() or not os.access(above, os.W_OK):
        why = "is no folder" if not above.is_dir() else "is not yours to write in"
        raise OutputError(f"{shown} cannot be written: {make_printable(str(above), 400)} {why}; give another place")
    if not os.path.lexists(out):
        return out
    try:
        with open_regular(out) as stream:
            content = stream.read(REPORT_BYTES)
    except OSError as error:
        raise OutputError(f"{shown} is there already ({error.strerror}); give another name") from None
    if content and not (mine or KINDS[kind])(content):
        raise OutputError(f"{shown} is there already and is no {kind}; move it away, or give another name")
    return out


def write_atomically(file: Path, content: bytes) -> None:
    """Write beside the file, then rename, so that a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        error.filename = str(file)  # no one knows the name beside it
        raise
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def pack_zip(files: dict[str, bytes], executable: Container[str] = (), method: int = zipfile.ZIP_STORED) -> bytes:
    """Return files, given by their names, as a zip: the same files make the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | (0o755 if name in executable else 0o644)) << 16
            archive.writestr(info, files[name], method, 9)
    return buffer.getvalue()


@contextlib.contextmanager
def new_folder(out: Path, replace: bool = False) -> Iterator[Path]:
    """Give a folder to fill beside its place, and rename it when that is done: `out` is whole or as it was.

    Raise OutputError where something is there already that it does not `replace`.
    """
    claim_folder(out, replace)
    place = out.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    old = aside.with_name(f"{aside.name}.old")
    try:
        yield aside
        aside.chmod(0o755)
        if place.is_dir():  # not every system renames over one
            place.rename(old)
        aside.replace(place)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        if old.is_dir():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def renew_folder(out: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a folder to fill that takes the place of what this wrote there before, and the digests of that.

    A file that comes out as it was keeps its time. Raise OutputError where anything there is not of this, or was
    changed since.
    """
    before = _read_written(out)
    with new_folder(out, replace=True) as aside:
        yield aside, before
        after = digest_files(aside)
        for name in after:
            if after[name] == before.get(name):
                shutil.copystat(out / name, aside / name)
        (aside / WRITTEN).write_text(json.dumps(after, indent=0))


def digest_files(folder: Path) -> dict[str, str]:
    """Return a digest of each file below a folder but its list, by path; of anything else an empty one."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_dir():
            content = file.read_bytes() if file.is_file() and not file.is_symlink() else None
            found[file.relative_to(folder).as_posix()] = "" if content is None else hashlib.sha256(content).hexdigest()
    found.pop(WRITTEN, None)
    return found


def _read_written(folder: Path) -> dict[str, str]:
    """Return the digests of the files in a folder that was written as a whole. Raise OutputError for any other file."""
    try:
        listed = dict(json.loads((folder / WRITTEN).read_bytes()))
    except (OSError, ValueError, TypeError):
        listed = {}
    found = {name: digest for name, digest in digest_files(folder).items() if Path(name).name not in LEFT_BY_SYSTEMS}
    for name, digest in found.items():
        if listed.get(name) != digest:
            why = "was changed since it was written" if name in listed else "is not of this command"
            remedy = "move it away, or give another folder with --out"
            raise OutputError(f"{make_printable(str(folder / name), 400)} {why}; {remedy}")
    return found


def claim_folder(out: Path, replace: bool = False) -> None:
    """Raise OutputError where a new folder cannot be made: its place is taken, or is the current folder."""
    shown = make_printable(str(out), 400)
    if os.path.lexists(out) and (not out.is_dir() or (any(out.iterdir()) and not replace)):
        raise OutputError(f"{shown} is there already; remove it first, or give another name")
    if out.resolve() == Path.cwd():
        raise OutputError(f"{shown} is the current folder; give the name of a new one in it, such as course")


def _same(out: Path, source: Path) -> bool:
    try:
        return os.path.samefile(out, source)
    except OSError:
        return out.resolve() == source.resolve()


def read_or_make_secret(file: Path) -> bytes:
    """Return the secret in a file, 16 bytes; draw it, for the file's owner alone, where there is no such file.

    Raise CourseError for a file of something else, so that nothing is ever derived from less.
    """
    if not file.is_file():
        _draw_secret(file)
    text = file.read_bytes().strip()
    if not re.fullmatch(rb"[0-9a-f]{%d}" % (BITS // 4), text):
        raise CourseError(f"{file} holds no secret of {BITS} bits; delete it, and another is made")
    return bytes.fromhex(text.decode())


def _draw_secret(file: Path) -> None:
    """Write a new secret aside and give it its name; where another process was quicker, that one's stays."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(f"{secrets.token_hex(BITS // 8)}\n")
        try:
            os.link(aside, file)
        except FileExistsError:
            pass
        except OSError:  # a file system without second names
            os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def find_nearest(word: str, known: Iterable[str], nearness: float = NEARNESS) -> str:
    """Return the known word that comes nearest, whatever its case; an empty string where none is near."""
    originals = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), originals, n=1, cutoff=nearness)
    return originals[found[0]] if found else ""


def advise(word: str, known: Iterable[str], otherwise: str = "fix the name") -> str:
    """Return the remedy for a word that is not known: `did you mean ...?`, or another where none is near."""
    near = find_nearest(word, known)
    return f"did you mean {near}?" if near else otherwise
