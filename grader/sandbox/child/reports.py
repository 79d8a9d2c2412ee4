"""Reports beside an answer: exceptions in a student's code, and the arguments that a call changed."""

import contextlib
import errno
import linecache
import os
import re
import sys
import threading
import traceback
import types
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import Attempt
from ...limits import (
    CHANGE_KEY_CHARACTERS,
    CHANGE_LEVELS,
    CHANGE_OBJECTS,
    CHANGES,
    MESSAGE_CHARACTERS,
    TRACEBACK_FRAMES,
)


def exception_report(error: BaseException, root: Path | None) -> dict[str, Any]:
    """Return the report of an exception: its frames in the package, and what it was an attempt at, where that is known.

    A syntax error counts as a frame.
    """
    frames = [] if root is None else _list_frames(traceback.walk_tb(error.__traceback__), root, error)
    if root is not None and isinstance(error, SyntaxError) and _is_inside(error.filename, root):
        frames.append(_frame(Path(error.filename or ""), error.lineno or 0, "<module>", root))
    sentence = _text(_hide_places(_sentence(error), root))
    report = {"type": _text(type(error).__name__), "message": sentence, "frames": _cut_short(frames)}
    attempt = _attempt(error)
    return report | ({"attempt": attempt.value} if attempt else {})


class LateReport:
    """Tells the parent, shortly before it stops waiting, which lines of the package a long import has reached.

    It is a context around the import; `send` gets the report from another thread, and never after the end.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], root: Path, seconds: float) -> None:
        self._send, self._root, self._reader = send, root, threading.get_ident()
        self._lock, self._over = threading.Lock(), False
        self._timer = threading.Timer(seconds, self._tell)
        self._timer.daemon = True

    def __enter__(self) -> None:
        with contextlib.suppress(RuntimeError):  # no thread can be had: the report is left out
            self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._reader)
        frames = [] if frame is None else _list_frames(reversed([*traceback.walk_stack(frame)]), self._root)
        with self._lock:
            if frames and not self._over:
                self._send({"late": _cut_short(frames)})


# the kind of an exception and how its text begins: what was tried
TRIED = (
    ("SystemExit", "", Attempt.EXIT),
    ("NameError", "name 'exit' is not defined", Attempt.EXIT),
    ("NameError", "name 'quit' is not defined", Attempt.EXIT),
    ("BdbQuit", "", Attempt.BREAKPOINT),
    ("EOFError", "EOF when reading a line", Attempt.PROMPT),
    ("RuntimeError", "Could not determine home directory", Attempt.HOME),
    ("KeyError", "'HOME'", Attempt.HOME),
    ("KeyError", "'getpwuid(): uid not found", Attempt.HOME),
    ("RuntimeError", "can't start new thread", Attempt.THREAD),
    ("FileNotFoundError", "[Errno 2] No usable temporary directory", Attempt.WRITE),
    ("AssertionError", "Torch not compiled with CUDA enabled", Attempt.GPU),
    ("RuntimeError", "No CUDA GPUs are available", Attempt.GPU),
    ("RuntimeError", "Found no NVIDIA driver", Attempt.GPU),
    ("RuntimeError", "Attempting to deserialize object on a CUDA device", Attempt.GPU),
    ("RuntimeError", "PyTorch is not linked with support for mps", Attempt.GPU),
)
NETWORK_KINDS = ("gaierror", "URLError", "HTTPError")
NETWORK_MODULES = ("socket", "ssl", "http", "urllib", "asyncio")
PROCESS_MODULES = ("subprocess", "multiprocessing", "concurrent")
BREAKPOINT = re.compile(r"\b(set_trace|breakpoint)\(")
FORKS = ("fork", "spawn", "exec", "popen", "system")


def _attempt(error: BaseException) -> Attempt | None:
    """Return what an exception shows that graded code tried and cannot do; None for any other exception."""
    kind, text = type(error).__name__, _sentence(error)
    tried = (attempt for name, start, attempt in TRIED if name == kind and text.startswith(start))
    return next(tried, None) or (_refused(error) if isinstance(error, OSError) else None)


def _refused(error: OSError) -> Attempt | None:
    """Return which act found nothing or was refused, by the kind of error and by the library that asked for it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = str(frames[-1].f_globals.get("__name__", "")).partition(".")[0] if frames else ""
    if type(error).__name__ in NETWORK_KINDS or module in NETWORK_MODULES:
        return Attempt.NETWORK
    if error.errno == errno.ENOENT and error.filename is not None:
        return Attempt.OPEN
    if error.errno not in (errno.EPERM, errno.EACCES):
        return None
    if error.filename is not None:
        return Attempt.READ if error.errno == errno.EACCES else Attempt.WRITE
    line = linecache.getline(frames[-1].f_code.co_filename, frames[-1].f_lineno) if frames else ""
    forks = module in PROCESS_MODULES or any(name in line for name in FORKS)
    return Attempt.PROCESS if forks else Attempt.OTHER


