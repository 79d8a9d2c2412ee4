"""`watch` on real saves: the function just edited first, what that changed, and nothing but text in a pipe."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from grader.checks.choice import Selection
from grader.course.source import Unparsable
from grader.grading.watch import Watcher, find_changed
from tests.harness.test_cli import ROOT

AREA = "def area(width, height):\n    return width * height\n"
WRONG = "def area(width, height):\n    return width + height\n"
MOMENTS = "\n\ndef moments(x):\n    return x.mean(axis=0), x.var(axis=0)\n"
SECONDS = 120


@pytest.mark.parametrize(
    "before, after, changed",
    [
        (AREA + MOMENTS, WRONG + MOMENTS, ["area"]),
        (AREA + MOMENTS, "import os\n\n\n" + AREA + MOMENTS + "\n\n", []),
        (AREA, AREA + MOMENTS, ["moments"]),
        (
            "class Net:\n    def loss(self):\n        pass\n",
            "class Net:\n    def loss(self):\n        return 0\n",
            ["Net", "Net.loss"],
        ),
        (AREA, "", []),
    ],
)
def test_changed_are_the_functions_whose_lines_differ(before, after, changed):
    assert find_changed(before.encode(), after.encode()) == changed


def test_nothing_is_said_of_a_file_that_cannot_be_read():
    with pytest.raises(Unparsable):
        find_changed(AREA.encode(), b"def (")


@pytest.fixture
def watched(toy):
    """Saves a version of the package's module and returns what watch prints of it, on a terminal of 60 columns."""
    shown = io.StringIO()
    console = Console(file=shown, width=60, force_terminal=True, color_system=None, legacy_windows=False)
    toy.write("student/shapes.py", AREA + MOMENTS)
    watcher = Watcher(toy.manifest, toy.root / "student", Selection(timing=False), toy.zygotes, console)

    def save(text: str | None) -> list[str]:
        toy.write("student/shapes.py", text) if text else (toy.root / "student/shapes.py").unlink()
        shown.seek(0)
        shown.truncate()
        watcher.check([toy.root / "student/shapes.py"])
        return shown.getvalue().rpartition("\x1b[2J")[2].splitlines()

    return save


def test_each_save_says_what_changed_with_the_newest_last(watched):
    first = watched(AREA + MOMENTS.replace("axis=0)\n", "axis=0) + 1\n"))
    assert "moments" in first[0] and "area" not in first[0]
    assert not any("last run" in line for line in first)
    second = watched(WRONG + MOMENTS.replace("axis=0)\n", "axis=0) + 1\n"))
    assert "area" in second[0]
    titles = [line for line in second if line.startswith(("failed", "crashed"))]
    assert "moments" in titles[0] and "area" in titles[-1]
    assert "Since the last run: new 11" in second
    third = watched(AREA + MOMENTS.replace("axis=0)\n", "axis=0) + 1\n"))
    assert "Since the last run: fixed 11" in third
    fourth = watched(WRONG + MOMENTS)
    assert any(line.startswith("Since the last run: fixed 2, new 11") for line in fourth)
    assert any(line.startswith("    new: Q1.area.1, ") for line in fourth)
    assert "Since the last run: nothing changed" in watched(WRONG + MOMENTS + "\n")


def test_a_check_that_fails_in_another_way_than_before_comes_last(watched):
    wrong = MOMENTS.replace("axis=0)\n", "axis=0) + 1\n")
    area = "import os\n\n\ndef area(width, height):\n    return helper(width, height)\n\n\ndef helper(a, b):\n"
    watched(f"{area}    os._exit(1)\n{wrong}")
    lines = watched(f"{area}    return a + b\n{wrong}")
    titles = [line for line in lines if line.startswith(("failed", "crashed"))]
    assert "moments" in titles[0] and "moments" not in titles[-1]
    assert "Since the last run: nothing changed" in lines


def test_what_is_next_is_checked_by_saving_it(watched):
    lines = watched(AREA + '\n\ndef moments(x):\n    raise NotImplementedError("shapes.moments")\n')
    assert "then save it." in " ".join(lines) and "again" not in " ".join(lines)


def test_a_file_that_is_saved_half_written_keeps_what_was_known(watched):
    watched(AREA + MOMENTS)
    watched("def (\n" + AREA)
    assert "area" in watched(WRONG + MOMENTS)[0]


def test_a_module_that_cannot_be_imported_is_all_that_is_said(watched):
    watched(AREA + MOMENTS)
    lines = watched(AREA.replace(":", "", 1) + MOMENTS)
    assert lines[1].startswith("shapes.py, line 1: SyntaxError: expected ':'")
    assert not any("Question" in line or "Total" in line for line in lines)
    assert "Since the last run: nothing changed" in watched(AREA + MOMENTS)


@pytest.mark.parametrize(
    "module, sentence",
    [
        ("while True:\n    pass\n" + AREA, "shapes.py, line 1: the import did not finish within 2 s (while True:)."),
        ("from pandas import *\n" + AREA, "shapes.py, line 1: pandas is not for this question (from pandas import *)."),
        ("import numpy as np\n" + AREA + "raise KeyError('x')\n", "shapes.py, line 4: KeyError: 'x' (raise KeyError"),
        (None, "shapes.py is missing; put it into student/."),
    ],
)
def test_the_cause_is_said_first_and_only_once(watched, module, sentence):
    watched(AREA + MOMENTS)
    lines = watched(module)[1:]
    assert " ".join(" ".join(lines).split()).startswith(sentence) and len(lines) <= 4


