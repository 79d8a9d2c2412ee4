"""Report an exception in a student's code, or where a long request is: its lines, and what explains them."""

import _thread
import ast
import builtins
import contextlib
import linecache
import os
import re
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.ma  # NumPy loads it late, which would cost every worker that reports an exception

from ...files import find_nearest
from ...limits import MESSAGE_CHARACTERS, NEAR_NAMES, SHOWN_ARRAYS, TRACEBACK_FRAMES
from ..wire import Encoder
from .attempts import find_attempt

# words by which libraries and Python complain of a shape
SHAPES = re.compile(r"\b(shapes?|sizes?|dimensions?|broadcast|aligned|out of bounds|unpack)\b")
DIGITS = re.compile(r"\d")
SLIP = 0.8  # of two names, from where on one is a slip: of five letters, one differs
SLIPS = 2.1  # letters that differ in longer names at most


def report_exception(error: BaseException, root: Path | None) -> dict[str, Any]:
    """Return the report of an exception: its frames in the package, and what it was an attempt at, where that is known.

    A syntax error counts as a frame.
    """
    frames = [] if root is None else _list_frames(traceback.walk_tb(error.__traceback__), root)
    if root is not None and isinstance(error, SyntaxError) and _is_inside(error.filename, root):
        frames.append(_frame(Path(error.filename or ""), error.lineno or 0, "<module>", root))
    sentence = _text(_hide_places(_sentence(error), root))
    report = {"type": _text(type(error).__name__), "message": sentence, "frames": _cut_short(frames)}
    attempt = find_attempt(error, _sentence(error))
    report |= {"attempt": attempt.value} if attempt else {}
    with contextlib.suppress(Exception):  # to find a name, code of the package's own may run
        report |= {key: _text(value) for key, value in _explain_name(error, root).items()}
        report |= _look_at_arrays(error, root)
    return report


class LateReport:
    """Tells the parent, shortly before it stops waiting, which lines of the package a long request has reached.

    One thread sends all reports by `send`, one a request, and none after its end.
    """

    def __init__(self, send: Callable[[list[Any]], None], root: Path, seconds: float) -> None:
        self._send, self._root, self._seconds, self._reader = send, root, seconds, threading.get_ident()
        self._lock, self._sooner, self._due = threading.Lock(), threading.Semaphore(0), 0.0  # 0 where nothing is due
        with contextlib.suppress(RuntimeError):  # no thread can be had: reports are left out
            _thread.start_new_thread(self._watch, ())  # threading.Thread costs a grade a tenth: it waits for the start

    @contextlib.contextmanager
    def during(self, seconds: float) -> Iterator[None]:
        """Report on the request that is answered inside, after so many seconds, or after the usual ones where 0."""
        self._due = time.monotonic() + (seconds or self._seconds)
        if seconds:
            self._sooner.release()
        try:
            yield
        finally:
            with self._lock:
                self._due = 0.0

    def _watch(self) -> None:
        while True:
            due = self._due
            left = due - time.monotonic() if due else self._seconds
            if left > 0:
                self._sooner.acquire(timeout=left)
            else:
                self._tell(due)
                print(end="", file=sys.__stdout__, flush=True)  # what is in no whole line yet would be lost

    def _tell(self, due: float) -> None:
        frames = _list_frames(reversed([*traceback.walk_stack(sys._current_frames().get(self._reader))]), self._root)
        with self._lock:
            if self._due == due:
                self._due = 0.0
                if frames:
                    self._send(Encoder(lambda value, encoder: None).frame({"late": _cut_short(frames)}))


def _list_frames(walk: Iterable[tuple[types.FrameType, int]], root: Path) -> list[dict[str, Any]]:
    """Return the frames that are the package's."""
    found = [(frame.f_code, line) for frame, line in walk if _is_inside(frame.f_code.co_filename, root)]
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


def _explain_name(error: BaseException, root: Path | None) -> dict[str, str]:
    """Return the `holder` of a name or key that is not there, and the name in it that comes `near`; empty for none."""
    if isinstance(error, AttributeError) and error.name:
        return _near(error.name, dir(error.obj))
    link = error.__traceback__
    while link is not None and link.tb_next is not None:
        link = link.tb_next
    if link is None or root is None or not _is_inside(link.tb_frame.f_code.co_filename, root):
        return {}
    frame = link.tb_frame
    if isinstance(error, NameError) and error.name:
        return _near(error.name, [*frame.f_locals, *frame.f_globals, *dir(builtins)])
    node = find_expression(link) if isinstance(error, KeyError) else None
    if not isinstance(node, ast.Subscript):
        return {}
    key = error.args[0] if error.args else None
    return {"holder": ast.unparse(node.value)} | (_near(key, _keys(node.value, frame)) if isinstance(key, str) else {})


def _look_at_arrays(error: BaseException, root: Path | None) -> dict[str, Any]:
    """Return a variable of an `odd` class or dtype in the package's last line, or the `shapes` of its arrays.

    Shapes are told only of an error that speaks of them.
    """
    links = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in links if root is not None and _is_inside(frame.f_code.co_filename, root)]
    if not own:
        return {}
    (frame, line), values = own[-1], own[-1][0].f_locals
    for name, value in values.items():
        if isinstance(value, (np.matrix, numpy.ma.MaskedArray, np.longdouble)):
            return {"odd": [_text(name), type(value).__name__]}
        if type(value) is np.ndarray and value.dtype.char in "gGO":
            return {"odd": [_text(name), f"array of dtype {value.dtype}"]}
    if not SHAPES.search(_sentence(error)):
        return {}
    named = dict.fromkeys(re.findall(r"[^\W\d]\w*", linecache.getline(frame.f_code.co_filename, line)))
    arrays = [name for name in named if isinstance(getattr(values.get(name), "shape", None), tuple)]
    shapes = [f"{name} {tuple(values[name].shape)}" for name in arrays[:SHOWN_ARRAYS]]
    return {"shapes": _text(", ".join(shapes))} if shapes else {}


def find_expression(link: types.TracebackType) -> ast.expr | None:
    """Return the expression, in one line of its source, that raised in a frame of a traceback; None for none."""
    code = link.tb_frame.f_code
    line, end, start, stop = list(code.co_positions())[link.tb_lasti // 2]
    if line is None or line != end:
        return None
    text = linecache.getline(code.co_filename, line).encode()[start:stop].decode()
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


def _keys(node: ast.expr, frame: types.FrameType) -> list[str]:
    """Return the keys of the dict that a name or an attribute of a name means in a frame."""
    if isinstance(node, ast.Name):
        holder = {**frame.f_globals, **frame.f_locals}[node.id]
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = vars(frame.f_locals[node.value.id])[node.attr]
    else:
        return []
    return [key for key in holder if isinstance(key, str)] if isinstance(holder, dict) else []


def _near(name: str, names: Iterable[str]) -> dict[str, str]:
    return {"near": found} if (found := find_near(name, names)) else {}


def find_near(name: str, names: Iterable[str]) -> str:
    """Return the name that differs from one by a slip of the keys, by case or by underscores; empty where none does.

    Its digits must be the same: W1 is not W2. Nor is what distinguishes forward from backward a slip.
    """
    digits, others = DIGITS.findall(name), list(names)[:NEAR_NAMES]
    known = {one.replace("_", ""): one for one in others if one != name and DIGITS.findall(one) == digits}
    plain = name.replace("_", "")
    return known.get(find_nearest(plain, known, max(SLIP, 1 - SLIPS / max(len(plain), 1))), "")
