# Generated from reference/fetch.py by "python -m grader stubs" (unedited: f0ae3f510339)
"""Fetching a file over the network: soon given up where there is none, gone on with where it broke off."""

import os
import threading
from pathlib import Path

# Set it to anything and nothing is fetched.
OFFLINE = "CHAINRULE_OFFLINE"
SECONDS = 4


class Unavailable(OSError):
    """A file can't be fetched; says why in a few words."""


def fetch(url: str, path: Path) -> None:
    """Fetch url into the file path, with a progress bar; what is there of an earlier try isn't fetched again.

    Until it is complete, the file has .part behind its name. Raises Unavailable: without a network within a few
    seconds, at once where the environment variable CHAINRULE_OFFLINE is set.
    """
    if os.environ.get(OFFLINE):
        raise Unavailable(f"{OFFLINE} is set")
    _require_answer(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _continue(url, part)
    except OSError as error:
        kept = part.stat().st_size // 10**6 if part.is_file() else 0
        raise Unavailable(f"fetching {url} broke off ({error}); {kept} MB are kept, the next try goes on") from error
    os.replace(part, path)


def _require_answer(url: str) -> None:
    """Raise Unavailable unless the server answers in time."""
    # Looking up a name knows no time limit of its own: in a thread it may go on for as long as it likes.
    problems = ["no answer"]
    thread = threading.Thread(target=_knock, args=(url, problems), daemon=True)
    thread.start()
    thread.join(SECONDS)
    if problems:
        raise Unavailable(f"{url} can't be reached: {problems[-1]}")


def _knock(url: str, problems: list[str]) -> None:
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=SECONDS):
            problems.clear()
    except (OSError, ValueError) as error:
        problems.append(str(getattr(error, "reason", error)))


def _continue(url: str, part: Path) -> None:
    """Fetch what part lacks of the file behind url; raises OSError where that breaks off."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from .progress import make_bar

    there = part.stat().st_size if part.is_file() else 0
    try:
        answer = urlopen(Request(url, headers={"Range": f"bytes={there}-"} if there else {}), timeout=30)
    except HTTPError as error:
        if error.code != 416:
            raise
        # There is nothing from there on, so that is not a part of this file.
        part.unlink()
        return _continue(url, part)
    resumed = answer.status == 206
    there = there if resumed else 0
    total = there + (answer.length or 0)
    bar = {"total": total or None, "initial": there, "unit": "B", "unit_scale": True, "desc": url.rsplit("/", 1)[-1]}
    with answer, part.open("ab" if resumed else "wb") as file, make_bar(**bar) as progress:
        try:
            while block := answer.read(1 << 16):
                file.write(block)
                progress.update(len(block))
        except HTTPException as error:
            raise OSError(type(error).__name__) from error
    if part.stat().st_size < total:
        raise OSError("the connection was closed")