def test_an_unwritten_pass_over_a_broken_one_is_told_once(watched):
    broken = AREA.replace("return", "raise ValueError('broken')\n    return")
    stub = '\n\ndef moments(x):\n    area(x, x)\n    raise NotImplementedError("shapes.moments")\n'
    text = " ".join(watched(broken + stub))
    assert text.count("ValueError: broken") == 1 and "not attempted" in text
    assert "Next: fix shapes.area, then save it." in text


def test_the_edited_function_is_shown_before_the_others_are_done(toy):
    shown = io.StringIO()
    console = Console(file=shown, width=60, force_terminal=True, color_system=None, legacy_windows=False)
    toy.write("student/shapes.py", AREA + MOMENTS)
    watcher = Watcher(toy.manifest, toy.root / "student", Selection(timing=False), toy.zygotes, console)
    toy.write("student/shapes.py", AREA + MOMENTS.replace("axis=0)\n", "axis=0) + 1\n"))
    watcher.check([toy.root / "student/shapes.py"])
    early, late = shown.getvalue().split("\x1b[2J")[1:]
    assert "failed  moments returns the variance" in early and "so far: 1 of 3 checks passed" in early
    assert "Total: " not in early and "Total: " in late


def test_an_endless_loop_is_shown_at_its_first_timeout(toy):
    shown = io.StringIO()
    console = Console(file=shown, width=60, force_terminal=True, color_system=None, legacy_windows=False)
    toy.write("student/shapes.py", AREA + MOMENTS)
    watcher = Watcher(toy.manifest, toy.root / "student", Selection(timing=False), toy.zygotes, console)
    toy.write("student/shapes.py", AREA + MOMENTS.replace("    return", "    while True:\n        pass\n    return"))
    watcher.check([toy.root / "student/shapes.py"])
    early = shown.getvalue().split("\x1b[2J")[1]
    assert early.count("timeout  moments") == 1 and "so far: 0 of 1 checks passed" in early


def test_the_screen_is_cleared_on_a_terminal_only(toy):
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    Watcher(toy.manifest, toy.root / "student", Selection(["Q1"]), toy.zygotes, console).check([])
    assert "\x1b" not in shown.getvalue() and "Total: 0 of 3 points" in shown.getvalue()


def saving(toy, words: list[str], saves: list[str], runs: int) -> str:
    """What the command prints in a pipe, while versions are saved: the first at once, then one after each run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "watch", *words],
        cwd=toy.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    lines: list[str] = []
    waiting = [*saves]
    for line in process.stdout:
        lines.append(line)
        if line.startswith(("Total: ", "watching")):
            if waiting:
                toy.write("aside", waiting.pop(0)).replace(toy.root / "student/shapes.py")  # as many editors do
            elif sum(line.startswith("Total: ") for line in lines) == runs:
                time.sleep(1)  # for what follows the last line of the table
                process.send_signal(signal.SIGINT)
    process.wait(SECONDS)
    timer.cancel()
    return "".join(lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_real_saves_are_checked_at_once(toy):
    text = saving(toy, [], [AREA + MOMENTS, WRONG + MOMENTS], 2)
    assert text.startswith(f"watching {Path(toy.root, 'student').resolve()}; save a file to check it, Ctrl-C to end\n")
    assert text.count("Total: ") == 2 and "\x1b" not in text
    assert "Since the last run: new 11\n    new: Q1.area.1, " in text
    assert text.endswith("ended\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_a_choice_is_checked_at_once_and_only_that(toy):
    text = saving(toy, ["-q", "Q1", "-k", "Q1.area.1"], [], 1)
    assert "Total: 0 of 0.1 points; 0 of 1 checks passed" in text


def test_a_save_during_the_first_run_is_not_missed(toy, command, monkeypatch):
    file = toy.root / "student/shapes.py"

    def saves(*_, yield_on_timeout, rust_timeout, **__):
        print("looking")
        yield set()
        file.write_text(AREA + MOMENTS)
        yield {(2, str(file))}
        yield {(2, str(file))}  # the system may say it twice
        yield set()
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.grading.watch.changes", saves)
    status, out, _ = command("watch", "-q", "Q1")
    assert (status, out.count("Total: ")) == (0, 2)
    assert out.startswith("looking\nwatching ") and "Since the last run: fixed 11" in out


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["-q", "Q9"], "there is no question 'Q9'; choose from Q1, Q2"),
        (["-k", "aera"], "no check here has 'aera' in its id or title; did you mean area?"),
        (["--function", "aera"], "there is no function 'aera'; did you mean area?"),
        (["-k", "("], "-k"),
    ],
)
def test_a_choice_that_means_nothing_ends_watch_before_it_begins(command, words, sentence):
    status, out, err = command("watch", *words)
    assert (status, out, sentence in err) == (2, "", True)
