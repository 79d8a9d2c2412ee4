"""What an exception in student code becomes on the wire: its type, its sentence and the student's own frames."""

import linecache
import traceback
from pathlib import Path
from typing import Any

MAX_TEXT = 400
MOST_FRAMES = 6  # at each end


def describe(error: BaseException, root: Path | None, package: str) -> dict[str, Any]:
    """Returns the description; frames outside the package are left out, a syntax error counts as a frame."""
    frames = [] if root is None else _own_frames(error, root, package)
    if len(frames) > 2 * MOST_FRAMES:  # who called whom is told by the outer ones, where it was raised by the inner
        frames[MOST_FRAMES:-MOST_FRAMES] = []
    return {"type": _text(type(error).__name__), "message": _text(_sentence(error)), "frames": frames}


def _own_frames(error: BaseException, root: Path, package: str) -> list[dict[str, Any]]:
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename.startswith(f"{root}/") or code.co_filename.startswith(f"{root}\\"):
            frames.append(_frame(Path(code.co_filename), line, code.co_qualname, root))
    if isinstance(error, SyntaxError) and str(error.filename).startswith(str(root)):
        frames.append(_frame(Path(error.filename), error.lineno or 0, "<module>", root))
    return frames


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
    return str(value)[:MAX_TEXT]
