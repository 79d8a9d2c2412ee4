"""What the reference has answered once is not asked again on the same seeds, and no verdict changes by it."""

import contextlib

import pytest

from grader.checks import follow_through
from grader.checks.choice import Selection
from grader.checks.context import RunContext
from grader.errors import Ending, WorkerCrashed
from grader.grading import run
from grader.recording.replay import ReferenceMemo
from grader.sandbox.parent.zygote_pool import ZygotePool
from tests.harness.test_class_grade import WRONG, comparable
from tests.harness.test_follow_through import AREA_OF_SMALL, VOLUME, solids  # noqa: F401  # a fixture

NEGATIVE = "def area(width, height):\n    return -width * height\n"
ASKING = '''

@points(1, "shapes.area")
def test_area_of_areas(student, reference, rng):
    """area is right for what area returned"""
    side = float(rng.uniform(1, 2))
    shapes = student.shapes.area(side, side)
    expect(student.shapes.area(shapes, 2.0), "area").to_match(reference.shapes.area(shapes, 2.0), rel=1e-12)
'''


@pytest.fixture
def packages(toy):
    """Packages of a course in which a check asks the reference about what the student answered."""
    toy.replace("assignment.toml", "points = 8", "points = 9")
    toy.replace("assignment.toml", "hidden_points = 2", "hidden_points = 3")
    file = toy.root / "checks/hidden/test_q1_rectangles.py"
    toy.write("checks/hidden/test_q1_rectangles.py", file.read_text() + ASKING)
    for name, code in {"wrong": WRONG, "negative": NEGATIVE}.items():
        toy.write(f"{name}/shapes.py", code)
    return toy


@pytest.fixture
def launched(monkeypatch):
    """The seeds with which a live reference was brought up."""
    seeds, launch = [], RunContext.launch_reference

    def counted(self, libraries, seed):
        seeds.append(seed)
        return launch(self, libraries, seed)

    monkeypatch.setattr(RunContext, "launch_reference", counted)
    return seeds


def grade(course, zygotes, package):
    selection = Selection(secret_seeds=["ab", "cd"], timing=False)
    return run.grade_package(course.manifest, course.root / package, selection, zygotes=zygotes)


def test_no_verdict_changes(packages):
    order = ["wrong", "solution", "negative"]
    with contextlib.closing(ZygotePool()) as zygotes:
        plain = {name: comparable(grade(packages, zygotes, name)) for name in order}
        zygotes.memo = ReferenceMemo()
        for name in [*order, *order[::-1]]:
            assert comparable(grade(packages, zygotes, name)) == plain[name], name


def test_reference_is_brought_up_only_for_what_is_new(packages, launched):
    with contextlib.closing(ZygotePool()) as zygotes:
        zygotes.memo = ReferenceMemo()
        grade(packages, zygotes, "solution")
        assert launched
        launched.clear()
        assert grade(packages, zygotes, "solution").score == 7
        assert launched == []
        grade(packages, zygotes, "negative")
        assert launched, "its answers are not those that the reference was asked about"


def test_memory_is_bounded(packages, launched, monkeypatch):
    monkeypatch.setattr("grader.recording.replay.MEMO_BYTES", 0)
    with contextlib.closing(ZygotePool()) as zygotes:
        plain = comparable(grade(packages, zygotes, "solution"))
        zygotes.memo = ReferenceMemo()
        assert all(comparable(grade(packages, zygotes, "solution")) == plain for _ in range(3))


def test_what_the_reference_calls_is_found_once(solids, monkeypatch):  # noqa: F811
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    asked, run_replaced = [], follow_through.run_replaced

    def counted(context, running, names):
        asked.append(names)
        return run_replaced(context, running, names)

    monkeypatch.setattr(follow_through, "run_replaced", counted)
    with contextlib.closing(ZygotePool()) as zygotes:
        record = grade(solids, zygotes, "student")
        assert None in asked and any("right given right shapes.area" in check.detail for check in record.checks)
        plain = comparable(record)
        zygotes.memo = ReferenceMemo()
        assert comparable(grade(solids, zygotes, "student")) == plain
        asked.clear()
        assert comparable(grade(solids, zygotes, "student")) == plain
        assert asked and None not in asked


def test_a_death_of_the_reference_is_no_answer_for_the_next_run(solids, monkeypatch):  # noqa: F811
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    run_replaced, died = follow_through.run_replaced, []

    def kill_once(context, running, names):
        if names is None and running.check.id not in died:
            died.append(running.check.id)
            return follow_through.Rerun(set(), [], WorkerCrashed("shapes.area", Ending.GONE))
        return run_replaced(context, running, names)

    with contextlib.closing(ZygotePool()) as zygotes:
        plain = comparable(grade(solids, zygotes, "student"))
        zygotes.memo = ReferenceMemo()
        monkeypatch.setattr(follow_through, "run_replaced", kill_once)
        grade(solids, zygotes, "student")
        assert died
        assert comparable(grade(solids, zygotes, "student")) == plain
