"""Run the checks that a notebook's cell asks for, in a process beside the kernel, and show their result in the cell."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ..course import manifest as manifests
from ..course.source import find_stubs
from ..errors import ChainruleError, CourseError
from ..files import find_nearest
from ..limits import CHECK_CELL_SECONDS, CHECK_PROCESS_END_SECONDS, CHECK_PROCESS_SECONDS
from ..results.record import Cause, CheckResult, Outcome, Record, from_json, to_json
from ..results.summary import (
    TITLES,
    count_alike,
    explain_causes,
    explain_output,
    group_failures,
    held_of,
    list_hints,
    list_ids,
    say_passed,
)

CALL = re.compile(r"^[^#\n]*\bgrader\.check\(\s*[\"']([^\"']*)[\"']", re.MULTILINE)  # a call that is not commented out
HEADER = "# Generated from "  # begins a check file that `build` made
SHOWN = 6  # failures of a cell
PASSED, NOT_PASSED = "check passed", "check not-passed"
COLOURS = {True: "#009e73", False: "#d55e00"}


@dataclass(frozen=True)
class Judgement:
    """The result of a check cell: the checks that ran, or `trouble`, one sentence, where none could.

    `causes` are the modules that cannot be imported.
    """

    name: str
    question: str = ""
    checks: list[CheckResult] = field(default_factory=list)
    trouble: str = ""
    causes: list[Cause] = field(default_factory=list)
    unwritten: str = ""  # the place of the stub that still stands

    @property
    def passed(self) -> bool:
        """Return whether checks ran, and none leaves anything to do."""
        return bool(self.checks) and all(check.outcome.settled for check in self.checks)

    def __str__(self) -> str:
        return render_text(self)


def suggest(name: str, names: Collection[str]) -> str:
    """Return the remedy for a wrong name of a check."""
    near = find_nearest(name, names)
    return f"perhaps {near}" if near else "the names are those of the files in notebooks/tests"


class NotPassed(AssertionError):
    """Something is not right yet; the text is what a student reads."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement)
        self.judgement = judgement


def judge(name: str, question: str, function: str, seconds: float = CHECK_CELL_SECONDS) -> Judgement:
    """Run the public checks of a question that judge a function. Raise NotPassed unless all of them pass."""
    try:
        manifest = manifests.load_manifest(manifests.find_for_notebook(Path.cwd()))
        record = CheckProcess.beside(manifest.root).ask(question, function, seconds)
        place = find_stubs(manifest.path("student"), [function]).get(function, "")
        checks = [check for check in record.checks if check.visibility == "public"]
        found = Judgement(
            name, question, checks, causes=record.causes, unwritten=place and f"{manifest.paths.student}/{place}"
        )
    except ChainruleError as error:
        found = Judgement(name, question, trouble=str(error))
    if not found.passed:
        raise NotPassed(found)
    return found


