"""A submission to another year's course is graded as it was handed in, by the checks that this year's can share."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from grader.checks.choice import Selection
from grader.course.editions import choose_edition, list_promises, place_given
from grader.course.manifest import load_manifest
from grader.errors import CourseError, UsageError
from grader.grading import run
from grader.grading.submission import grade_submission
from grader.release import bundle
from grader.results.record import NoteKind, Record, from_json
from reference import fast_layers
from tests.harness.old_submissions import EDITORS, MISTAKES, YEARS, write_submission

ROOT = Path(__file__).parents[2]

EDITION = """
title = "A course of one function, as of 1999"
packages = ["oldwork"]
required = ["shapes.py"]

[given]
"helpers.py" = "editions/helpers.py"

[shims.past]

[shims."past.builtins"]
xrange = "builtins.range"

[renamed."shapes.area"]
height = "tall"

[[left_out]]
functions = ["shapes.moments"]
why = "it came later"

[[left_out]]
promises = ["precision"]
why = "nobody promised it then"
"""

CHECKS = '''
import numpy as np

from grader.checks import expect, points


@points(0.7, "shapes.area")
def test_area(student, reference, rng):
    """area multiplies"""
    sides = rng.rand(4), rng.rand(4)
    expected = reference.shapes.area(sides[0], height=sides[1])
    expect(student.shapes.area(sides[0], height=sides[1]), "area").to_match(expected, rel=1e-12)


@points(0.3, "shapes.area", promise="precision")
def test_area_precision(student, rng):
    """area keeps float32"""
    x = rng.rand(4).astype(np.float32)
    expect(student.shapes.area(x, x), "area").to_have_dtype(np.float32)
'''

HIDDEN = '''
from grader.checks import expect, points


@points(2, "shapes.area")
def test_area_of_many(student, rng):
    """area multiplies many"""
    sides = rng.rand(40), rng.rand(40)
    expect(student.shapes.area(*sides), "area").to_match(sides[0] * sides[1], rel=1e-12)
'''

OLD = """
from builtins import range

from past.builtins import xrange

from oldwork.helpers import multiply


def area(width, tall):
    for i in xrange(1):
        return multiply(width, tall).astype(float)
