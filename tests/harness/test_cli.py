"""The commands: what they print, what they write, and 0, 1 or 2 for all right, not all right and could not run."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from grader import __main__ as commands
from grader.course import manifest as manifests
from grader.errors import CourseNotFound
from grader.grading.watch import find_questions
from grader.results.terminal import StatusLine

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "words, status, line",
    [
        (["check", "--student", "solution", "-q", "Q1"], 0, "Total: 3 of 3 points; all 12 checks passed"),
        (["check", "--student", "solution", "-q", "q1,Q2", "--no-timing"], 0, "all 15 checks passed"),
        (["check", "-q", "q1"], 1, "Total: 0 of 3 points; 0 of 12 checks passed"),
        (["check", "-q", ""], 2, "cannot run: there is no question ''; choose from Q1, Q2"),
        (["check", "-q", "Q9"], 2, "cannot run: there is no question 'Q9'; choose from Q1, Q2"),
    ],
)
def test_exit_status_of_the_module(toy, words, status, line):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "-m", "grader", *words]
    done = subprocess.run(command, cwd=toy.root, env=environment, capture_output=True, text=True, timeout=600)
    assert (done.returncode, line in done.stdout + done.stderr) == (status, True)
    assert (done.stderr == "") == (status != 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words, sentence",
    [
        (
            ["check", "-k", "unheard_of"],
            "no check here has 'unheard_of' in its id or title; check --list lists them all",
        ),
        (["check", "-k", "moments_speed", "--no-timing"], "no check matches this choice"),
        (["check", "--student", "nowhere"], "nowhere is not a folder; give the package's folder with --student"),
        (["check", "--student", "assignment.toml"], "assignment.toml is not a folder"),
        (
            ["check", "--student", "checks"],
            "checks holds no package of this course, which has shapes; give",
        ),
        (["watch", "--student", "."], ". holds no package of this course, which has shapes; did you mean student?"),
        (["gradescope", "--root", "nowhere"], "nowhere is not a folder; give the one that holds submission/"),
        (["stubs", "--check", "--force"], "--check and --force contradict each other; leave one of them out"),
        (["notebooks", "--check", "--instructor", "x"], "--check and --instructor contradict each other"),
        (["notebooks", "--force", "--instructor", "x"], "--instructor and --force contradict each other"),
        (["submit", "--date", "tomorrow"], "'tomorrow' is no date; write it as 2026-01-31"),
        (["watch", "--student", "nowhere"], "nowhere is not a folder"),
        (["mistakes", "-q", "Q9"], "there is no question 'Q9'; choose from Q1, Q2"),
        (["mistakes", "--id", "area_add"], "there is no mistake 'area_add' of Q1, Q2; did you mean area_adds?"),
        (["mistakes", "--id", "no_such"], "there is no mistake 'no_such' of Q1, Q2; fix the id, or choose its"),
    ],
)
def test_what_cannot_run_says_why_and_ends_with_2(command, words, sentence):
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert err.startswith("cannot run: ")
    assert sentence in err


def test_what_cannot_run_breaks_no_word_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(SystemExit):
        commands._cannot_run("there is no question of this name; choose another")
    assert capsys.readouterr().err == "cannot run: there is no\nquestion of this name; choose\nanother\n"


def test_expression_that_is_none(command):
    status, _, err = command("check", "-k", "(")
    assert status == 2
    assert "cannot run: " in err


@pytest.mark.parametrize("words", [["check", "--colour"], ["graed"], ["grade"], ["grade", "x.zip", "--format", "pdf"]])
def test_words_that_are_no_command(command, words):
    status, _, err = command(*words)
    assert status == 2
    assert "Usage:" in err


def test_help_names_every_command(command):
    status, out, _ = command("--help")
    assert status == 0
    names = [name for name, one in typer.main.get_command(commands.app).commands.items() if not one.hidden]
    assert len(names) >= 14 and [name for name in names if f" {name} " not in out] == []


@pytest.mark.parametrize("name", typer.main.get_command(commands.app).commands)
def test_help_names_no_type_of_python_in_options(command, name):
    status, out, _ = command(name, "--help")
    options = out.partition("Options:")[2]
    assert (status, re.findall(r"<(?:str|int|float|list)\b[^>]*>", options)) == (0, [])


def test_selection_of_checks(command):
    status, out, _ = command("check", "--student", "solution", "-q", "Q1", "-q", "Q2", "-k", "mean or unheard_of")
    assert (status, "Total: 1 of 1 points; 1 of 1 checks passed" in out) == (0, True)
    assert "Rectangles" not in out


def test_no_timing_and_json(toy, command):
    status, _, _ = command("check", "--student", "solution", "-q", "Q2", "--no-timing", "--json", "out/r.json")
    found = json.loads((toy.root / "out/r.json").read_text())
    assert status == 0
    assert (found["score"], found["max_score"], found["command"], found["complete"]) == (3, 3, "check", True)
    assert [check["id"] for check in found["checks"]] == [
        "q2_moments/moments_mean",
        "q2_moments/moments_variance",
        "hidden/q2_moments/moments_far_from_zero",
    ]
    promised = {"id", "functions", "question", "visibility", "points", "score", "outcome", "run", "message"}
    assert all(promised <= set(check) for check in found["checks"])


def test_json_is_written_when_checks_fail(toy, command):
    status, _, _ = command("check", "-q", "Q1", "--json", "r.json")
    found = json.loads((toy.root / "r.json").read_text())
    assert (status, found["score"], found["max_score"]) == (1, 0, 3)


def test_seed_draws_other_inputs(toy, command):
    toy.write("student/shapes.py", "def area(width, height):\n    return 0 * width\n")
    seen = [
        " ".join(command("check", "-q", "Q1", "-k", "area[1]", *words)[1].split()).rpartition("Total")[0]
        for words in ([], ["--seed", "7"], ["--seed", "8"])
    ]
    assert seen[0] == seen[1] != seen[2]
    assert "expected" in seen[2]
    assert "seed 8" in seen[2]


def test_debug_runs_in_one_process_and_says_so(toy, command):
    text = "import os\n\ndef area(width, height):\n    print('here in', os.getpid())\n    return width * height\n"
    toy.write("student/shapes.py", text)
    status, out, err = command("check", "-q", "Q1", "-k", "area[1]", "--debug")
    assert status == 0
    assert "debug: everything runs in one process, without limits or isolation; not for grading" in err
    assert f"here in {os.getpid()}\n" in out
    assert "Total: 0.1 of 0.1 points" in out
    assert f"here in {os.getpid()}" not in command("check", "-q", "Q1", "-k", "area[1]")[1]


def test_debug_judges_as_a_real_run_does(toy, command):
    toy.write("student/shapes.py", "def area(width, height):\n    return width + height\n")
    seen = []
    for words in ([], ["--debug"]):
        command("check", "--no-timing", "--json", "r.json", *words)
        checks = json.loads((toy.root / "r.json").read_text())["checks"]
        seen.append({check["id"]: (check["outcome"], check["message"], check["score"]) for check in checks})
    assert len(seen[0]) == 15
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "form, file, start",
    [
        ("gradescope", "results.json", "{"),
        ("record", "record.json", "{"),
        ("markdown", "report.md", "# A course of two"),
    ],
)
def test_grade_writes_its_report_where_one_expects_it(toy, command, form, file, start):
    status, out, _ = command("grade", "nowhere.zip", "--format", form)
    assert status == 2
    assert (toy.root / file).read_text().startswith(start)
    assert "nowhere.zip is not there; give a zip or a folder" in " ".join((toy.root / file).read_text().split())
    assert "nowhere.zip is not there; give a zip or a folder" in " ".join(out.split())
    assert f"written: {file}" in out


def test_grade_and_check_exit_with_1_where_points_are_held(toy, command):
    shutil.copytree(toy.root / "solution", toy.root / "submission" / "mywork")
    toy.replace("checks/public/test_q2_moments.py", "    race(", "    1 / 0\n    race(")
    for words in (["grade", "submission"], ["check", "--student", "submission/mywork"]):
        status, out, err = command(*words, *(["--json", "r.json"] if words[0] == "check" else []))
        assert (status, err) == (1, "")
        assert out.startswith(
            "2 of 8 points are held, neither given nor lost: the grader made errors in q2_moments/moments_speed."
        )
        assert "Total: 6 of 8 points, 2 held; 15 of 16 checks passed" in out
    found = json.loads((toy.root / "r.json").read_text())
    assert (found["held"], found["score"]) == (2, 6)


def test_grade_of_a_folder(toy, command):
    toy.replace("solution/shapes.py", ".mean(axis=0)\n    return", ".mean(axis=0) + 1\n    return")
    (toy.root / "solution").rename(toy.root / "student/mywork")
    (toy.root / "student").rename(toy.root / "submission")
    toy.write("solution/shapes.py", (Path(__file__).with_name("toy") / "solution/shapes.py").read_text())
    (toy.root / "submission/shapes.py").unlink()
    status, out, _ = command("grade", "submission", "--secret-seeds", "0", "--format", "record", "--out", "r.json")
    assert (status, "written: r.json" in out) == (0, True)
    found = json.loads((toy.root / "r.json").read_text())
    assert (found["score"], found["max_score"], found["submission"], found["command"]) == (4, 8, "submission", "grade")


@pytest.mark.parametrize("words", [["check"], ["grade", "a.zip"], ["doctor"], ["submit"], ["pdf", "a.pdf", "a.ipynb"]])
def test_command_outside_of_any_course_says_so(tmp_path, monkeypatch, capfd, words):
    """So it does where the engine lies in a course of its own, as it does here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["grader", *words])
    with pytest.raises(SystemExit) as ended:
        commands.run()
    out, err = capfd.readouterr()
    sentence = f"cannot run: no assignment.toml in {tmp_path} or above it; run this in the assignment's folder\n"
    assert (ended.value.code, out, err) == (2, "", sentence)
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_outside_of_any_course_becomes_a_pdf_with_a_title_of_its_own(tmp_path):
    from grader.pdf.exporter import ChainrulePdfExporter

    assert ChainrulePdfExporter()._read_options(tmp_path / "Sums.ipynb").title == "Sums"


