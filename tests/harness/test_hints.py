"""A student who makes a known mistake reads its sentence below the failure, and nobody else does."""

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from grader.checks import context as contexts
from grader.checks.choice import Selection
from grader.checks.context import RunContext
from grader.checks.misconceptions import Evidence
from grader.course import manifest as manifests
from grader.course.catalogue import Variant, copy_reference, load_catalogue, load_catalogues, plant
from grader.errors import Ending, OutOfTime, WorkerCrashed
from grader.grading import hints, run
from grader.grading.hints import Failures, FailureTable, Hints, save_table
from grader.grading.submission import read_failures, render_report
from grader.notebooks import checkfiles as cells
from grader.results import gradescope
from grader.results.record import from_json, to_json
from grader.results.summary import render_markdown
from grader.sandbox.parent.client import launch_worker
from tests.harness import naming

REAL = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
AREA, MOMENTS = "area_is_a_length", "moments_of_a_population"
SENTENCE = "Your areas equal widths plus heights. A sum of lengths is a length, not an area. See Rectangles: Area."


@pytest.fixture
def planted(toy):
    """Makes a package with these variants planted."""

    def make(*names):
        package = copy_reference(toy.manifest, toy.root / "student")
        for catalogue in load_catalogues(toy.manifest):
            for variant in catalogue.variants:
                if variant.id in names:
                    plant(variant, package)
        return package

    for file in sorted((toy.root / "student").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (toy.root / "student").rmdir()
    return make


def grade(toy, hints=None, **selection):
    hints = hints or Hints(toy.manifest)
    chosen = Selection(timing=False, **selection)
    return run.grade_package(toy.manifest, toy.root / "student", chosen, zygotes=toy.zygotes, keep=True, hints=hints)


def named(record):
    return {check.id: check.misconception.id for check in record.checks if check.misconception}


def test_a_class_reads_the_catalogue_of_a_question_only_once(toy, planted, monkeypatch):
    read = []

    def spy(manifest, name):
        read.append(name)
        return load_catalogue(manifest, name)

    monkeypatch.setattr(hints, "load_catalogue", spy)
    shared = Hints(toy.manifest)
    for mistakes in (["area_adds"], ["area_adds", "moments_divides_by_n_minus_1"], ["moments_divides_by_n_minus_1"]):
        shutil.rmtree(toy.root / "student", ignore_errors=True)
        planted(*mistakes)
        assert grade(toy, shared, seed=12345).checks
    assert read == ["Q1", "Q2"]


def test_a_known_mistake_is_named_once_where_it_is_found_first(toy, planted):
    planted("area_adds", "moments_divides_by_n_minus_1")
    found = grade(toy, seed=12345)
    assert named(found) == {"q1_rectangles/area[1]": AREA, "q2_moments/moments_variance": MOMENTS}
    assert from_json(to_json(found)).checks[0].misconception.section == "Rectangles: Area"


def test_the_same_idea_in_other_words_is_named(toy, planted):
    planted()
    toy.replace("student/shapes.py", "areas_of_rectangles = width * height", "areas_of_rectangles = -(-height - width)")
    assert named(grade(toy)) == {"q1_rectangles/area[1]": AREA}


@pytest.mark.parametrize(
    "code", ["width * height", "width * height * 2", "0 * width", "width", "None", "width[0]", "width / 0 * height"]
)
def test_any_other_answer_is_not(toy, planted, code):
    planted()
    toy.replace("student/shapes.py", "areas_of_rectangles = width * height", f"areas_of_rectangles = {code}")
    assert named(grade(toy)) == {}


def test_a_check_may_fail_by_words_of_pytest(toy, planted):
    planted("area_adds")
    words = 'if n == 2 and (student.shapes.area(*sides) == sum(sides)).all():\n        pytest.fail("a length")'
    toy.replace("checks/public/test_q1_rectangles.py", "    expect(", f"    {words}\n    expect(")
    found = grade(toy)
    assert found.checks[1].outcome == "failed" and found.checks[1].message.endswith("(Failed: a length)")
    assert named(found) == {"q1_rectangles/area[1]": AREA}
    sum_of_one = "width + height if len(width) == 1 else 1.5 * width"
    toy.replace("student/shapes.py", "width + height", sum_of_one)  # which fails the second check by a value
    assert named(grade(toy)) == {}


def test_a_mistake_that_only_hidden_checks_show_is_not_named(toy, planted):
    planted("area_adds")
    for n in range(1, 11):
        toy.replace("checks/mistakes/q1.toml", f'    "q1_rectangles/area[{n}]",\n', "")
    assert named(grade(toy)) == {}


def test_the_sentence_stands_below_the_failure_in_every_report(toy, planted, command):
    planted("area_adds")
    status, out, _ = command("check", "--json", "record.json")
    assert status == 1 and f"hint  {SENTENCE}" in " ".join(out.split()).replace("hint ", "hint  ")
    found = from_json((toy.root / "record.json").read_bytes())
    own = [check for check in found.checks if check.question == "Q1" and check.visibility == "public"]
    rows = json.loads(gradescope.render_results(found, toy.manifest))["tests"]
    assert [f"hint: {SENTENCE}" in row["output"] for row in rows[:2]] == [True, False]
    assert f"\nHint: {SENTENCE}\n" in render_markdown(found)
    judgement = cells.Judgement("q1_area", "Q1", own)
    assert f"      hint: {SENTENCE}" in cells.render_text(judgement).splitlines()
    assert f"hint: {SENTENCE}" in cells.render_html(judgement)


def test_no_hints_leaves_them_out(toy, planted, command):
    planted("area_adds")
    _, out, _ = command("check", "--no-hints")
    assert "hint" not in out


def demand(toy, when):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + f'\n[report]\nhints = "{when}"\n')


