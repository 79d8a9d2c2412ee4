"""Rows on Gradescope and the text above them: few, each cause once, points exact, nothing shown that is hidden."""

import json
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from grader.course import manifest as manifests
from grader.course import schema
from grader.grading.submission import grade_submission
from grader.results import gradescope, record
from grader.results.record import Cause, CheckResult, Note, NoteKind, Outcome, Record
from tests.harness import gradescope_page
from tests.harness.results import valid

MANIFEST = manifests.load_manifest(Path(__file__).with_name("toy") / manifests.FILENAME)
BY_CHECK = msgspec.structs.replace(MANIFEST, report=schema.Report(rows="check"))
SHAPES, MOMENTS = ["shapes.area"], ["shapes.moments"]


def check(name: str, outcome: str = "passed", function: list[str] = SHAPES, **changes) -> CheckResult:
    points, found = changes.get("points", 0.25), Outcome(outcome)
    facts = {
        "id": f"{'hidden/' if changes.get('visibility') == 'hidden' else ''}q/{name}",
        "title": f"claim {name}",
        "functions": function,
        "question": "Q1" if function == SHAPES else "Q2",
        "visibility": "public",
        "points": points,
        "score": points if found is Outcome.PASSED else 0,
        "held": points if found is Outcome.GRADER_ERROR else 0,
        "outcome": found,
        "message": "" if found is Outcome.PASSED else f"why it is {outcome}",
    }
    return CheckResult(**(facts | changes))


def made_of(*checks: CheckResult, **changes) -> Record:
    found = Record(assignment=MANIFEST.title, command="grade", submission="x", complete=True)
    found.checks = list(checks)
    record.tally(found, MANIFEST)
    return msgspec.structs.replace(found, **changes)


def rendered(found: Record, manifest=MANIFEST) -> dict:
    return valid(gradescope.render_results(found, manifest))


def rows_of(found: Record, manifest=MANIFEST) -> dict[str, dict]:
    return {row["number"]: row for row in rendered(found, manifest)["tests"]}


def top(found: Record, manifest=MANIFEST) -> list[str]:
    return rendered(found, manifest)["output"].splitlines()


MIXED = (
    check("a", function=MOMENTS),
    check("b"),
    check("c", "failed"),
    check("d", visibility="hidden"),
    check("e", "failed", visibility="hidden"),
    check("f", functions=["shapes.area", "shapes.moments"]),
)


def test_a_row_is_a_question_a_visibility_and_a_function():
    found = [(row["number"], row["name"], row["status"]) for row in rendered(made_of(*MIXED))["tests"]]
    assert found == [
        ("1.1", "Q1 shapes.area", "failed"),
        ("1.2", "Q1 shapes.area, shapes.moments", "passed"),
        ("1.3", "Q1 shapes.area (hidden checks)", "failed"),
        ("2.1", "Q2 shapes.moments", "passed"),
    ]


def test_no_row_shows_hidden_and_published_checks():
    for manifest in (MANIFEST, BY_CHECK):
        for row in rendered(made_of(*MIXED), manifest)["tests"]:
            hidden = {name.startswith("hidden/") for name in row["extra_data"]["checks"]}
            assert hidden == {row["visibility"] == "after_published"}


def test_rows_of_single_checks_on_demand():
    rows = rendered(made_of(*MIXED), BY_CHECK)["tests"]
    assert [(row["number"], row["name"]) for row in rows] == [
        ("1.1", "Q1 claim b"),
        ("1.2", "Q1 claim c"),
        ("1.3", "Q1 claim f"),
        ("1.4", "Q1 claim d"),
        ("1.5", "Q1 claim e"),
        ("2.1", "Q2 claim a"),
    ]
    assert [row["output"] for row in rows[:2]] == ["", "failed: why it is failed"]


def test_a_row_counts_what_passed_and_says_each_sentence_once():
    row = rows_of(
        made_of(
            check("a"),
            check("b", "failed"),
            check("c", "failed", points=0.5),
            check("d", "timeout", message="too\nslow"),
            check("e", "blocked"),
            check("f", "blocked"),
        )
    )["1.1"]
    assert row["output"] == (
        "1 of 6 checks passed.\n\n"
        "✗ claim b (-0.25)  Q1.b\n✗ claim c (-0.5)  Q1.c\nfailed, 2 checks: why it is failed\n\n"
        "✗ claim d (-0.25)  Q1.d\ntimeout: too\n    slow\n\n"
        "blocked, 2 checks (-0.5): why it is blocked"
    )
    assert (row["score"], row["max_score"], row["status"]) == (0.25, 1.75, "failed")


@pytest.mark.parametrize("outcome", ["not_attempted", "blocked"])
def test_a_row_that_says_one_thing_says_it_in_one_line(outcome):
    row = rows_of(made_of(check("a", outcome), check("b", outcome)))["1.1"]
    assert row["output"] == f"{outcome.replace('_', ' ')}, 2 checks (-0.5): why it is {outcome}"


def test_a_hidden_claim_has_no_id_to_run_it_by():
    row = rows_of(made_of(check("secret", "failed", visibility="hidden")))["1.1"]
    assert row["output"] == "✗ claim secret (-0.25)\nfailed: why it is failed"