class CheckProcess:
    """A process beside the kernel that runs the checks of its cells, so that what the kernel holds does not matter.

    It is kept from cell to cell, since libraries take seconds to load. It ends with the kernel, which holds its stdin,
    and when no cell has asked for a while.
    """

    kept: CheckProcess | None = None

    @classmethod
    def beside(cls, root: Path) -> CheckProcess:
        """Return the kernel's process for the course at `root`; a new one where there is none, or it has ended."""
        if cls.kept is None or cls.kept.root != root or cls.kept.process.poll() is not None:
            if cls.kept is not None:
                cls.kept.end()
            cls.kept = cls(root)
        return cls.kept

    def __init__(self, root: Path) -> None:
        self.root = root
        words, pipe = [sys.executable, "-m", "grader", "cells"], subprocess.PIPE
        # an interrupt of another cell goes to all of the kernel's session
        self.process = subprocess.Popen(
            words, cwd=root, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        atexit.register(self.end)

    def ask(self, question: str, function: str, seconds: float) -> Record:
        """Return the record of the checks that judge a function. Raise CourseError with the reason for none."""
        started, late = time.monotonic(), threading.Timer(seconds, self.process.kill)
        late.start()
        try:
            reply = self._exchange({"question": question, "function": function})
        except BaseException:  # an interrupt may leave a reply behind, which would answer the next request
            self.process.terminate()
            self.end()
            raise
        finally:
            late.cancel()
        if "record" in reply:
            return from_json(reply["record"].encode())
        if "trouble" in reply:
            raise CourseError(reply["trouble"])
        self.end()
        if time.monotonic() - started < seconds:
            raise CourseError("the checks ended without a word")
        remedy = f"run python -m grader check -q {question} in a terminal to see which one takes so long"
        raise CourseError(f"the checks were ended after {seconds:g} s; {remedy}")

    def end(self) -> None:
        """End the process: by itself where it waits for a request, or was told to."""
        atexit.unregister(self.end)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe and pipe.close()
        try:
            self.process.wait(CHECK_PROCESS_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _exchange(self, request: dict[str, str]) -> dict[str, str]:
        """Return the reply to a request; empty where the process has ended."""
        assert self.process.stdin and self.process.stdout  # both are pipes
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        reply: dict[str, str] = json.loads(line) if line.endswith("\n") else {}
        return reply


def answer_cells(check: Callable[[str, str], Record]) -> None:
    """Run the checks that the kernel asks for, a line of JSON each on stdin, until it hangs up or stays away."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that workers and folders go too
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # where checks print, no reply is touched
    while _wait_for_request() and (line := sys.stdin.buffer.readline()):
        request = json.loads(line)
        try:
            reply = {"record": to_json(check(request["question"], request["function"])).decode()}
        except Exception as error:  # whatever it is, the cell shows it, and the next cell may ask
            known = isinstance(error, (ChainruleError, OSError))
            reply = {"trouble": str(error) if known else f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def _wait_for_request() -> bool:
    """Return whether the kernel asks for something, or hangs up, in time; where none can tell, wait on."""
    return sys.platform == "win32" or bool(select.select([sys.stdin], [], [], CHECK_PROCESS_SECONDS)[0])


def render_text(found: Judgement) -> str:
    """Return the result in plain lines: what keeps modules from being imported, the headline, failures and the rest."""
    causes = explain_causes(found.causes, found.checks)
    first, *more = [*(line for words in causes for line in words.splitlines()), write_headline(found)]
    groups = group_failures(found.checks)
    for checks in groups[:SHOWN]:
        alike = f"{count_alike(checks)}: {list_ids(checks)}"
        names = [check.title for check in checks] if len(checks) <= TITLES else [alike]
        more += [f"{checks[0].outcome.word}: {name}" for name in names]
        more += [f"    {line}" for line in checks[0].message.splitlines()]
        more += [f"    hint: {words}" for words in list_hints(checks)]
    left = sum(len(checks) for checks in groups[SHOWN:])
    waiting = sum(check.outcome is Outcome.NOT_ATTEMPTED for check in found.checks)
    if left:
        more.append(f"and {left} more; python -m grader check -q {found.question} shows them all")
    if 0 < waiting < len(found.checks):
        more.append(f"not attempted: {waiting} of the checks")
    more += filter(None, [explain_output(found.checks)])
    return "\n".join([f"{found.name}: {first}", *(f"  {line}" for line in more)])


def render_html(found: Judgement) -> str:
    """Return the same with a coloured edge; Jupyter's own style would break lines of it within words."""
    edge = f"border-left: 4px solid {COLOURS[found.passed]}; padding: 2px 0 2px 12px"
    lines = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; margin: 0"
    text = f'<pre style="{lines}">{escape(render_text(found))}</pre>'
    return f'<div class="{PASSED if found.passed else NOT_PASSED}" style="{edge}">{text}</div>'


def write_headline(found: Judgement) -> str:
    """Say how much of it is right, or why nothing can be said."""
    if found.trouble:
        return f"cannot be checked: {found.trouble}"
    checks = found.checks
    if all(check.outcome is Outcome.NOT_ATTEMPTED for check in checks):
        functions = ", ".join(dict.fromkeys(name for check in checks for name in check.functions))
        place = f" in place of its raise ({found.unwritten})" if found.unwritten else ""
        return f"not attempted; write {functions}{place}, save the file, then run this cell again"
    points = f"{sum(check.score for check in checks):g} of {sum(check.points for check in checks):g} points"
    return f"{say_passed(checks)} passed ({points}{held_of(checks)})"
