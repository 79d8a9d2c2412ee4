"""The record and its renderings say the same, add up exactly, and are whole on disk at every moment."""

import io
import json
import os
import re
import shutil
from itertools import chain
from pathlib import Path

import jsonschema
import msgspec
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from grader import files
from grader.course import manifest as manifests
from grader.course import schema
from grader.errors import UsageError
from grader.grading import run
from grader.grading import submission as grading
from grader.notebooks import checkfiles
from grader.notebooks.checkfiles import Judgement
from grader.results import gradescope, record, terminal
from grader.results.record import Cause, CheckResult, Note, NoteKind, Outcome, Record, Standing
from grader.results.summary import clean_text, render_markdown
from tests.harness.results import valid

MANIFEST = manifests.load_manifest(Path(__file__).with_name("toy") / manifests.FILENAME)
HELD = (
    "0.5 of 3.5 points are held, neither given nor lost: the grader made errors in g. Staff: read their `detail` in "
    "the record, fix the cause, then grade again; that settles them."
)
GUIDE = Path(__file__).parents[2] / "docs/student-guide.md"
PROMISED = {"id", "functions", "question", "visibility", "points", "score", "outcome", "run", "message"}


def check(name="q1_rectangles/area[1]", outcome="failed", **changes) -> CheckResult:
    points = changes.get("points", 0.5)
    score = points if outcome == "passed" else 0
    facts = {
        "id": name,
        "title": "area multiplies",
        "functions": ["shapes.area"],
        "question": "Q1",
        "visibility": "public",
        "points": points,
        "score": score,
        "held": points if outcome == "grader_error" else 0,
        "outcome": Outcome(outcome),
        "message": "" if outcome == "passed" else f"why it is {outcome}",
    }
    return CheckResult(**(facts | changes))


@pytest.mark.parametrize(
    "outcome, changes, failed",
    [
        ("failed", {}, True),
        ("crashed", {}, True),
        ("timeout", {}, True),
        ("timeout", {"run": False}, False),
        ("failed", {"cause": "shapes"}, False),
        ("blocked", {}, False),
        ("not_attempted", {}, False),
        ("grader_error", {}, False),
        ("not_scored", {}, False),
        ("passed", {}, False),
    ],
)
def test_a_check_has_failed_by_a_fault_of_what_it_judges(outcome, changes, failed):
    assert check(outcome=outcome, **changes).failed is failed


def full() -> Record:
    found = Record(assignment=MANIFEST.title, command="check", submission="student", complete=True, seconds=1.25)
    found.checks = [
        check("a", "passed"),
        check("b", "failed", message="dx: relative error 3.1e-02 (allowed 1e-07), [bold]worst[/bold] at (2, 4)"),
        check("c", "not_attempted"),
        check("d", "blocked", functions=["shapes.moments"], question="Q2"),
        check("e", "timeout", functions=["shapes.moments"], question="Q2"),
        check("f", "crashed", functions=["shapes.moments"], question="Q2", visibility="hidden"),
        check("g", "grader_error", functions=["shapes.moments"], question="Q2"),
    ]
    found.notes = [Note(NoteKind.NEXT, "Something to know.")]
    record.tally(found, MANIFEST)
    return found


def printed(found: Record, width=100) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    terminal.show_record(found, console)
    return console.export_text()


def test_terminal_table():
    text = printed(full())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "Question Points Result" in lines
    assert " ".join(lines[: lines.index("Question Points Result")]).strip() == HELD
    assert "Q1 Rectangles 0.5 / 1.5 1 of 3 checks" in lines
    assert "shapes.area 0.5 / 1.5 failed (1 of 3)" in lines
    assert "Q2 Mean and variance 0 / 2, 0.5 held 0 of 4 checks" in lines
    assert "shapes.moments 0 / 2, 0.5 held grader error (1 of 4)" in lines
    assert "failed area multiplies (-0.5) Q1.b" in lines
    assert "dx: relative error 3.1e-02 (allowed 1e-07), [bold]worst[/bold] at (2, 4)" in lines
    assert "timeout area multiplies (-0.5) Q2.e" in lines
    assert "why it is crashed" in lines
    assert "grader error area multiplies (0.5 held) Q2.g" in lines
    assert "Something to know." in lines
    assert lines[-1] == "Total: 0.5 of 3.5 points, 0.5 held; 1 of 7 checks passed in 1.2 s"