def test_a_row_that_passed_lists_nothing():
    row = rows_of(made_of(check("a"), check("b")))["1.1"]
    assert (row["output"], row["status"]) == ("All 2 checks passed.", "passed")


def test_a_row_says_how_many_of_its_points_are_held():
    found = made_of(check("a"), check("b", "grader_error", points=0.5))
    row = rows_of(found)["1.1"]
    assert row["output"].startswith("1 of 2 checks passed, 0.5 held.\n\n✗ claim b (0.5 held)  Q1.b\ngrader error: ")
    assert (row["score"], row["max_score"], row["status"]) == (0.25, 0.75, "failed")
    assert rows_of(found, BY_CHECK)["1.2"]["output"] == "grader error, 0.5 held: why it is grader_error"


def test_one_long_sentence_does_not_hide_the_others():
    output = rows_of(made_of(check("a", "failed", message="x" * 100_000), check("b", "timeout")))["1.1"]["output"]
    assert "characters more" in output
    assert "why it is timeout" in output


@pytest.mark.parametrize("points", [[0.1] * 10, [0.1, 0.2, 0.7], [1.1, 2.2, 3.3], [1 / 3] * 3, [0.05] * 7])
@pytest.mark.parametrize("manifest", [MANIFEST, BY_CHECK], ids=["function", "check"])
def test_the_rows_add_up_to_the_score_exactly(points, manifest):
    names = [SHAPES, MOMENTS, ["shapes.area", "shapes.moments"]]
    found = made_of(*(check(str(i), points=value, functions=names[i % 3]) for i, value in enumerate(points)))
    result = rendered(found, manifest)
    assert sum(Fraction(str(row["score"])) for row in result["tests"]) == Fraction(str(result["score"]))
    assert sum(Fraction(str(row["max_score"])) for row in result["tests"]) == Fraction(str(found.max_score))


BROKEN = {
    "causes": [Cause(module="shapes", message="shapes.py cannot be read: line 3", file="shapes.py", line=3)],
}


def test_a_broken_module_is_told_once_and_first():
    checks = [check(name, "failed", cause="shapes", message="SyntaxError in line 3") for name in "abc"]
    hidden = check("d", "failed", cause="shapes", visibility="hidden", message="SyntaxError")
    found = made_of(*checks, hidden, check("e"), **BROKEN)
    text = gradescope.render_results(found, MANIFEST).decode()
    assert text.count("cannot be read") == 1
    assert "SyntaxError" not in text
    assert top(found)[:2] == ["shapes.py cannot be read: line 3", "shapes: 3 checks wait for this"]
    found.causes = [Cause(module="shapes", message="x\nPublished checks: 8 of 8 points.")]
    assert top(found)[:3] == ["x", "    Published checks: 8 of 8 points.", "shapes: 3 checks wait for this"]
    found.causes = BROKEN["causes"]
    assert "Next: fix shapes.py, line 3, then hand in again." in top(found)
    rows = rows_of(found)
    assert rows["1.1"]["output"] == (
        "1 of 4 checks passed.\n\nblocked, 3 checks (-0.75): waits for shapes, see the top"
    )
    assert rows["1.2"]["output"] == "blocked (-0.25): waits for shapes, see the top"
    assert rows_of(found, BY_CHECK)["1.1"]["output"] == "blocked: waits for shapes, see the top"


def test_rows_keep_their_numbers_while_checks_run():
    in_order = (*MIXED[1:3], MIXED[5], *MIXED[3:5], MIXED[0])
    whole = {number: row["name"] for number, row in rows_of(made_of(*in_order)).items()}
    for count in range(len(in_order)):
        part = rows_of(made_of(*in_order[:count], complete=False))
        assert {number: row["name"] for number, row in part.items()}.items() <= whole.items()


def test_a_missing_module_is_told_once():
    cause = Cause(module="shapes", message="shapes.py is missing; put it into student/.", file="shapes.py")
    notes = ["student/shapes.py is missing; what needs it gets no points", "student/data.npy is missing; that too"]
    found = made_of(check("a", "failed", cause="shapes"), causes=[cause])
    found.notes = [Note(NoteKind.SUBMISSION, words) for words in notes]
    assert top(found)[:3] == [cause.message, "shapes: 1 check waits for this", notes[1]]
    assert top(found)[-1] == "Next: see to shapes.py, then hand in again."


def test_the_top_says_what_is_wrong_then_the_subtotal_then_what_to_do():
    found = made_of(check("a"), check("b", "grader_error"), check("c", "not_attempted", MOMENTS), **BROKEN)
    found.complete = False
    found.notes = [
        Note(NoteKind.NEXT, "Next: write shapes.moments, then hand in again."),
        Note(NoteKind.ISOLATION, "Not isolated."),
        Note(NoteKind.GRADER_ERROR, "The grader could not go on."),
        Note(NoteKind.SUBMISSION, "x.py is missing"),
    ]
    lines = top(found)
    assert lines[:2] == ["The grader could not go on.", "shapes.py cannot be read: line 3"]
    assert lines[2].startswith("0.25 of 0.75 points are held")
    assert lines[3:] == [
        gradescope.UNFINISHED,
        "Not isolated.",
        "x.py is missing",
        "",
        "Published checks: 0.25 of 0.75 points, 0.25 held. Hidden checks are worth 3 points more.",
        "",
        "Next: fix shapes.py, line 3, then hand in again.",
        "Not written yet: shapes.moments.",
    ]


