"""A budget counts CPU seconds over several calls: work goes on past a deadline, idleness and overspending end it."""

import re

import pytest

from grader.course import manifest as manifests
from grader.errors import CourseError
from grader.files import pack_zip
from grader.submit import preflight, report

MANIFEST = """
title = "A course of one slow function"
points = 3

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[limits]
call_seconds = 1
cpu_seconds = 30

[[budgets]]
name = "work"
title = "All of the work"
function = "work.piece"
cpu_seconds = 3
file = "work.dat"
megabytes = 1

[[questions]]
id = "Q1"
slug = "work"
title = "Work"
public_points = 2
hidden_points = 1
functions = ["work.piece"]
"""

CHECKS = '''
from grader.checks import expect, points


@points(1, "work.piece", once=True)
def test_work(student, budget):
    """work gets done"""
    meter = budget("work", student)
    with meter.spending():
        expect(student.work.piece(0), "piece").to_equal(1)
    with meter.spending(times=TIMES):
        student.work.piece(1)
'''
AFTER = '''

@points(1, "work.piece", once=True)
def test_later(student):
    """what comes later is judged"""
    expect(student.work.piece(-1), "piece").to_equal(1)
'''
BUSY = """
import time


def piece(number):
    end = time.process_time() + {}
    while number >= 0 and time.process_time() < end:
        pass
    return 1
"""
SLEEP = "import time\n\n\ndef piece(number):\n    time.sleep(30 * (number >= 0))\n    return 1\n"
LARGE = "All of the work: needs more than the 3 CPU seconds it may use"


@pytest.fixture
def work(toy):
    """A course of a public and a hidden check that measure a budget, and one that does not."""
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("assignment.toml", MANIFEST)
    toy.write("checks/public/test_q1_work.py", CHECKS.replace("TIMES", "1") + AFTER)
    toy.write("checks/hidden/test_q1_work.py", CHECKS.replace("TIMES", "1").replace("test_work", "test_same"))
    for folder in ("solution", "student"):
        toy.write(f"{folder}/work.py", BUSY.format(0.0))
    return toy


def outcomes(course, seconds: float | str, **options):
    course.write("student/work.py", seconds if isinstance(seconds, str) else BUSY.format(seconds))
    return course.outcomes(**options)


def test_what_is_spent_within_the_budget_is_on_the_record(work):
    found = outcomes(work, 0.2)
    assert {check.outcome for check in found.values()} == {"passed"}
    spent = found["work"].spending
    assert (spent.name, spent.allowed) == ("work", 3)
    assert 0.4 <= spent.cpu_seconds < 0.6
    assert found["later"].spending is None


def test_a_part_predicts_the_whole(work):
    work.replace("checks/public/test_q1_work.py", "times=1", "times=4")
    spent = outcomes(work, 0.2)["work"].spending
    assert 1.0 <= spent.cpu_seconds < 1.4


def test_work_goes_on_past_the_deadline_of_a_call(work):
    found = outcomes(work, 1.3)
    assert (found["work"].outcome, found["same"].outcome) == ("passed", "passed")
    assert found["work"].seconds > 2.5


def test_more_than_the_budget_fails_and_the_hidden_sentence_says_no_figure(work):
    work.replace("checks/public/test_q1_work.py", "times=1", "times=20")
    found = outcomes(work, 0.2)
    assert found["work"].outcome == "failed"
    told = r"All of the work: needs [34](\.\d+)? or more of the 3 CPU seconds it may use; make it smaller"
    assert re.match(told, found["work"].message)
    work.replace("checks/hidden/test_q1_work.py", "times=1", "times=20")
    hidden = outcomes(work, 0.2)["same"]
    assert (hidden.outcome, hidden.message) == ("failed", LARGE)
    assert hidden.spending.cpu_seconds > 3


def test_an_endless_loop_ends_with_the_budget_and_costs_no_other_check(work):
    found = outcomes(work, 1e9)
    assert (found["work"].outcome, found["same"].outcome, found["later"].outcome) == ("failed", "failed", "passed")
    assert found["same"].message == LARGE
    assert found["work"].seconds < 30
    assert found["work"].spending.cpu_seconds >= 3  # in hundredths, so a little more may read as 3


def test_what_only_waits_is_ended_at_its_deadline(work):
    found = outcomes(work, SLEEP)
    assert (found["work"].outcome, found["later"].outcome) == ("timeout", "passed")
    assert found["work"].message.startswith("work.piece did not finish within 1 s")
    assert found["work"].seconds < 10


def test_a_late_answer_outside_of_a_budget_is_ended(work):
    work.replace("checks/public/test_q1_work.py", "piece(-1)", "piece(2)")
    assert outcomes(work, 1.4)["later"].outcome == "timeout"