def test_terminal_says_once_what_several_checks_have_to_say():
    found = full()
    found.checks = [check("a", title="first"), check("b", title="second"), check("c", "timeout", title="third")]
    lines = [" ".join(line.split()) for line in printed(found).splitlines()]
    start = lines.index("failed first (-0.5) Q1.a")
    assert lines[start + 1 : start + 3] == ["failed second (-0.5) Q1.b", "why it is failed"]
    assert lines.count("why it is failed") == 1
    assert "timeout third (-0.5) Q1.c" in lines


def raised(name, shape, line=12, **changes):
    message = f"area raised ValueError: mismatch (shapes.py, line {line}: x @ y); here x {shape}"
    return check(name, message=message, raised=f"ValueError in shapes.py, line {line}", **changes)


def test_terminal_says_once_what_one_exception_did_to_several_checks():
    found = full()
    found.checks = [raised(name, f"({size}, 3)") for size, name in enumerate("abcd")] + [raised("e", "(9, 9)", line=30)]
    text = printed(found)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    start = lines.index("failed Q1 4 checks raise the same (-2)")
    assert lines[start + 1] == "area raised ValueError: mismatch (shapes.py, line 12: x @ y); here x (0, 3)"
    assert lines[start + 2] == "Q1.a, Q1.b, Q1.c, Q1.d"
    assert text.count("line 12") == 1 and text.count("line 30") == 1
    row = gradescope.describe_row(found.checks)
    assert row.count("line 12") == 1 and row.count("line 30") == 1 and row.count("✗ area multiplies") == 5


def test_what_the_next_step_is_about_comes_last_of_all_failures():
    """A screen of 24 rows shows its hint."""
    found = full()
    found.checks = [
        check("a", "blocked", message="waits"),
        check("b", message="first", misconception=record.Hint(id="m", sentence="The hint.")),
        *(check(f"c{number}", message=f"other {number}") for number in range(20)),
    ]
    last = [" ".join(line.split()) for line in printed(found).splitlines()][-24:]
    assert last.index("first") > last.index("other 19") and "hint The hint." in last


def test_a_report_says_once_how_much_was_printed():
    found = full()
    assert "printed" not in printed(found)
    found.checks[0].output, found.checks[1].output = "x\ny\n", "z"
    assert printed(found).count("Your code printed 3 lines; python -m grader check --debug shows them.") == 1
    judged = Judgement("area", "Q1", found.checks)
    assert "  Your code printed 3 lines; " in checkfiles.render_text(judged)
    found.checks[0].output = "x\n" * 32 * 1024  # the rest is dropped
    assert "Your code printed at least 32769 lines; " in printed(found)
    found.command = "grade"
    assert "printed" not in printed(found)


def test_list_breaks_no_word_on_a_terminal_and_no_line_in_a_pipe(monkeypatch, capsys):
    long = check("q1_rectangles/" + "area_of_many_rectangles", title="word " * 30, functions=["shapes.area"] * 8)
    terminal.show_list([long])
    assert ("word " * 30).strip() in capsys.readouterr().out
    monkeypatch.setattr(
        terminal, "make_console", lambda width=None: Console(force_terminal=True, width=80, no_color=True)
    )
    terminal.show_list([long])
    words = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert all(len(line) <= 80 for line in words.splitlines())
    assert {"word", "shapes.area", "shapes.area,", "Q1.area_of_many_rectangles"} <= set(words.split())
    assert not {"wor", "w", "wo"} & set(words.split())


THERE = "shapes.py is missing, but student/shapes (1).py is there; give it the name"
MISSING = {  # what the top says, what the note says, and whether the note says more
    "known to both": (THERE, f"student/{THERE}", False),
    "known to the note": ("shapes.py is missing; put it into student/.", f"student/{THERE}", True),
    "known to none": ("shapes.py is missing; put it into student/.", "student/shapes.py is missing; no points", False),
}


@pytest.mark.parametrize("message, note, more", MISSING.values(), ids=MISSING)
def test_every_report_tells_a_missing_module_once(message, note, more):
    found = full()
    found.causes = [Cause(module="shapes", message=message, file="shapes.py")]
    found.notes = [Note(NoteKind.SUBMISSION, note)]
    page = json.loads(gradescope.render_results(found, MANIFEST))["output"]
    for text in (page, render_markdown(found), printed(found)):
        assert text.count("shapes.py is missing") == 1 + more


def test_terminal_is_silent_about_what_passed_or_was_not_attempted():
    text = printed(full())
    assert "why it is not_attempted" not in text
    assert text.count("area multiplies") == 5


@pytest.mark.parametrize("width", [60, 100, 200])
def test_terminal_table_loses_nothing_in_a_narrow_window(width):
    words = " ".join(printed(full(), width).split())
    for part in ("shapes.moments", "0.5 / 1.5", "Total: 0.5 of 3.5 points, 0.5 held"):
        assert part in words