"""

WRONG = OLD.replace("multiply(width, tall)", "(width + tall)")


@pytest.fixture
def old(toy):
    """The toy course with an edition in which moments came later, and a submission to it."""
    toy.write("editions/1999.toml", EDITION)
    toy.write("editions/helpers.py", "def multiply(a, b):\n    return a * b\n")
    toy.write("checks/public/test_q1_rectangles.py", CHECKS)
    toy.write("checks/hidden/test_q1_rectangles.py", HIDDEN)
    toy.write("handed/oldwork/shapes.py", OLD)
    toy.write("handed/oldwork/helpers.py", "from .compiled import multiply\n")
    return toy


def grade(course, edition: str, folder: str = "handed", unsafe: bool = True) -> Record:
    """The record of a graded submission."""
    out = course.root / "out.json"
    manifest = choose_edition(course.manifest, edition)
    grade_submission(manifest, course.root / folder, out, "record", secret_seeds=0, unsafe=unsafe)
    return from_json(out.read_bytes())


def told(record: Record) -> list[str]:
    return [note.text for note in record.notes if note.kind is NoteKind.EDITION]


def test_an_edition_is_graded_as_it_was_handed_in_and_scaled(old):
    record = grade(old, "1999")
    assert {check.outcome for check in record.checks} == {"passed"}, [check.message for check in record.checks]
    assert (record.score, record.max_score, record.scaled_from) == (8, 8, 2.7)
    assert record.assignment == "A course of one function, as of 1999"
    assert {check.functions[0] for check in record.checks} == {"shapes.area"}


def test_the_report_says_what_is_left_out_and_why(old):
    assert told(grade(old, "1999")) == [
        "Left out: Q2, 5 points: it came later.",
        "Left out: 1 check, 0.3 points: nobody promised it then.",
        "Given by this course: helpers.py, in the place of those handed in.",
    ]


def test_a_wrong_function_loses_its_points_in_an_edition(old):
    old.write("handed/oldwork/shapes.py", WRONG)
    record = grade(old, "1999")
    assert (record.score, record.max_score) == (0, 8)


def test_points_of_an_edition_are_scaled_to_hundredths(old):
    old.replace("checks/public/test_q1_rectangles.py", "expected = reference", "expected = 1 + reference")
    record = grade(old, "1999")
    assert record.score == round(8 * 2 / 2.7, 2)


def test_held_points_of_an_edition_are_scaled_too(old):
    old.replace("checks/public/test_q1_rectangles.py", "expected = reference", "expected = nothing + reference")
    record = grade(old, "1999")
    assert (record.score, record.held) == (round(8 * 2 / 2.7, 2), round(8 * 0.7 / 2.7, 2))


def test_without_an_edition_all_checks_count(old):
    old.write("handed/student/shapes.py", OLD)
    old.replace("assignment.toml", '["student", "mywork"]', '["student", "oldwork"]')
    record = grade(old, "")
    assert (told(record), record.scaled_from, record.max_score) == ([], 0, 8)
    assert len(record.checks) == 7


def test_the_command_grades_by_an_edition(old, command):
    status, out, _ = command("grade", "handed", "--edition", "1999", "--unsafe", "--format", "record")
    assert (status, "Total: 8 of 8 points" in out) == (0, True), out
    assert "Left out: Q2, 5 points: it came later." in out


def test_an_edition_that_there_is_not_is_named_with_those_there_are(old, command):
    status, _, err = command("grade", "handed", "--edition", "1998")
    assert (status, err.strip()) == (2, "cannot run: there is no edition '1998'; choose from 1999")


def test_the_container_grades_by_the_edition_that_the_manifest_names(old):
    old.write("assignment.toml", (old.root / "assignment.toml").read_text() + '\n[container]\nedition = "1999"\n')
    old.write("constraints.txt", (ROOT / "constraints.txt").read_text())
    packed = bundle.collect_autograder(old.manifest)
    box = old.root / "box"
    for name, content in packed.items():
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        (box / name).write_bytes(content)
    manifest = load_manifest(box / "assignment.toml")
    record = grade(old, manifest.container.edition)
    assert (record.score, {name for name in packed if name.startswith("editions/")}) == (
        8,
        {"editions/1999.toml", "editions/helpers.py"},
    )
    assert choose_edition(manifest, manifest.container.edition).submission.packages == ["oldwork"]


def test_a_class_is_graded_and_regraded_by_the_edition_of_the_container(old, command):
    old.write("assignment.toml", (old.root / "assignment.toml").read_text() + '\n[container]\nedition = "1999"\n')
    old.write("class of 1999/ada/oldwork/shapes.py", OLD)
    assert command("class", "grade", "class of 1999", "--jobs", "1", "--unsafe")[0] == 0
    status, out, _ = command("class", "show", "ada")
    assert (status, "Total: 8 of 8 points" in out) == (0, True), out
    old.replace("checks/public/test_q1_rectangles.py", "expected = reference", "expected = 1 + reference")
    assert "may alter" in command("class", "status")[1]
    status, out, _ = command("class", "regrade", "--changed", "--yes", "--jobs", "1", "--unsafe")
    assert "Total: 5.93 of 8 points" in command("class", "show", "ada")[1], out
    old.write("editions/__pycache__/helpers.pyc", "what Python keeps for itself")
    assert "may alter" not in command("class", "status")[1]
    old.replace("editions/helpers.py", "a * b", "b * a")
    assert "may alter" in command("class", "status")[1]


def test_a_zip_for_the_container_is_not_made_with_an_edition_that_there_is_not(old):
    old.write("assignment.toml", (old.root / "assignment.toml").read_text() + '\n[container]\nedition = "1998"\n')
    old.write("constraints.txt", (ROOT / "constraints.txt").read_text())
    with pytest.raises(UsageError, match="there is no edition '1998'; choose from 1999"):
        bundle.collect_autograder(old.manifest)


FAULTS = {
    "a function that the course lacks": (
        ('functions = ["shapes.moments"]', 'functions = ["shapes.moment"]'),
        "left_out #1.functions: shapes.moment; did you mean shapes.moments?",
    ),
    "a question that the course lacks": (
        ('promises = ["precision"]', 'questions = ["Q9"]'),
        "left_out #2.questions: Q9; fix the name",
    ),
    "a promise that no check makes": (
        ('promises = ["precision"]', 'promises = ["precison"]'),
        "left_out #2.promises: precison; did you mean precision?",
    ),
    "an unknown key": (("required = ", "needed = "), "needed: unknown key; the keys here are"),
    "a given file that is not there": (("editions/helpers.py", "editions/none.py"), "given: helpers.py, which "),
    "a solution as a given file": (("editions/helpers.py", "solution/shapes.py"), "given: solution/shapes.py holds"),
    "a given file outside of the package": (('"helpers.py"', '"../helpers.py"'), "given: ../helpers.py, which "),
    "a renamed argument of no function": (
        ('renamed."shapes.area"', 'renamed."shapes.aera"'),
        "renamed: shapes.aera; did you mean shapes.area?",
    ),
    "a part that the standard library lacks": (
        ('"builtins.range"', '"builtins.rnge"'),
        "shims: past.builtins.xrange, which builtins.rnge is to answer; name a part",
    ),
    "an edition like one that is not there": (('title = "A', 'like = "1066"\ntitle = "A'), "like: there is no other"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_an_edition_is_told_with_its_place(old, fault):
    (before, after), sentence = FAULTS[fault]
    old.replace("editions/1999.toml", before, after)
    with pytest.raises(CourseError) as raised:
        choose_edition(old.manifest, "1999")
    assert sentence in str(raised.value)
    assert str(old.root / "editions/1999.toml") in str(raised.value)


def test_an_edition_has_what_the_one_that_it_is_like_has(old):
    old.write("editions/2000.toml", 'title = "2000"\nlike = "1999"\n\n[renamed."shapes.moments"]\nx = "data"\n')
    edition = choose_edition(old.manifest, "2000").edition
    assert (edition.title, len(edition.left_out), list(edition.given)) == ("2000", 2, ["helpers.py"])
    assert edition.renamed == {"shapes.area": {"height": "tall"}, "shapes.moments": {"x": "data"}}


def test_editions_that_are_like_each_other_are_a_fault(old):
    old.write("editions/2000.toml", 'title = "2000"\nlike = "1999"\n')
    old.replace("editions/1999.toml", "title =", 'like = "2000"\ntitle =')
    with pytest.raises(CourseError, match=r"2000\.toml: like: there is no other edition '1999'"):
        choose_edition(old.manifest, "1999")


@pytest.mark.parametrize("given, handed", [("helpers.py", "helpers.py/x.py"), ("tools/helpers.py", "tools")])
def test_a_given_file_takes_the_place_of_whatever_is_there(old, given, handed):
    (old.root / "handed/oldwork/helpers.py").unlink()
    old.write(f"handed/oldwork/{handed}", "a = 1\n")
    old.replace("editions/1999.toml", '"helpers.py"', f'"{given}"')
    old.replace("handed/oldwork/shapes.py", "oldwork.helpers", f"oldwork.{given[:-3].replace('/', '.')}")
    assert grade(old, "1999").score == 8


def test_an_edition_in_the_manifest_is_a_fault(toy):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + '\n[edition]\ntitle = "x"\n')
    with pytest.raises(CourseError, match="edition: is a file of its own; move"):
        load_manifest(toy.root / "assignment.toml")


def test_an_unknown_edition_raises(toy):
    with pytest.raises(UsageError, match="choose from none"):
        choose_edition(toy.manifest, "2022")


REAL = load_manifest(ROOT / "assignment.toml")


def grade_old(year: str, folder, **options) -> Record:
    """The record of a made submission to the course of that year."""
    source = write_submission(folder / "handed", year, **options)
    grade_submission(choose_edition(REAL, year), source, folder / "out.json", "record", secret_seeds=0, unsafe=True)
    return from_json((folder / "out.json").read_bytes())


def find_wrong(record: Record) -> dict[str, str]:
    return {check.short_id: check.message for check in record.checks if check.outcome != "passed"}


def test_every_year_that_there_is_an_edition_of_has_a_made_submission():
    assert sorted(file.stem for file in (ROOT / "editions").glob("*.toml")) == YEARS


@pytest.mark.slow
@pytest.mark.parametrize("head", ["", EDITORS], ids=["untouched", "with_what_editors_insert"])
@pytest.mark.parametrize("year", YEARS)
def test_a_made_submission_of_each_year_gets_all_points(tmp_path, year, head):
    record = grade_old(year, tmp_path, head=head)
    assert find_wrong(record) == {}
    assert (record.score, record.max_score, record.complete) == (100, 100, True)


COSTS = {"2019": 98.79, "2022": 98.53, "2023": 99.6, "2024": 99.6, "2025": 99.56}


@pytest.mark.slow
@pytest.mark.parametrize("year", YEARS)
def test_a_mistake_in_a_made_submission_costs_its_points(tmp_path, year):
    record = grade_old(year, tmp_path, wrong=MISTAKES[year])
    assert find_wrong(record)
    assert record.score == COSTS[year]


def test_dropout_of_2019_is_graded_in_a_moment(tmp_path, zygotes):
    """Its keep ratio has another name, its imports are absolute, and editors were there."""
    manifest = choose_edition(REAL, "2019")
    package = write_submission(tmp_path, "2019", EDITORS) / "cs231n"
    place_given(manifest, package)
    record = run.grade_package(manifest, package, Selection(["Q3"]), zygotes=zygotes, keep=True)
    assert find_wrong(record) == {}
    assert len(record.checks) == 17


def test_each_promise_that_an_edition_leaves_out_is_made_by_a_check_and_told_in_the_guide():
    guide = (ROOT / "docs/instructor-guide.md").read_text()
    made = list_promises(REAL)
    left_out = {
        word for year in YEARS for entry in choose_edition(REAL, year).edition.left_out for word in entry.promises
    }
    assert made == left_out == set(re.findall(r"^\| `(\w+)` \| ", guide.split("| Promise |")[1].split("\n\n")[0], re.M))


def test_the_given_fast_layers_do_what_the_reference_does():
    rng = np.random.RandomState(3)
    given = runpy.run_path(str(ROOT / "editions/given/fast_layers.py"))
    x, w, b, dout = rng.randn(2, 3, 7, 9), rng.randn(4, 3, 3, 5), rng.randn(4), rng.randn(2, 4, 4, 4)
    conv, pool = {"stride": 2, "pad": 1}, {"pool_height": 3, "pool_width": 3, "stride": 2}
    for name, arguments, gradient in (("conv", (x, w, b, conv), dout), ("max_pool", (x, pool), rng.randn(2, 3, 3, 4))):
        out, cache = given[f"{name}_forward_fast"](*arguments)
        expected, own = getattr(fast_layers, f"{name}_forward_fast")(*arguments)
        np.testing.assert_allclose(out, expected, rtol=1e-12)
        got, right = (
            given[f"{name}_backward_fast"](gradient, cache),
            getattr(fast_layers, f"{name}_backward_fast")(gradient, own),
        )
        for ours, theirs in zip(got, right, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