def test_a_notebooks_kernel_in_any_folder_finds_the_course_around_its_engine(tmp_path, monkeypatch):
    assert manifests.find_for_notebook(tmp_path) == ROOT / manifests.FILENAME
    monkeypatch.setattr(manifests, "__file__", str(tmp_path / "grader/course/manifest.py"))
    with pytest.raises(CourseNotFound, match=r"no assignment.toml in .* or above it; run this in the assignment's"):
        manifests.find_for_notebook(tmp_path)


@pytest.mark.parametrize(
    "files, questions",
    [
        (["student/shapes.py"], ["Q1", "Q2"]),
        (["checks/public/test_q2_moments.py"], ["Q2"]),
        (["checks/hidden/test_q1_rectangles.py"], ["Q1"]),
        (["student/more.py"], ["Q2"]),
        (["student/sub/deep.py"], ["Q1"]),
        (["student/sub/deep.py", "student/more.py"], ["Q1", "Q2"]),
        (["student/helpers.py"], ["Q1", "Q2"]),
        ([], ["Q1", "Q2"]),
    ],
)
def test_questions_of_saved_files(toy, files, questions):
    toy.replace("assignment.toml", '["shapes.moments"]', '["shapes.moments", "more.Moments.skew"]')
    toy.replace("assignment.toml", '["shapes.area"]', '["shapes.area", "sub.deep.area"]')
    found = find_questions(toy.manifest, toy.root / "student", [toy.root / file for file in files])
    assert found == questions