def test_too_large_a_file_is_told_before_anything_is_run(work):
    (work.root / "student/work.dat").write_bytes(bytes(1024 * 1024))
    assert outcomes(work, 0.0)["work"].outcome == "passed"
    (work.root / "student/work.dat").write_bytes(bytes(1024 * 1024 * 3 // 2))
    found = outcomes(work, 0.0)
    assert found["work"].outcome == "failed"
    assert found["work"].message.startswith("work.dat: has 1.5 of the 1 MB it may have; make it smaller")
    assert found["same"].message == "work.dat: has more than the 1 MB it may have"


def test_without_a_process_nothing_is_measured(work):
    found = outcomes(work, 0.1, debug=True)
    assert (found["work"].outcome, found["work"].spending) == ("passed", None)


def test_what_the_reference_spends_is_no_students(work):
    (check, *_) = [check for check in work.grade("solution").checks if check.id.endswith("/work")]
    assert check.outcome == "passed"
    assert check.spending.cpu_seconds < 0.5


def test_unknown_budget_is_named(work):
    work.replace("checks/public/test_q1_work.py", '"work", student', '"rest", student')
    found = work.outcomes()["work"]
    assert found.outcome == "grader_error"
    assert "there is no budget 'rest'; choose from work" in found.detail


# --- tried before handing in ----------------------------------------------------------------------------------------


def tried(course, code: str) -> list[str]:
    course.write("student/work.py", code)
    zipped = course.root / "work.zip"
    zipped.write_bytes(pack_zip({"student/work.py": code.encode()}))
    return preflight.try_budgets(course.manifest, zipped)


def test_what_is_handed_in_is_tried_by_the_public_checks(work):
    work.replace("checks/public/test_q1_work.py", "times=1", "times=4")
    (sentence,) = tried(work, BUSY.format(0.1))
    assert re.fullmatch(r"student/work.dat: needs about 0\.\d+ of the 3 CPU seconds it may use", sentence)
    (sentence,) = tried(work, BUSY.format(0.4))
    found = r"student/work.dat: needs about 2(\.\d)? of the 3 CPU seconds it may use; a slower machine .*, so make .*"
    assert re.fullmatch(found, sentence)
    (sentence,) = tried(work, BUSY.format(0.8))
    assert re.match(r"student/work.dat: All of the work: needs [34](\.\d+)? or more of the 3 CPU seconds", sentence)


def test_what_raises_is_told_and_what_is_not_written_is_not(work):
    sentence, *_ = tried(work, "def piece(number):\n    raise ValueError('no weights')\n")
    assert "piece raised ValueError: no weights" in sentence
    assert tried(work, "def piece(number):\n    raise NotImplementedError('work.piece')\n") == []


def test_nothing_is_tried_where_nothing_can_be(work, tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert preflight.try_budgets(work.manifest, tmp_path / "broken.zip") == []
    (work.root / "checks/public/test_q1_work.py").unlink()
    assert tried(work, BUSY.format(0.0)) == []
    work.write(
        "assignment.toml",
        "[[questions]]".join((MANIFEST.partition("[[budgets]]")[0], MANIFEST.partition("[[questions]]")[2])),
    )
    assert tried(work, BUSY.format(0.0)) == []


def test_size_is_told_by_preflight(work):
    work.replace("assignment.toml", "[limits]", '[submission]\nrequired = ["work.dat"]\n[limits]')
    file = work.root / "student/work.dat"
    file.write_bytes(bytes(1024 * 1024 * 3 // 2))
    (found,) = [f for f in preflight.examine_package(work.manifest) if f.file == "student/work.dat"]
    assert (found.level, found.message) == ("error", "has 1.5 MB and it may have 1 MB; make it smaller")
    work.replace("assignment.toml", "megabytes = 1", "megabytes = 40")
    file.write_bytes(bytes(1024 * 1024 * 30))
    assert [f for f in preflight.examine_package(work.manifest) if f.file == "student/work.dat"] == []


def test_submit_tells_what_was_tried(work, capsys):
    made = report.SubmitResult([], {"work.zip": 3}, placed=True)
    made.trials = ["student/work.dat: needs about 1 of the 3 CPU seconds it may use"]
    report.show_submission(work.manifest, made)
    assert "student/work.dat: needs about 1 of the 3 CPU seconds it may use\n" in capsys.readouterr().out


WRONG = {
    ("cpu_seconds = 3\n", "cpu_seconds = 0\n"): "cpu_seconds: 0; give more than 0 and less than limits.cpu_seconds",
    ("cpu_seconds = 3\n", "cpu_seconds = 30\n"): "cpu_seconds: 30; give more than 0 and less than limits.cpu_seconds",
    ("megabytes = 1", "megabytes = 0"): "megabytes: 0; give more than 0 and no more than submission.max_megabytes",
    ("megabytes = 1", "megabytes = 101"): "megabytes: 101; give more than 0 and no more than submission.max_mega",
    (
        'function = "work.piece"',
        'function = "work.place"',
    ): "function: no question lists 'work.place'; did you mean work.piece?",
    ("[[questions]]", '[[budgets]]\nname="work"\ntitle=""\nfunction="work.piece"\ncpu_seconds=1\n[[questions]]'): (
        "name: stands twice; give each budget a name of its own"
    ),
}


@pytest.mark.parametrize("change", WRONG)
def test_wrong_budget_is_named(work, change):
    work.replace("assignment.toml", *change)
    with pytest.raises(CourseError) as raised:
        manifests.load_manifest(work.root / "assignment.toml")
    assert f"budgets work.{WRONG[change]}" in str(raised.value)