def test_terminal_of_a_run_that_never_began():
    text = printed(Record(assignment="x", command="grade", submission="y", max_score=8))
    assert "Total: 0 of 8 points; 0 of 0 checks passed" in text
    assert "Question" not in text  # a table of nothing would stand above the reason


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
    assert terminal.name_worst([check(outcome=outcome) for outcome in outcomes]).plain == words


def test_gradescope_fields():
    result = json.loads(gradescope.render_results(full(), MANIFEST))
    assert {key: result[key] for key in ("score", "execution_time", "visibility", "stdout_visibility")} == {
        "score": 0.5,
        "execution_time": 1,
        "visibility": "visible",
        "stdout_visibility": "hidden",
    }
    subtotal = "Published checks: 0.5 of 3 points, 0.5 held. Hidden checks are worth 3 points more."
    assert result["output"] == f"{HELD}\n\n{subtotal}\n\nSomething to know.\nNot written yet: shapes.area."
    assert result["extra_data"]["complete"] is True
    assert (result["extra_data"]["held"], result["extra_data"]["held_checks"]) == (0.5, ["g"])
    assert [test["status"] for test in result["tests"]] == ["failed"] * 3
    assert [test["score"] for test in result["tests"]] == [0.5, 0, 0]
    assert sum(test["score"] for test in result["tests"]) == result["score"]
    assert [test["visibility"] for test in result["tests"]] == ["visible", "visible", "after_published"]
    assert result["tests"][2] == {
        "name": "Q2 shapes.moments (hidden checks)",
        "number": "2.2",
        "score": 0,
        "max_score": 0.5,
        "status": "failed",
        "output": "✗ area multiplies (-0.5)\ncrashed: why it is crashed",
        "tags": ["Q2", "shapes.moments"],
        "visibility": "after_published",
        "extra_data": {"checks": {"f": 0}},
    }


def test_gradescope_of_a_run_that_was_cut_off():
    found = full()
    found.complete = False
    output = json.loads(gradescope.render_results(found, MANIFEST))["output"]
    assert output.startswith(f"{HELD}\nGrading did not finish; the points are those of the checks that have run.\n")


def test_gradescope_shows_no_details():
    found = full()
    found.checks[5].detail = "input x = 42"
    found.checks[5].output = "printed by the student"
    text = gradescope.render_results(found, MANIFEST).decode()
    assert "42" not in text
    assert "printed" not in text


def empty(**changes) -> Record:
    return Record(**{"assignment": "x", "command": "grade", "submission": "y", "max_score": 8, **changes})


def with_every_outcome(**changes) -> Record:
    found = full()
    for name, value in changes.items():
        for entry in found.checks:
            setattr(entry, name, value)
    return found


RECORDS = {
    "not begun": empty(),
    "refused": empty(complete=True, notes=[Note(NoteKind.REFUSED, "The submission was not graded: broken zip")]),
    "every outcome": full(),
    "cut off": with_every_outcome(points=0.1, score=0.1),
    "control characters": with_every_outcome(
        message="\x00\x1b[31mred\x1b[0m\x07 \x9b2J \ud800 \u202eabc\r\n\tend", title="\x1b]0;t\x07"
    ),
    "long": with_every_outcome(message="x" * 100_000),
    "numbers": with_every_outcome(error=float("nan"), allowed=float("inf"), cpu_ratio=float("inf")),
    "leaderboard": empty(
        leaderboard=[Standing(name="accuracy", value=0.5), Standing(name="\x1b[1mtime", value="3 s", order="asc")]
    ),
}


@pytest.mark.parametrize("found", RECORDS.values(), ids=RECORDS)
def test_gradescope_renderings_follow_the_schema(found):
    for visibility in ("hidden", "after_due_date", "after_published", "visible"):
        reports = schema.Report(public_visibility=visibility, hidden_visibility=visibility)
        result = valid(gradescope.render_results(found, msgspec.structs.replace(MANIFEST, report=reports)))
        assert {test["visibility"] for test in result["tests"]} <= {visibility}
        assert sum(len(test["extra_data"]["checks"]) for test in result["tests"]) == len(found.checks)