def test_watch_checks_the_question_of_a_saved_file(toy, command, monkeypatch):
    def saves(*folders, **_):
        assert folders == (toy.root / "student", toy.root / "checks/public")
        yield {(1, str(toy.root / "checks/public/test_q1_rectangles.py"))}
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.grading.watch.changes", saves)
    status, out, _ = command("watch")
    assert status == 0
    assert "Total: 0 of 3 points" in out
    assert out.rstrip().endswith("ended")


def test_watch_goes_on_after_a_file_of_checks_that_cannot_be_loaded(toy, command, monkeypatch):
    file = toy.root / "checks/public/test_q1_rectangles.py"
    whole = file.read_text()

    def saves(*folders, **_):
        file.write_text(whole + "\ndef (\n")
        yield {(1, str(file))}
        file.write_text(whole)
        yield {(1, str(file))}
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.grading.watch.changes", saves)
    status, out, _ = command("watch")
    assert status == 0
    assert "cannot check: " in out and "the checks cannot be loaded" in out
    assert "Total: 0 of 3 points" in out.partition("cannot check: ")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_progress_is_shown_on_a_terminal_and_goes_away(toy):
    import pty

    read, write = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "60", "TERM": "xterm-256color"}
    words = [sys.executable, "-m", "grader", "check", "--student", "solution", "-q", "Q1"]
    process = subprocess.Popen(words, cwd=toy.root, env=environment, stdout=write, stderr=subprocess.STDOUT)
    os.close(write)
    shown = b""
    with contextlib.suppress(OSError):  # that is how a pseudo-terminal ends
        while part := os.read(read, 65536):
            shown += part
    os.close(read)
    assert process.wait(60) == 0
    before, _, after = shown.decode().rpartition("Question")
    assert "starting" in before and "\x1b[2K" in before
    assert "checking" not in after and "all 12 checks passed" in after


def test_long_status_line_is_cut_before_its_count():
    shown = io.StringIO()
    with StatusLine(Console(file=shown, force_terminal=True, width=80, color_system=None)) as line:
        line.advance("grading, 15.6 a minute, about 35 s left; most failed: shapes.area (2); 2 refused", 96, 115)
        line._live.refresh()
    assert "96 of 115" in shown.getvalue() and "about 35 s left" in shown.getvalue()


def test_status_line_counts_and_is_silent_elsewhere(toy):
    kept = [toy.grade("student", questions=["Q1"]).checks[:3]]
    for terminal in (True, False):
        shown = io.StringIO()
        with StatusLine(Console(file=shown, force_terminal=terminal, width=60, color_system=None)) as line:
            line.count([], 12)
            line._live and line._live.refresh()
            line.step("looking for leaks")
            line._live and line._live.refresh()
            line.count(kept[0], 12)
            line._live and line._live.refresh()
        text = shown.getvalue()
        assert [part in text for part in ("looking for leaks", "checking", "3 of 12")] == [terminal] * 3
        assert bool(text) is terminal