def test_the_top_names_the_first_row_to_fix_where_all_is_written():
    found = made_of(check("a"), check("b", "blocked"), check("c", "failed", MOMENTS), check("d", "failed", MOMENTS))
    assert top(found)[-2:] == [
        "Next: fix shapes.moments (row 2.1), then hand in again.",
        "To run one check alone: python -m grader check -k Q2.c",
    ]
    more = made_of(check("a", "failed"), *found.checks)
    assert top(more)[-2] == "Next: fix shapes.area (row 1.1), then hand in again. More to fix is in 1 row."
    assert top(made_of(check("a"), check("b", "failed", visibility="hidden")))[-1].startswith("Published checks: ")


def test_one_point_is_no_points():
    one = msgspec.structs.replace(MANIFEST, questions=[msgspec.structs.replace(MANIFEST.questions[0], hidden_points=1)])
    assert "Published checks: 0.25 of 0.25 points, all passed. Hidden checks are worth 1 point more." in top(
        made_of(check("a")), one
    )


def test_the_top_praises_what_is_complete():
    found = made_of(check("a"), check("b", "failed", visibility="hidden"))
    assert "Published checks: 0.25 of 0.25 points, all passed. Hidden checks are worth 3 points more." in top(found)
    found.complete = False
    assert "all passed" not in rendered(found)["output"]


@pytest.mark.parametrize(
    "first, words",
    [("failed", "Next: fix shapes.area (row 1.1), then hand in again."), ("passed", "Next: write shapes.moments.")],
)
def test_the_top_goes_by_the_order_of_rows(first, words):
    found = made_of(check("a", first), check("b", "not_attempted", MOMENTS), check("c", "failed", MOMENTS))
    found.notes = [Note(NoteKind.NEXT, "Next: write shapes.moments.")]
    (line,) = [line for line in top(found) if line.startswith("Next: ")]
    assert line.startswith(words)


def test_the_top_counts_what_is_not_written():
    names = [f"shapes.f{i}" for i in range(6)]
    few = made_of(*(check(name, "not_attempted", functions=[name]) for name in names[:3]))
    assert top(few)[-1] == "Not written yet: shapes.f0, shapes.f1, shapes.f2."
    many = made_of(
        *(check(n, "not_attempted", functions=[n], question="Q1" if i else "Q2") for i, n in enumerate(names))
    )
    assert top(many)[-1] == "Not written yet: 6 functions (1 of Q2, 5 of Q1)."


def test_the_top_tells_no_verdict_that_students_do_not_see():
    unseen = msgspec.structs.replace(MANIFEST, report=schema.Report(public_visibility="after_published"))
    text = rendered(made_of(check("a", "failed"), check("b", "not_attempted", MOMENTS)), unseen)["output"]
    assert "fix" not in text
    assert "Not written" not in text


def test_the_top_names_no_hidden_check():
    found = made_of(check("seen", "grader_error"), check("unseen", "grader_error", visibility="hidden"))
    result = rendered(found)
    assert "errors in q/seen, a hidden check. Staff" in result["output"]
    assert result["extra_data"]["held_checks"] == ["q/seen", "hidden/q/unseen"]


def test_a_graded_submission_has_a_row_for_each_function(toy, tmp_path):
    out = tmp_path / "results.json"
    graded = grade_submission(toy.manifest, toy.root / "student", out, "gradescope", secret_seeds=0)
    result = valid(out.read_bytes())
    assert {row["number"] for row in result["tests"]} == {"1.1", "1.2", "2.1", "2.2"}
    assert len({name for row in result["tests"] for name in row["extra_data"]["checks"]}) == len(graded.checks) == 16
    assert all(row["output"].startswith("not attempted") for row in result["tests"])
    assert result["output"].splitlines()[-2:] == [
        "Next: write shapes.area in place of its raise (student/shapes.py, line 10), then hand in again.",
        "Not written yet: shapes.area, shapes.moments.",
    ]


def test_the_page_shows_each_reader_what_is_theirs():
    result = json.loads(gradescope.render_results(made_of(*MIXED), MANIFEST))
    pages = {reader: gradescope_page.draw(result, reader) for reader in gradescope_page.SEEN}
    assert "claim e" not in pages["student"] and "hidden checks)" not in pages["student"]
    assert "<h1>- / " in pages["student"]
    for reader in ("published", "staff"):
        assert "claim e" in pages[reader]
        assert "<h1>1 / 1.5 pts</h1>" in pages[reader]


def test_the_page_shows_words_as_words():
    result = json.loads(
        gradescope.render_results(made_of(check("a", "failed", message="<script>x</script>")), MANIFEST)
    )
    assert "<script>" not in gradescope_page.draw(result, "staff")
