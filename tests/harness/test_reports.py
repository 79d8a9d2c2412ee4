"""The record and its renderings say the same, add up exactly, and are whole on disk at every moment."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from grader import grading, record
from grader import manifest as manifests
from grader.record import Check, Record
from grader.report import gradescope, markdown, terminal

MANIFEST = manifests.load(Path(__file__).with_name("toy") / manifests.FILENAME)
PROMISED = {"id", "function", "question", "visibility", "points", "score", "outcome", "message"}


def check(name="q1_rectangles/area[1]", outcome="failed", **changes) -> Check:
    points = changes.get("points", 0.5)
    score = points if outcome in ("passed", "grader_error") else 0
    facts = {
        "id": name,
        "title": "area multiplies",
        "function": "shapes.area",
        "question": "Q1",
        "visibility": "public",
        "points": points,
        "score": score,
        "outcome": outcome,
        "message": "" if outcome == "passed" else f"why it is {outcome}",
    }
    return Check(**(facts | changes))


def full() -> Record:
    found = Record(assignment=MANIFEST.title, command="check", submission="student", complete=True, seconds=1.25)
    found.checks = [
        check("a", "passed"),
        check("b", "failed", message="dx: relative error 3.1e-02 (allowed 1e-07), [bold]worst[/bold] at (2, 4)"),
        check("c", "not_attempted"),
        check("d", "blocked", function="shapes.moments", question="Q2"),
        check("e", "timeout", function="shapes.moments", question="Q2"),
        check("f", "crashed", function="shapes.moments", question="Q2", visibility="hidden"),
        check("g", "grader_error", function="shapes.moments", question="Q2"),
    ]
    found.notes = ["Something to know."]
    record.tally(found, MANIFEST)
    return found


def printed(found: Record, width=100) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    terminal.show(found, console)
    return console.export_text()


def test_terminal_table():
    text = printed(full())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "Question Points Result" in lines
    assert "Q1 Rectangles 0.5 / 1.5 1 of 3 checks" in lines
    assert "shapes.area 0.5 / 1.5 failed (1 of 3)" in lines
    assert "Q2 Mean and variance 0.5 / 2 0 of 4 checks" in lines
    assert "shapes.moments 0.5 / 2 grader error (1 of 4)" in lines
    assert "failed Q1 area multiplies (-0.5)" in lines
    assert "dx: relative error 3.1e-02 (allowed 1e-07), [bold]worst[/bold] at (2, 4)" in lines
    assert "timeout Q2 area multiplies (-0.5)" in lines
    assert "why it is crashed" in lines
    assert "grader error Q2 area multiplies (no points lost)" in lines
    assert "Something to know." in lines
    assert lines[-1] == "Total: 1 of 3.5 points; 1 of 7 checks passed in 1.2 s"


def test_terminal_says_once_what_several_checks_have_to_say():
    found = full()
    found.checks = [check("a", title="first"), check("b", title="second"), check("c", "timeout", title="third")]
    lines = [" ".join(line.split()) for line in printed(found).splitlines()]
    start = lines.index("failed Q1 first (-0.5)")
    assert lines[start + 1 : start + 3] == ["failed Q1 second (-0.5)", "why it is failed"]
    assert lines.count("why it is failed") == 1
    assert "timeout Q1 third (-0.5)" in lines


def test_terminal_is_silent_about_what_passed_or_was_not_attempted():
    text = printed(full())
    assert "why it is not_attempted" not in text
    assert text.count("area multiplies") == 5


@pytest.mark.parametrize("width", [60, 100, 200])
def test_terminal_table_loses_nothing_in_a_narrow_window(width):
    words = " ".join(printed(full(), width).split())
    for part in ("shapes.moments", "0.5 / 1.5", "Total: 1 of 3.5 points"):
        assert part in words


def test_terminal_of_a_run_that_never_began():
    assert "Total: 0 of 8 points; 0 of 0 checks passed" in printed(
        Record(assignment="x", command="grade", submission="y", max_score=8)
    )


@pytest.mark.parametrize(
    "outcomes, words",
    [
        (["passed", "passed"], "passed"),
        (["passed", "failed"], "failed (1 of 2)"),
        (["not_attempted", "not_attempted"], "not attempted"),
        (["not_attempted", "blocked", "blocked"], "blocked (2 of 3)"),
        (["failed", "timeout", "crashed", "grader_error"], "grader error (1 of 4)"),
    ],
)
def test_terminal_status_is_the_worst(outcomes, words):
    assert terminal.status([check(outcome=outcome) for outcome in outcomes]).plain == words


def test_gradescope_fields():
    result = json.loads(gradescope.render(full(), MANIFEST))
    assert {key: result[key] for key in ("score", "execution_time", "visibility", "stdout_visibility")} == {
        "score": 1,
        "execution_time": 1.25,
        "visibility": "visible",
        "stdout_visibility": "hidden",
    }
    assert result["output"] == "Published checks: 1 of 3 points.\nSomething to know."
    assert result["extra_data"]["complete"] is True
    assert [test["status"] for test in result["tests"]] == ["passed"] + ["failed"] * 6
    assert [test["score"] for test in result["tests"]] == [0.5, 0, 0, 0, 0, 0, 0.5]
    assert sum(test["score"] for test in result["tests"]) == result["score"]
    assert [test["visibility"] for test in result["tests"]] == ["visible"] * 5 + ["after_published", "visible"]
    first, hidden = result["tests"][0], result["tests"][5]
    assert first == {
        "name": "Q1 area multiplies",
        "number": "a",
        "score": 0.5,
        "max_score": 0.5,
        "status": "passed",
        "output": "",
        "tags": ["Q1", "shapes.area"],
        "visibility": "visible",
    }
    assert hidden["output"] == "crashed: why it is crashed"
    assert result["tests"][2]["output"] == "not attempted: why it is not_attempted"


def test_gradescope_of_a_run_that_was_cut_off():
    found = full()
    found.complete = False
    output = json.loads(gradescope.render(found, MANIFEST))["output"]
    assert output.startswith("Grading did not finish; the points are those of the checks that have run.\n")


def test_gradescope_shows_no_details():
    found = full()
    found.checks[5].detail = "input x = 42"
    found.checks[5].output = "printed by the student"
    text = gradescope.render(found, MANIFEST).decode()
    assert "42" not in text
    assert "printed" not in text


def test_markdown():
    text = markdown.render(full())
    assert text.startswith("# A course of two functions\n\nstudent: **1 of 3.5 points**\n\n- Something to know.\n\n")
    assert "| **Q1 Rectangles** | 0.5 / 1.5 | 1 of 3 |\n| `shapes.area` | 0.5 / 1.5 | 1 of 3 |" in text
    assert "**Q2 area multiplies** (crashed, -0.5)\n\n    why it is crashed\n" in text
    assert "not_attempted" not in text


def test_markdown_shows_a_students_words_as_text():
    found = full()
    found.submission = "a|b\n# Total: **8 of 8**"
    found.checks = [check(message="boom\n# Heading\n| a | b |\n<script>", title="a | b\n# c")]
    record.tally(found, MANIFEST)
    lines = markdown.render(found).splitlines()
    assert "a\\|b # Total: **8 of 8**: **0 of 0.5 points**" in lines
    assert [line for line in lines if line.startswith("#")] == ["# A course of two functions"]
    assert {"    # Heading", "    | a | b |", "    <script>"} <= set(lines)
    assert "**Q1 a \\| b # c** (failed, -0.5)" in lines


def test_record_json_holds_what_is_promised():
    found = json.loads(record.to_json(full()))
    assert (found["score"], found["max_score"], found["complete"], len(found["checks"])) == (1, 3.5, True, 7)
    assert all(set(entry) >= PROMISED for entry in found["checks"])
    assert found["checks"][1]["function"] == "shapes.area"
    assert found["questions"][1] == {"id": "Q2", "title": "Mean and variance", "score": 0.5, "max_score": 2}


def test_record_of_a_real_run(toy):
    found = json.loads(record.to_json(toy.grade("solution", questions=["Q1"])))
    assert {entry["visibility"] for entry in found["checks"]} == {"public", "hidden"}
    assert {entry["function"] for entry in found["checks"]} == {"shapes.area"}
    assert {"python", "numpy", "platform"} <= set(found["environment"])
    assert found["isolation"]
    assert found["cpu_seconds"] >= 0 < found["seconds"]


@pytest.mark.parametrize("points, count, total", [(0.1, 10, 1), (0.7, 3, 2.1), (0.25, 4, 1), (1.1, 3, 3.3)])
def test_sums_are_exact(points, count, total):
    found = full()
    found.checks = [check(str(i), "passed", points=points) for i in range(count)]
    record.tally(found, MANIFEST)
    assert (found.score, found.max_score, found.questions[0].score) == (total,) * 3
    assert isinstance(found.score, int) == isinstance(total, int)


def test_atomic_write_replaces_the_file(tmp_path):
    file = tmp_path / "folder/results.json"
    for content in (b"old", b"new and longer"):
        record.write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


def test_atomic_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    record.write_atomically(file, b"old")

    def full_disk(*_):
        raise OSError("no space left")

    for name in ("chmod", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full_disk)
            with pytest.raises(OSError, match="no space left"):
                record.write_atomically(file, b"new")
        assert file.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [file]


def test_record_grows_while_checks_run(toy):
    seen = []

    def update(found):
        for form in ("gradescope", "record", "markdown"):
            grading.render(found, toy.manifest, form)
        seen.append((found.complete, len(found.checks), found.score, json.loads(record.to_json(found))["score"]))

    toy.replace("checks/public/test_q1_rectangles.py", "    sides =", "    __import__('time').sleep(0.06)\n    sides =")
    toy.grade("solution", questions=["Q1"], update=update)
    assert [entry[0] for entry in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 2
    assert [entry[1] for entry in seen] == sorted(entry[1] for entry in seen)
    assert seen[-1] == (True, 12, 3, 3)


def test_report_stands_before_the_first_check_and_survives_a_kill(toy, tmp_path, monkeypatch):
    out = tmp_path / "results.json"

    def killed(*_, **__):
        found = json.loads(out.read_text())
        assert (found["score"], found["tests"], found["extra_data"]["complete"]) == (0, [], False)
        assert found["output"].startswith("Grading did not finish")
        raise KeyboardInterrupt

    monkeypatch.setattr(grading.run, "grade", killed)
    with pytest.raises(KeyboardInterrupt):
        grading.grade_submission(toy.manifest, toy.root / "solution", out, "gradescope")
    assert json.loads(out.read_text())["extra_data"]["complete"] is False