def test_schema_rejects_what_gradescope_might_refuse():
    good = json.loads(gradescope.render_results(full(), MANIFEST))
    wrong = [
        {"tests": [good["tests"][0] | {"visibility": "shown"}]},
        {"tests": [good["tests"][0] | {"score": "1"}]},
        {"tests": [good["tests"][0] | {"output": "\x1b[31m"}]},
        {"output": "\ud800"},
        {"output_format": "rst"},
        {"score": None},
        {"leaderboard": [{"name": "x"}]},
        {"surprise": 1},
    ]
    for change in wrong:
        with pytest.raises(jsonschema.ValidationError):
            valid(json.dumps(good | change))
    with pytest.raises(ValueError, match="NaN is no JSON"):
        valid(json.dumps(good | {"score": float("nan")}))


def test_gradescope_texts_are_plain():
    text = "a\x1b[1;31mred\x1b[0m\x1b]0;title\x07b\x1bc\r\nc\td\x00\x7f\x85\u202ee\u200f ✓"
    assert clean_text(text) == "aredb\nc\tde ✓"
    long = clean_text("y" * 20_010)
    assert long.endswith("yyy … (10 characters more)")


def test_gradescope_leaderboard_is_the_records():
    assert json.loads(gradescope.render_results(full(), MANIFEST))["leaderboard"] == []
    found = json.loads(gradescope.render_results(RECORDS["leaderboard"], MANIFEST))
    assert found["leaderboard"] == [
        {"name": "accuracy", "value": 0.5, "order": "desc"},
        {"name": "time", "value": "3 s", "order": "asc"},
    ]


def test_gradescope_has_a_subtotal_only_where_the_total_is_hidden():
    seen = schema.Report(hidden_visibility="visible")
    assert (
        "Published checks"
        not in json.loads(gradescope.render_results(full(), msgspec.structs.replace(MANIFEST, report=seen)))["output"]
    )
    assert (
        "Published checks: 0.5 of 3 points, 0.5 held."
        in json.loads(gradescope.render_results(full(), MANIFEST))["output"]
    )


def test_gradescope_says_that_time_ran_out_and_that_isolation_is_missing():
    found = full()
    found.checks[4].run = False
    found.checks[3].message = "not run: words that a check may choose"
    found.notes = [Note(NoteKind.ISOLATION, grading.UNSAFE)]
    lines = json.loads(gradescope.render_results(found, MANIFEST))["output"].splitlines()
    assert "1 of 7 checks were not run: the time was used up by those before." in lines
    assert grading.UNSAFE in lines


@pytest.mark.parametrize(
    "line, words",
    [
        ("raise ValueError(f'{width} {height}')", "failed: shapes.area raised an exception"),
        ("return type(f'{width} {height}', (), {})()", "failed: area: is no array of numbers"),
        ("return f'{width} {height}'", "failed: area: is no array of numbers"),
        ("return 1.234567 * width + height", r"failed: area: relative error .*"),
        (
            "exec(compile('raise NotImplementedError', __file__.replace('.py', f'{width}.py'), 'exec'))",
            "failed: shapes.area raised an exception",
        ),
        ("return width * height + 1", r"failed: area: relative error (about 1e[+-]\d\d|above 10) \(allowed 1e-12\)"),
    ],
)
def test_gradescope_of_a_hidden_check_has_no_input_and_no_value(toy, line, words):
    shutil.copytree(toy.root / "solution", toy.root / "mywork")
    toy.replace("mywork/shapes.py", "    areas_of_rectangles = width * height\n", f"    {line}\n")
    found = toy.grade("mywork", questions=["Q1"])
    result = json.loads(gradescope.render_results(found, toy.manifest))
    alone = msgspec.structs.replace(toy.manifest, report=schema.Report(rows="check"))
    output, row = (
        next(
            t["output"]
            for t in found_in["tests"]
            if any(n.endswith("area_of_nothing") for n in t["extra_data"]["checks"])
        )
        for found_in in (json.loads(gradescope.render_results(found, alone)), result)
    )
    assert re.fullmatch(words, output)
    assert output.partition(": ")[2] in row


def test_markdown():
    text = render_markdown(full())
    head = f"# A course of two functions\n\nstudent: **0.5 of 3.5 points, 0.5 held**\n\n**{HELD}**\n\n"
    assert text.replace("\\`", "`").startswith(f"{head}- Something to know.\n\n")
    assert "| **Q1 Rectangles** | 0.5 / 1.5 | 1 of 3 |\n| `shapes.area` | 0.5 / 1.5 | 1 of 3 |" in text
    assert "**Q2 area multiplies** (crashed, -0.5)\n\n    why it is crashed\n" in text
    assert "not_attempted" not in text