def test_never_means_never(toy, planted, command):
    planted("area_adds")
    demand(toy, "never")
    _, out, _ = command("check")
    assert "hint" not in out


def test_hints_wait_for_the_third_failure_and_begin_anew_after_success(toy, planted, command):
    planted("area_adds")
    demand(toy, "after 3 failures")
    shown = ["hint" in command("check", "-q", "Q1")[1] for _ in range(4)]
    toy.replace("student/shapes.py", "width + height", "width * height")
    command("check", "-q", "Q1")
    toy.replace("student/shapes.py", "width * height", "width + height")
    shown.append("hint" in command("check", "-q", "Q1")[1])
    assert shown == [False, False, True, True, False]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"shapes.area": "many"}', b"\xff"])
def test_a_count_that_cannot_be_read_begins_anew(toy, content):
    (toy.root / ".chainrule.json").write_bytes(content)
    assert not Failures.read(toy.manifest).counts


WRONG, RIGHT = "return width + height", "return width * height"
UNWRITTEN, RAISES = 'raise NotImplementedError("shapes.area")', "return undefined"
WRONG_IN_HIDDEN = "return width * height if len(width) and (width != height).any() else width + height"
SUBMISSIONS = [
    *[(UNWRITTEN, False)] * 3,
    *[(WRONG, False)] * 2,
    (RIGHT, False),
    *[(WRONG_IN_HIDDEN, False)] * 3,
    (WRONG, False),
    (UNWRITTEN, False),
    (RAISES, False),
    (None, False),
    (WRONG, True),
    (WRONG, True),
]


def test_gradescope_counts_submissions_as_check_counts_runs(toy):
    demand(toy, "after 3 failures")
    previous = []
    for day, (body, shown) in enumerate(SUBMISSIONS, 1):
        failures = Failures(read_failures({"previous_submissions": previous}))
        found = run.new_record(toy.manifest, "grade", "submission")  # of one that is refused, all there is
        if body is not None:
            toy.write("student/shapes.py", f"def area(width, height):\n    {body}\n")
            found = grade(toy, Hints(toy.manifest, failures), questions=["Q1"])
        results = json.loads(render_report(found, toy.manifest, "gradescope", failures))
        previous.insert(0, {"submission_time": f"2026-03-{day:02}T12:00:00Z", "results": results})
        assert bool(named(found)) is shown, day


