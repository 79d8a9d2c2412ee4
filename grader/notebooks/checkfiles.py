"""Make the check files of the notebooks, in Otter's exception format, and run what a cell of theirs asks for."""

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
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..course import manifest as manifests
from ..course.manifest import Manifest, to_fraction, to_number
from ..course.source import find_stubs, locate
from ..errors import ChainruleError, ChecksError, CourseError
from ..files import find_nearest
from ..limits import CHECK_CELL_SECONDS, CHECK_PROCESS_END_SECONDS, CHECK_PROCESS_SECONDS
from ..results.notebook import Judgement
from ..results.record import Record, from_json, to_json

if TYPE_CHECKING:  # pytest takes a while to import, and a kernel does without
    from ..checks.collect import RunningCheck

CALL = re.compile(r"^[^#\n]*\bgrader\.check\(\s*[\"']([^\"']*)[\"']", re.MULTILINE)  # a call that is not commented out
HEADER = "# Generated from "
TEMPLATE = """{header}{origin} by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case(name="{function}")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {{error.name!r}}; run the notebook's first code cells again") from None
    return judge(name, "{question}", "{function}")
"""


@dataclass
class CheckFile:
    """One judged function of one question, with the public points of the checks that judge it."""

    name: str
    question: str
    function: str
    origin: str
    points: Fraction = field(default_factory=Fraction)

    def text(self) -> str:
        """Return the file's content."""
        fields = {"name": self.name, "question": self.question, "function": self.function, "origin": self.origin}
        return TEMPLATE.format(header=HEADER, points=to_number(self.points), **fields)


def collect_check_files(manifest: Manifest) -> dict[str, CheckFile]:
    """Return the check files by name, in the order of manifest and checks.

    Raise CourseError where checks don't load, or two functions make the same name.
    """
    found: dict[str, CheckFile] = {}
    for running in _collect_checks(manifest):
        for function in running.judged:
            name = name_check(manifest, running.check.question, function)
            question = manifest.question(running.check.question)
            origin = f"{manifest.paths.public}/{question.file}"
            file = found.setdefault(name, CheckFile(name, question.id, function, origin))
            if file.function != function:
                raise CourseError(f"{file.function} and {function}: both make the check {name}; rename one of them")
            file.points += to_fraction(running.check.points)
    return found


def name_check(manifest: Manifest, question: str, function: str) -> str:
    """Return `q2_net_loss` for Q2 and `nets.Net.loss`: the question, the class and the function in snake case."""
    try:
        path = locate(manifest.path("student"), function)[1]
    except LookupError as error:
        raise CourseError(f"{error}; fix the name, or generate the package first") from None
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", part).strip("_") for part in path]
    return "_".join([question, *words]).lower()


def suggest(name: str, names: Collection[str]) -> str:
    """Return the remedy for a wrong name of a check."""
    near = find_nearest(name, names)
    return f"perhaps {near}" if near else "the names are those of the files in notebooks/tests"


def _collect_checks(manifest: Manifest) -> list[RunningCheck]:
    """Return what pytest collects in the public files, having run none of it."""
    from ..checks.collect import RUNNING, CheckCollector
    from ..grading.run import run_pytest

    files = [manifest.path("public") / question.file for question in manifest.questions]
    collector = CheckCollector(manifest)
    run_pytest(manifest, [file for file in files if file.is_file()], [collector], "--collect-only")
    if collector.problem:
        raise collector.problem
    return [item.stash[RUNNING] for item in collector.items]


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
            words, cwd=root, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
        )
        atexit.register(self.end)

    def ask(self, question: str, function: str, seconds: float) -> Record:
        """Return the record of the checks that judge a function. Raise ChecksError with the reason for none."""
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
        if not reply:
            self.end()
        if not reply and time.monotonic() - started >= seconds:
            raise ChecksError(
                f"the checks were ended after {seconds:g} s; run python -m grader check -q {question} "
                "in a terminal to see which one takes so long"
            )
        raise ChecksError(reply.get("trouble", "the checks ended without a word"))

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
        source, sink = self.process.stdout, self.process.stdin
        if source is None or sink is None:
            return {}
        with contextlib.suppress(BrokenPipeError):
            sink.write(json.dumps(request).encode() + b"\n")
            sink.flush()
        line = source.readline()
        reply: dict[str, str] = json.loads(line) if line.endswith(b"\n") else {}
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