def test_markdown_shows_a_students_words_as_text():
    found = full()
    found.submission = "a|b\n# Total: **8 of 8**"
    found.checks = [check(message="boom\n# Heading\n| a | b |\n<script>", title="a | b\n# c")]
    record.tally(found, MANIFEST)
    lines = render_markdown(found).splitlines()
    assert "a\\|b \\# Total: \\*\\*8 of 8\\*\\*: **0 of 0.5 points**" in lines
    assert [line for line in lines if line.startswith("#")] == ["# A course of two functions"]
    assert {"    # Heading", "    | a | b |", "    <script>"} <= set(lines)
    assert "**Q1 a \\| b \\# c** (failed, -0.5)" in lines


@pytest.mark.parametrize(
    "words",
    [
        "nets/__init__.py, line 3: _x_ and ~~old~~",
        "*a* `b` <i>c</i> &lt; [d](e) ![f](g) a_b_c \\",
        "__main__",
        "1. x.zip",
        "12) x.zip",
        "- x.zip",
        "---",
        "== x",
    ],
)
def test_a_page_of_markdown_shows_each_character_of_a_note(words):
    found = full()
    found.notes = [Note(NoteKind.SUBMISSION, words)]
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(render_markdown(found))
    shown = ["".join(part.content for part in token.children) for token in tokens if token.children]
    assert words in shown


def test_record_json_holds_what_is_promised():
    found = json.loads(record.to_json(full()))
    assert (found["score"], found["max_score"], found["complete"], len(found["checks"])) == (0.5, 3.5, True, 7)
    assert (found["held"], found["checks"][6]["held"]) == (0.5, 0.5)
    assert all(set(entry) >= PROMISED for entry in found["checks"])
    assert found["checks"][1]["functions"] == ["shapes.area"]
    assert found["questions"][1] == {"id": "Q2", "title": "Mean and variance", "score": 0, "max_score": 2}


def test_a_record_is_read_as_it_was_written():
    found = full()
    found.checks[4].run = False
    assert record.from_json(record.to_json(found)) == found


@pytest.mark.parametrize(
    "data, sentence",
    [
        ({"schema": 1, "checks": [{"function": "shapes.area"}]}, "this record has schema 1, and this version reads"),
        ({"schema": 3}, "this record has schema 3, and this version reads schema 2; write it again with check --json"),
        ({"schema": 2, "assignment": "x"}, "this is no record of a run (Object missing required field `command`)"),
        ({"tests": []}, "this is no record of a run (Object missing required field `schema`)"),
        ([], "this is no record of a run (Expected `object`, got `array`); write it again with check --json"),
    ],
)
def test_a_record_of_another_schema_is_refused_with_what_to_do(data, sentence):
    with pytest.raises(UsageError) as refused:
        record.from_json(json.dumps(data).encode())
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith("write it again with check --json")


def test_the_guide_says_what_to_do_next_for_each_outcome():
    rows = re.findall(r"^\| ([\w ]+) \| .+ \| (.+) \|$", GUIDE.read_text(), re.MULTILINE)
    told = {outcome.word: outcome.next_step for outcome in Outcome if outcome.next_step}
    assert {word: step for word, step in rows if word in told} == told


def test_record_of_a_real_run(toy):
    found = json.loads(record.to_json(toy.grade("solution", questions=["Q1"])))
    assert {entry["visibility"] for entry in found["checks"]} == {"public", "hidden"}
    assert {*chain(*(entry["functions"] for entry in found["checks"]))} == {"shapes.area"}
    assert set(found["environment"]) == {"python", "numpy", "platform"}
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
        files.write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


def test_atomic_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    files.write_atomically(file, b"old")

    def full_disk(*_):
        raise OSError("no space left")

    for name in ("chmod", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full_disk)
            with pytest.raises(OSError, match="no space left"):
                files.write_atomically(file, b"new")
        assert file.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [file]


def test_record_grows_while_checks_run(toy, monkeypatch):
    monkeypatch.setattr(run, "REPORT_INTERVAL_SECONDS", 0.1)
    seen = []

    def update(found):
        for form in ("gradescope", "record", "markdown"):
            grading.render_report(found, toy.manifest, form)
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

    monkeypatch.setattr(grading.run, "grade_package", killed)
    with pytest.raises(KeyboardInterrupt):
        grading.grade_submission(toy.manifest, toy.root / "solution", out, "gradescope")
    assert json.loads(out.read_text())["extra_data"]["complete"] is False


def test_notebook_says_how_many_points_are_held():
    found = Judgement("q1", "Q1", [check("a", "passed"), check("b", "grader_error")])
    assert checkfiles.write_headline(found) == "1 of 2 checks passed (0.5 of 1 points, 0.5 held)"
    assert "grader error: area multiplies" in checkfiles.render_text(found)