def _list_frames(
    walk: Iterable[tuple[types.FrameType, int]], root: Path, error: BaseException | None = None
) -> list[dict[str, Any]]:
    """Return the frames that are the package's; one that a breakpoint stopped is at that breakpoint."""
    found = [(frame.f_code, line) for frame, line in walk if _is_inside(frame.f_code.co_filename, root)]
    if type(error).__name__ == "BdbQuit":
        found = [(code, _breakpoint_above(code, line)) for code, line in found]
    return [_frame(Path(code.co_filename), line, code.co_qualname, root) for code, line in found]


def _is_inside(file: str | None, root: Path) -> bool:
    return file is not None and file.startswith((f"{root}/", f"{root}\\"))


def _cut_short(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(frames) <= 2 * TRACEBACK_FRAMES:
        return frames
    return [*frames[:TRACEBACK_FRAMES], *frames[-TRACEBACK_FRAMES:]]


def _hide_places(sentence: str, root: Path | None) -> str:
    """Leave out where package, libraries and the current folder lie: a reader has them elsewhere, or not at all."""
    places = [entry for entry in sys.path if os.path.isabs(entry)]
    with contextlib.suppress(OSError):
        places.append(os.getcwd())
    if root is not None:
        places.append(str(root.parent))
    for place in sorted({place.rstrip("/\\") for place in places} - {""}, key=len, reverse=True):
        sentence = sentence.replace(f"{place}/", "").replace(f"{place}\\", "")
    return sentence


def _breakpoint_above(code: types.CodeType, line: int) -> int:
    """Return the line of the breakpoint after which a function stopped at `line`; that line where none is found."""
    above = range(line, code.co_firstlineno - 1, -1)
    return next((n for n in above if BREAKPOINT.search(linecache.getline(code.co_filename, n))), line)


def _frame(file: Path, line: int, function: str, root: Path) -> dict[str, Any]:
    relative = file.relative_to(root)
    return {
        "file": _text(relative.as_posix()),
        "line": line,
        "function": _text(".".join([*relative.with_suffix("").parts, function])),
        "text": _text(linecache.getline(str(file), line).strip()),
    }


def _sentence(error: BaseException) -> str:
    try:
        return error.msg if isinstance(error, SyntaxError) and error.msg else str(error)
    except BaseException:
        return "(its message cannot be shown)"


def _text(value: str) -> str:
    return str(value)[:MESSAGE_CHARACTERS]


ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic, type, types.ModuleType, types.FunctionType)

Way = tuple[int | str, ...]


class Fingerprints:
    """Fingerprints of all arrays and tensors in the arguments of a call, taken before it.

    Tuples, lists, dicts and the attributes of objects are searched, so that what a cache holds is found too. The arrays
    themselves are kept: to replace an entry of a dict is no change in place.
    """

    def __init__(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        found = _arrays([*enumerate(arguments), *keywords.items()])
        self._taken = [(path, array, _fingerprint(array)) for path, array in found]

    def changed(self) -> list[Way]:
        """Return the ways to the arrays that differ now: position or name of the argument, then indices and keys."""
        return [path for path, array, taken in self._taken if _fingerprint(array) != taken][:CHANGES]


def _arrays(entries: list[tuple[Any, Any]]) -> Iterator[tuple[Way, Any]]:
    """Find each array once, by the shortest way."""
    seen: set[int] = set()
    level: list[tuple[Way, Any]] = [((_key(key),), value) for key, value in entries]
    for _ in range(CHANGE_LEVELS):
        below: list[tuple[Way, Any]] = []
        for path, value in level:
            if isinstance(value, ATOMS) or id(value) in seen or len(seen) >= CHANGE_OBJECTS:
                continue
            seen.add(id(value))
            if isinstance(value, np.ndarray) or _is_tensor(value):
                yield path, value
            else:
                below += [((*path, _key(key)), part) for key, part in _parts(value)]
        level = below


def _parts(value: Any) -> list[tuple[Any, Any]]:
    """List what a container or an object holds; nothing of the object's own is called."""
    if isinstance(value, (tuple, list)):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(dict.items(value))
    try:
        return list(object.__getattribute__(value, "__dict__").items())
    except (AttributeError, TypeError):
        return []


def _key(key: Any) -> int | str:
    return key if type(key) is int else str(key)[:CHANGE_KEY_CHARACTERS] if isinstance(key, str) else type(key).__name__


def _fingerprint(array: Any) -> Any:
    """Summarize dtype, shape and bytes; None for what holds no plain numbers, such as a sparse tensor."""
    try:
        values = np.asarray(array.detach().cpu().numpy() if _is_tensor(array) else array)
        if values.dtype.hasobject:
            return None
        flat = np.ascontiguousarray(values).reshape(-1)
        return values.dtype.str, values.shape, zlib.crc32(flat.view(np.uint8).data) if flat.size else 0
    except Exception:
        return None


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