@pytest.mark.parametrize(
    "entry",
    [
        {"results": None},
        {"results": {"extra_data": None}},
        {"results": {"extra_data": {}}},
        {"results": {"extra_data": {"failures": {"shapes.area": "3"}}}},
        {"results": {"extra_data": {"failures": {"shapes.area": 3}}}, "autograder_error": True},
        {"results": {"extra_data": {"failures": {"shapes.area": 3}, "rate_limited": True}}},
        {"results": {"extra_data": {"failures": {"shapes.area": 3}}}, "submission_time": "yesterday"},
        3,
    ],
)
def test_metadata_of_any_form_counts_nothing(entry):
    if isinstance(entry, dict):
        entry = {"submission_time": "2026-03-01T12:00:00Z"} | entry
    assert not read_failures({"previous_submissions": [entry]})


def test_a_broken_catalogue_ends_no_run(toy, planted):
    planted("area_adds")
    toy.write("checks/mistakes/q1.toml", "[[misconception]")
    assert [check.outcome for check in grade(toy).checks].count("failed") == 12


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), WorkerCrashed("shapes", Ending.GONE), OutOfTime()], ids=repr
)
def test_no_fault_at_a_variant_ends_a_run(toy, planted, monkeypatch, fault):
    planted("area_adds")

    def fail(*_):
        raise fault

    monkeypatch.setattr(hints.Runner, "_get_worker", fail)
    assert [check.outcome for check in grade(toy).checks].count("failed") == 12


def test_variants_are_planted_one_at_a_time_whatever_their_ids(toy, monkeypatch):
    """Two files may have one id, and what was planted before is gone, though one worker loads them all."""
    launched = []

    def launch(*given, **options):
        launched.append(launch_worker(*given, **options))
        return launched[-1]

    monkeypatch.setattr(contexts, "launch_worker", launch)
    ways = ["width + height", "width - height", "width"]
    planted = [Variant("same", "", "shapes.area", find="width * height", replace=way) for way in ways]
    planted.append(Variant("same", "", "shapes.moments", append="raise ValueError"))
    context = RunContext(toy.manifest, toy.root / "solution", toy.zygotes, keep=True)
    progress = run.Progress(run.new_record(toy.manifest, "check", "solution"), toy.manifest, None)
    closing = contextlib.closing
    with closing(context), closing(progress), closing(hints.Runner(context)) as runner:
        tried = run.run_checks(context, Selection(["Q1"], timing=False), progress).tried[0]
        launched.clear()
        found = [runner.find(one, tried) for one in planted + planted[:3]]
    assert len({one.digests for one in found[:4]}) == 4 and found[:3] == found[4:]
    assert len(launched) == 1


@pytest.mark.slow
@pytest.mark.parametrize("question", [question.id for question in REAL.questions])
def test_no_variant_gets_another_name_and_each_silence_has_a_reason(question, zygotes):
    judged = list(naming.judge(*naming.run_variants(REAL, question, naming.SEED, zygotes)))
    assert [(one.variant.id, said) for one, said in judged if said.startswith("wrong")] == []
    reasons = ("alike", "its answers are trivial", "no public check", "no check of its function")
    assert [said for _, said in judged if said != "right" and not said.startswith(reasons)] == []
    assert sum(said == "right" for _, said in judged) > 0.4 * len(judged)


def test_the_file_of_all_variants_is_small(tmp_path):
    table, draws = FailureTable(1, {}), np.random.RandomState(0)
    for one in (one for catalogue in load_catalogues(REAL) for one in catalogue.misconceptions):
        for variant in one.variants:
            checks = [check for check in variant.costs if not check.startswith("hidden/")]
            table.add(one, {check: Evidence((draws.bytes(6),), True) for check in checks})
    save_table(table, tmp_path / "misconceptions.npz")
    assert (tmp_path / "misconceptions.npz").stat().st_size < 150_000
