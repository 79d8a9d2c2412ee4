"""Students have no reference: its recorded answers judge them as the reference itself would, or say that they can't."""

import contextlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course.catalogue import copy_reference, load_catalogue, plant
from grader.course.manifest import Manifest
from grader.errors import CourseError, SandboxError
from grader.grading import run
from grader.recording import cassette
from grader.release import recorder as recording
from grader.results.record import CheckResult
from grader.sandbox.parent.zygote_pool import PlainProcesses, ZygotePool
from tests.harness import test_follow_through as solids
from tests.harness import test_own_forward as own_forward

ROOT = Path(__file__).parents[2]
ANSWERS = "checks/public/expected.npz"
MANIFEST = """
title = "Ways to use a reference"
points = 11

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[limits]
call_seconds = 1

[seeds]
secret = 1

[[questions]]
id = "Q1"
slug = "ways"
title = "Ways"
public_points = 11
functions = [
    "ways.scale", "ways.fill", "ways.Sum.add", "ways.centre", "ways.root", "ways.zero", "ways.step", "ways.quick"
]
"""
WAYS = """
import math


def scale(x):
    return 2 * x


def fill(box, n):
    box.extend(1.5 * i for i in range(n))


class Sum:
    def __init__(self):
        self.total = 0.0

    def add(self, x):
        self.total += x.sum()
        return self


def centre(x, notes):
    notes["mean"] = x.mean()
    return x - notes["mean"]


def root(x):
    if x < 0:
        raise ValueError("no root of what is negative")
    return math.sqrt(x)


def zero(a, b):
    return -b / a


def step(x):
    return x - 0.1 * x**2


quick = scale
"""
CHECKS = '''
import numpy as np
import pytest

from grader.checks import expect, points
from grader.errors import WorkerRaised


@points(1, "ways.scale")
def test_scale(student, reference, rng):
    """scale doubles"""
    x = rng.randn(3, 4)
    expect(student.ways.scale(x), "y").to_match(reference.ways.scale(x), rel=1e-9)


def filled(package, first):
    """What a library's object holds after the package had it in its hands."""
    box = package.library("collections").deque()
    box.append(first)
    package.ways.fill(box, 3)
    return list(box)


@points(1, "ways.fill")
def test_fill(student, reference, rng):
    """fill adds to a box"""
    first = float(rng.rand())
    expect(filled(student, first), "box").to_equal(filled(reference, first))


def total(package, xs):
    """What an instance knows after some calls."""
    adder = package.ways.Sum()
    for x in xs:
        adder.add(x)
    return adder.total


@points(1, "ways.Sum.add")
def test_add(student, reference, rng):
    """Sum adds up"""
    xs = rng.rand(2, 3)
    expect(total(student, xs), "total").to_match(total(reference, xs), rel=1e-9)


def centred(package, x):
    """What the call returned, and what it left in a dict."""
    notes = package.put({"mean": None})
    return package.ways.centre(x, notes), package.fetch(notes)["mean"]


@points(1, "ways.centre")
def test_centre(student, reference, rng):
    """centre takes the mean away and notes it"""
    x = rng.rand(5)
    expect(centred(student, x), "x mean").to_match(centred(reference, x), rel=1e-9)


def refusal(package):
    """The kind of exception that a negative number raises, and its words."""
    with pytest.raises(WorkerRaised) as told:
        package.ways.root(-1.0)
    return told.value.kind


@points(1, "ways.root")
def test_root(student, reference):
    """root refuses negative numbers"""
    expect(student.ways.root(9.0), "root").to_match(reference.ways.root(9.0), rel=1e-9)
    expect(refusal(student), "exception").to_equal(refusal(reference))


@points(1, "ways.zero")
def test_zero(student, reference, rng):
    """zero is where a library's polynomial has its root"""
    a, b = 1 + rng.rand(2)
    line = reference.library("numpy").poly1d(np.array([a, b]))
    expect(student.ways.zero(a, b), "zero").to_match(line.r[0], rel=1e-9)


@points(1, "ways.zero")
def test_value(student, reference, rng):
    """a library's polynomial, where the reference is, is zero there"""
    a, b = 1 + rng.rand(2)
    line = reference.library("numpy").poly1d(np.array([a, b]))
    expect(line(student.ways.zero(a, b)), "value there").to_lie_within(-1e-9, 1e-9)


@points(1, "ways.step")
def test_second_step(student, reference, rng):
    """step goes on from wherever the first one ended"""
    first = student.ways.step(rng.rand(3))
    expect(student.ways.step(first), "second").to_match(reference.ways.step(first), rel=1e-9)


@points(1, "ways.scale", timing=True)
def test_speed(student, race):
    """scale is as fast as the reference"""
    race(lambda package, rng: (package.ways.scale, (rng.rand(10),)), at_most=1000)


def prepare(name):
    """Gets a function ready for a race."""
    return lambda package, rng: (getattr(package.ways, name), (rng.rand(3000, 100),))


@points(2, "ways.quick", timing=True)
def test_quick(student, reference, rng, race):
    """quick is right, and as fast as scale"""
    expect(student.ways.quick(2.0), "y").to_match(reference.ways.quick(2.0), rel=1e-9)
    race(prepare("quick"), prepare("scale"), at_most=1.5)
'''


@dataclass
class Twins:
    """A course with its reference, and the copy students get, with recorded answers."""

    live: Path
    copy: Path
    zygotes: ZygotePool

    def grade(self, folder: Path, package: Path, **options) -> dict[str, CheckResult]:
        """The checks by the last part of their ids."""
        keep, debug = options.pop("keep", False), options.pop("debug", False)
        manifest, selection = manifests.load_manifest(folder / manifests.FILENAME), Selection(**options)
        self.last = run.grade_package(manifest, package, selection, zygotes=self.zygotes, keep=keep, debug=debug)
        return {check.id.rsplit("/", 1)[-1]: check for check in self.last.checks}

    def replayed(self, **options) -> dict[str, CheckResult]:
        """The student's package of the copy, judged by recorded answers."""
        return self.grade(self.copy, self.copy / "student", **options)

    def write(self, *changes: tuple[str, str]) -> None:
        """Makes the student's package the reference with some text replaced."""
        text = (self.live / "solution/ways.py").read_text()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.copy / "student/ways.py").write_text(text)


def write(file: Path, text: str) -> None:
    """Writes a file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def twins(live: Path, copy: Path, zygotes: ZygotePool) -> Twins:
    """Records a course's answers and makes the students' copy of it."""
    manifest = manifests.load_manifest(live / manifests.FILENAME)
    shutil.copytree(live, copy, ignore=shutil.ignore_patterns("solution", "hidden", "mistakes", "__pycache__"))
    recording.record(manifest, copy / ANSWERS, zygotes)
    return Twins(live, copy, zygotes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, zygotes) -> Path:
    """The course of ways beside the copy of it that students get."""
    folder = tmp_path_factory.mktemp("ways")
    for name, text in {
        "assignment.toml": MANIFEST,
        "solution/__init__.py": "",
        "solution/ways.py": WAYS,
        "student/__init__.py": "",
        "student/ways.py": WAYS,
        "checks/public/test_q1_ways.py": CHECKS,
    }.items():
        write(folder / "live" / name, text)
    twins(folder / "live", folder / "copy", zygotes)
    return folder


@pytest.fixture
def ways(recorded, tmp_path, zygotes) -> Twins:
    """The same, to be changed at will."""
    shutil.copytree(recorded, tmp_path / "ways")
    return Twins(tmp_path / "ways/live", tmp_path / "ways/copy", zygotes)


def outcomes(checks: dict[str, CheckResult]) -> dict[str, str]:
    return {name: check.outcome for name, check in checks.items()}


ALL_RIGHT = dict.fromkeys(["scale", "fill", "add", "centre", "root", "zero", "value", "second_step"], "passed")
ALL_RIGHT |= {"speed": "not_scored", "quick": "not_scored"}


@pytest.mark.parametrize("options", [{}, {"keep": True}, {"debug": True, "timing": False}], ids=str)
def test_right_package_earns_all_that_can_be_scored(ways, options):
    assert outcomes(ways.replayed(**options)).items() <= ALL_RIGHT.items()
    assert (ways.last.score, ways.last.max_score) == (8, 8)


def test_right_package_in_plain_processes(ways):
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        assert outcomes(Twins(ways.live, ways.copy, zygotes).replayed(timing=False)).items() <= ALL_RIGHT.items()


@pytest.mark.parametrize(
    "changes, wrong",
    [
        (
            [
                ("return 2 * x", "return 2.5 * x"),
                ("1.5 * i", "1.25 * i"),
                ("self.total += x.sum()", "self.total += x.mean()"),
                ('notes["mean"] = x.mean()', 'notes["mean"], notes = 0.0, {"mean": x.mean()}'),
                ("ValueError", "TypeError"),
                ("-b / a", "-a / b"),
            ],
            ["scale", "fill", "add", "centre", "root", "zero"],
        ),
        (
            [
                ("range(n)", "range(n + 1)"),
                ('return x - notes["mean"]', "return x"),
                ("return math.sqrt(x)", "return None"),
                ("return -b / a", "return 'nowhere'"),
            ],
            ["fill", "centre", "root", "zero"],
        ),
        (
            [
                ('return x - notes["mean"]', "return [x]"),
                ("return math.sqrt(x)", "raise NotImplementedError"),
                ("return self", "return self.nothing"),
            ],
            ["add", "centre", "root"],
        ),
    ],
    ids=["values", "kinds", "failures"],
)
def test_mistakes_are_judged_as_by_the_reference_itself(ways, changes, wrong):
    ways.write(*changes)
    replayed = ways.replayed(keyword="not value", keep=True, timing=False)
    live = ways.grade(ways.live, ways.copy / "student", keyword="not value", keep=True, timing=False)
    assert [name for name, outcome in outcomes(live).items() if outcome != "passed"] == wrong
    assert {name: (c.outcome, c.score, c.message) for name, c in replayed.items()} == {
        name: (c.outcome, c.score, c.message) for name, c in live.items()
    }


def test_questions_that_depend_on_the_student_are_scored_where_they_were_recorded_and_else_not(ways):
    assert [name for name, t in cassette.load_answers(ways.copy / ANSWERS).header.cassettes.items() if t.varies] == [
        "q1_ways/second_step",
        "q1_ways/value",
    ]
    ways.write(("0.1 * x**2", "0.2 * x**2"), ("-b / a", "-a / b"))
    found = ways.replayed(timing=False)
    for name in ("value", "second_step"):
        assert (found[name].outcome, found[name].points) == ("not_scored", 0)
        assert "depends on your answer" in found[name].message
    assert (ways.last.score, ways.last.max_score) == (5, 6)


def test_speed_is_reported_and_not_scored(ways):
    ways.write(("quick = scale", "def quick(x):\n    return sum([2 * x for _ in range(20)]) / 20"))
    found = ways.replayed()
    assert found["quick"].message.startswith("speed is not scored here, but it is when you hand in: took ")
    assert "times the CPU time of your own scale (allowed 1.5)" in found["quick"].message
    assert found["quick"].cpu_ratio > 1.5
    assert found["speed"].message.endswith("it is compared with the reference's, of which only answers are here")
    assert {(found[name].outcome, found[name].points, found[name].score) for name in ("speed", "quick")} == {
        ("not_scored", 0, 0)
    }
    (note,) = [note for note in ways.last.notes if note.kind == "not_scored"]
    assert note.text == "Scored when you hand in, since it takes the reference: 2 more checks, worth 3 points."


def test_answers_of_a_timed_check_are_judged_all_the_same(ways):
    ways.write(("quick = scale", "def quick(x):\n    return 3 * x"))
    assert (ways.replayed()["quick"].outcome, ways.last.max_score) == ("failed", 8)


@pytest.mark.parametrize(
    "body, outcome, words",
    [
        ("raise NotImplementedError", "not_attempted", "ways.scale is not written yet"),
        ("import time; time.sleep(9)", "not_scored", "ways.scale did not finish within 1 s"),
    ],
)
def test_timed_call_is_made_once_without_the_reference(ways, body, outcome, words):
    ways.write(("return 2 * x", body))
    found = ways.replayed(keyword="speed")["speed"]
    assert (found.outcome, found.points) == (outcome, 0) and words in found.message


def test_other_inputs_are_nobodys_loss_and_loud(ways):
    checks = ways.copy / "checks/public/test_q1_ways.py"
    checks.write_text(checks.read_text().replace("rng.randn(3, 4)", "rng.randn(4, 3)").replace("(9.0)", "(16.0)"))
    found = ways.replayed(timing=False)
    assert [name for name, check in found.items() if check.outcome == "grader_error"] == ["scale", "root"]
    assert (found["scale"].score, found["scale"].held) == (0, 1)
    assert found["scale"].message == (
        "the recorded answers do not belong to these checks (ways.scale was asked with other inputs); "
        "take them and the checks from the same download; its points are held, not lost"
    )
    assert any(
        note.text.startswith("test_q1_ways.py is not the file whose answers were recorded") for note in ways.last.notes
    )


def test_check_that_was_not_recorded(ways):
    checks = ways.copy / "checks/public/test_q1_ways.py"
    checks.write_text(checks.read_text().replace("def test_scale(", "def test_doubled("))
    found = ways.replayed(timing=False)["doubled"]
    assert found.outcome == "grader_error" and "(there are none to this check)" in found.message


def test_line_ends_make_no_other_file(ways):
    checks = ways.copy / "checks/public/test_q1_ways.py"
    checks.write_bytes(checks.read_bytes().replace(b"\n", b"\r\n"))
    ways.replayed(questions=["Q1"], keyword="scale", timing=False)
    assert ways.last.notes == []


@pytest.mark.parametrize("options", [{"seed": 5}, {"secret_seeds": ["a"]}], ids=str)
def test_other_seeds_need_the_reference(ways, options):
    with pytest.raises(CourseError, match="only the reference's answers for the seed 231 are here, not the reference"):
        ways.replayed(**options)


def test_missing_answers(ways):
    (ways.copy / ANSWERS).unlink()
    with pytest.raises(SandboxError, match=r"no reference in .*, and none of its answers in .*expected\.npz"):
        ways.replayed()


def other_version(file: Path) -> None:
    old = cassette.load_answers(file)
    cassette.save_answers(cassette.RecordedAnswers(msgspec.structs.replace(old.header, version=1), old.arrays), file)


def without_arrays(file: Path) -> None:
    content = dict(np.load(file))
    np.savez(file, header=content["header"])


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda file: file.write_bytes(b"nothing of the kind"), ""),
        (lambda file: file.write_bytes(file.read_bytes()[:900]), ""),
        (lambda file: file.write_bytes(file.read_bytes()[:300] + b"0" + file.read_bytes()[301:]), ""),
        (lambda file: np.save(file.open("wb"), np.zeros(3)), ""),
        (lambda file: file.write_bytes(b""), ""),
        (lambda file: np.savez(file, header=np.frombuffer(b"{}", np.uint8)), "missing required field"),
        (lambda file: np.savez(file, header=np.array([{}])), ""),
        (without_arrays, "f8"),
        (other_version, "it is of version 1, and this grader reads version 4"),
    ],
    ids=["no zip", "cut", "flipped", "no archive", "empty", "no header", "pickled", "no arrays", "version"],
)
def test_answers_that_cannot_be_read(ways, spoil, words):
    spoil(ways.copy / ANSWERS)
    with pytest.raises(CourseError) as told:
        ways.replayed()
    assert "expected.npz: the reference's recorded answers cannot be read" in str(told.value)
    assert "take this file once more from what you downloaded" in str(told.value) and words in str(told.value)


def test_reference_goes_before_its_recorded_answers(ways):
    shutil.copy(ways.copy / ANSWERS, ways.live / ANSWERS)
    ways.grade(ways.live, ways.live / "student", seed=5, timing=False)
    assert ways.last.score == 8


def test_same_answers_make_the_same_bytes(ways, tmp_path, zygotes):
    recording.record(manifests.load_manifest(ways.live / manifests.FILENAME), tmp_path / "again.npz", zygotes)
    assert (tmp_path / "again.npz").read_bytes() == (ways.copy / ANSWERS).read_bytes()


def test_file_holds_numbers_and_no_source(ways):
    with np.load(ways.copy / ANSWERS, allow_pickle=False) as members:
        content = {name: members[name] for name in members.files}
    assert {array.dtype.kind for array in content.values()} <= set("biuf")
    text = content["header"].tobytes().decode()
    lines = [line.strip() for line in (WAYS + CHECKS).splitlines() if len(line.strip()) > 12]
    assert not [line for line in lines if line in text] and "negative" in text


@pytest.mark.parametrize(
    "old, new, words",
    [
        (
            "return 2 * x",
            "return 2 * x + next(n)",
            "q1_ways/scale does not pass with the reference (failed: y: relative",
        ),
        ("return -b / a", "return b / a", "q1_ways/zero does not pass with the reference (failed: zero: relative"),
    ],
)
def test_nothing_is_recorded_that_does_not_pass(ways, tmp_path, old, new, words):
    solution = ways.live / "solution/ways.py"
    solution.write_text("import itertools\n\nn = itertools.count()\n" + solution.read_text().replace(old, new))
    with pytest.raises(CourseError) as told:
        recording.record(manifests.load_manifest(ways.live / manifests.FILENAME), tmp_path / "none.npz", ways.zygotes)
    assert words in str(told.value) and not (tmp_path / "none.npz").exists()


def test_a_check_that_may_fail_by_words_of_pytest_is_recorded(ways, tmp_path):
    checks = ways.live / "checks/public/test_q1_ways.py"
    claim = 'expect(student.ways.scale(x), "y").to_match(reference.ways.scale(x), rel=1e-9)'
    words = '(student.ways.scale(x) == reference.ways.scale(x)).all() or pytest.fail("not twice as much")'
    checks.write_text(checks.read_text().replace(claim, words))
    again = twins(ways.live, tmp_path / "again", ways.zygotes)
    again.write(("return 2 * x", "return 2.5 * x"))
    assert again.replayed(keyword="scale")["scale"].message.endswith("(Failed: not twice as much)")


def test_without_a_reference_nothing_is_recorded(ways, tmp_path):
    manifest = manifests.load_manifest(ways.copy / manifests.FILENAME)
    with pytest.raises(CourseError, match="solution is not there, and this needs the reference"):
        recording.record(manifest, tmp_path / "none.npz", ways.zygotes)


@pytest.fixture(scope="module")
def built(tmp_path_factory, zygotes) -> Twins:
    """A course in which one function calls another, and its copy."""
    folder = tmp_path_factory.mktemp("solids")
    for name, text in {
        "assignment.toml": solids.MANIFEST,
        "solution/__init__.py": "",
        "solution/shapes.py": f"{solids.AREA}\n\n{solids.VOLUME}",
        "student/__init__.py": "",
        "checks/public/test_q1_solids.py": solids.CHECKS.replace("rel=1e-9", "rel=1e-7"),
    }.items():
        write(folder / "live" / name, text)
    return twins(folder / "live", folder / "copy", zygotes)


@pytest.mark.parametrize(
    "package, outcome",
    [
        (f"{solids.AREA_OF_SMALL}\n\n{solids.VOLUME}", "passed"),
        (f"{solids.AREA_OF_SMALL}\n\ndef volume(a, b, c):\n    return c * area(a * (1 + 1e-9), b)\n", "passed"),
        (f"{solids.AREA_OF_SMALL}\n\ndef volume(a, b, c):\n    return c * area(a + 1e-3, b)\n", "failed"),
        (f"{solids.AREA_OF_SMALL}\n\ndef volume(a, b, c):\n    return area(a, b) + c\n", "failed"),
        (f"def area(a, b):\n    return a + b\n\n\n{solids.VOLUME}", "failed"),
        (solids.UNWRITTEN_VOLUME, "failed"),
        (solids.ASKS_FOR_MORE, "failed"),
    ],
)
def test_what_builds_on_slips_is_judged_given_the_recorded_functions(built, tmp_path, package, outcome):
    shutil.copytree(built.copy, tmp_path / "copy")
    student = tmp_path / "copy/student"
    (student / "shapes.py").write_text(package)
    assert built.grade(tmp_path / "copy", student)["volume"].outcome == outcome
    assert built.grade(built.live, student)["volume"].outcome == outcome


@pytest.fixture(scope="module")
def layered(tmp_path_factory, zygotes) -> Twins:
    """A course of a layer with several passes, whose net calls some of them, and its copy."""
    folder = tmp_path_factory.mktemp("layered")
    package = {"__init__.py": "", "layers.py": solids.LAYERS, "net.py": solids.NET}
    files = {f"{place}/{name}": text for place in ("solution", "student") for name, text in package.items()}
    files |= {"assignment.toml": solids.LAYER_MANIFEST, "checks/public/test_q1_cubes.py": solids.LAYER_CHECKS}
    for name, text in files.items():
        write(folder / "live" / name, text)
    return twins(folder / "live", folder / "copy", zygotes)


@pytest.mark.parametrize(
    "forward, backward", [("cube_forward", "cube_backward"), ("fast_cube_forward", "fast_cube_backward")]
)
def test_other_passes_of_a_layer_have_the_recorded_answers(layered, tmp_path, forward, backward):
    shutil.copytree(layered.copy, tmp_path / "copy")
    student = tmp_path / "copy/student"
    off = "x.max() > 5 and 1.0"
    layers = solids.LAYERS.replace("return x**3,", f"return x**3 + ({off}),")
    layers = layers.replace("x * x * x,", f"x * x * x + ({off}),")
    (student / "layers.py").write_text(layers)
    net = solids.NET.replace("= cube_forward", f"= {forward}").replace("cube_backward_alt(2", f"{backward}(2")
    (student / "net.py").write_text(net)
    for root in (tmp_path / "copy", layered.live):
        found = layered.grade(root, student)["net"]
        assert (found.outcome, backward in found.detail) == ("passed", True)


@pytest.fixture(scope="module")
def passes(tmp_path_factory, zygotes) -> Twins:
    """A course of layers whose backward passes are judged by the own forward pass too, and its copy."""
    folder = tmp_path_factory.mktemp("passes")
    files = {f"{place}/layers.py": own_forward.LAYERS for place in ("solution", "student")}
    files |= {f"{place}/__init__.py": "" for place in ("solution", "student")}
    files |= {"assignment.toml": own_forward.MANIFEST, "checks/public/test_q1_passes.py": own_forward.CHECKS}
    for name, text in files.items():
        write(folder / "live" / name, text)
    return twins(folder / "live", folder / "copy", zygotes)


@pytest.mark.parametrize("changes, outcome", [({}, "passed"), (own_forward.TRIVIAL["one by one"], "failed")])
def test_gradients_of_the_own_forward_pass_are_judged_without_the_reference(passes, tmp_path, changes, outcome):
    shutil.copytree(passes.copy, tmp_path / "copy")
    student, layers = tmp_path / "copy/student", own_forward.LAYERS
    trivial = changes and changes[0] | {own_forward.DX: changes[1], own_forward.DW: changes[2]}
    for old, new in (trivial or own_forward.SQUARE).items():
        layers = layers.replace(old, new)
    (student / "layers.py").write_text(layers)
    for root in (tmp_path / "copy", passes.live):
        found = passes.grade(root, student)
        assert (found["forward"].outcome, found["dx"].outcome) == ("failed", outcome)
    copied, live = (passes.grade(root, student)["dx"].detail for root in (tmp_path / "copy", passes.live))
    assert copied == live


def test_commands_of_a_student(toy, command):
    recording.record(toy.manifest, toy.root / ANSWERS, toy.zygotes)
    shutil.copy(toy.root / "solution/shapes.py", toy.root / "student/shapes.py")
    for folder in ("solution", "checks/hidden"):
        shutil.rmtree(toy.root / folder)
    status, out, _ = command("check")
    assert (status, "Total: 3 of 3 points; all 12 checks passed" in out) == (0, True)
    assert "12 of 1" not in out and "not scored" not in out
    assert "Scored when you hand in, since it takes the reference: 1 more check, worth 2 points." in out
    for words, refusal in {
        "check --seed 5": "only the reference's answers for the seed 7 are here, not the reference itself;",
        "grade student": f"{toy.root / 'solution'} is not there, and this needs the reference;",
    }.items():
        status, _, err = command(*words.split())
        assert status == 2
        assert err.startswith(f"cannot run: {refusal}")


def test_fingerprints_know_a_request_again_and_no_other():
    def of(value):
        return cassette.fingerprint_array(np.asarray(value))

    x = np.random.RandomState(1).randn(40, 3)
    assert cassette.agree(of(x), of(x * (1 + 1e-14)), 1e-9)
    assert cassette.agree(of(x), of(x.astype(">f8")), 1e-9)
    swapped, slight = x.copy(), x.copy()
    swapped[[3, 7]], slight[39, 2] = x[[7, 3]], x[39, 2] + 1e-6
    others = [swapped, slight, -x, x[:39], x.reshape(3, 40), np.where(x > 2, np.nan, x), x.astype(int), 0 * x]
    assert not any(cassette.agree(of(x), of(other), 1e-9) for other in others)
    assert cassette.agree(of(0 * x), of(0 * x), 1e-9) and cassette.agree(of([]), of([]), 1e-9)
    assert (
        cassette.agree(0.1 + 0.2, 0.3, 1e-9)
        and not cassette.agree(1, True, 1e-9)
        and not cassette.agree(2**31, 2**31 + 1, 1)
    )


def compare(live: Manifest, copy: Manifest, package: Path, questions: list[str], zygotes: ZygotePool) -> list[tuple]:
    """The checks on which recorded and live reference differ; speed is left out."""
    found = []
    for manifest in (live, copy):
        selection = Selection(questions, timing=False)
        result = run.grade_package(manifest, package, selection, zygotes=zygotes, keep=True)
        found.append({(c.id, c.outcome, c.score, c.message) for c in result.checks if c.visibility == "public"})
    return sorted(found[0] ^ found[1])


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Manifest:
    """The course in a folder of its own, without hidden checks, and with weights for the challenge."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("assignment.toml", "tests/public", "reference", "student"):
        source = ROOT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("datasets", "__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return manifests.load_manifest(folder / manifests.FILENAME)


def weights_for_the_challenge(package: Path) -> None:
    """Saves the weights of an untrained network, which any challenge accepts."""
    code = f"import sys; sys.path.insert(0, {str(package.parent)!r}); from {package.name}.challenge import *; "
    subprocess.run([sys.executable, "-c", f"{code}save_model(build_model())"], check=True)


@pytest.mark.parametrize("questions", [["Q3"], pytest.param([], marks=pytest.mark.slow, id="all")])
def test_the_course_is_judged_alike(course, tmp_path, zygotes, questions):
    if not questions:
        weights_for_the_challenge(course.path("reference"))
    copy = msgspec.structs.replace(course, root=tmp_path / "copy")
    for folder in ("public", "student"):
        shutil.copytree(course.path(folder), copy.path(folder))
    recording.record(course, copy.path("public") / cassette.FILENAME, zygotes, questions)
    assert copy.path("public").joinpath(cassette.FILENAME).stat().st_size < 3_000_000
    stubs = run.grade_package(copy, copy.path("student"), Selection(questions), zygotes=zygotes, keep=True)
    assert (stubs.score, {c.outcome for c in stubs.checks} <= {"not_attempted", "blocked"}) == (0, True)
    right = copy_reference(course, tmp_path / "right/student")
    result = run.grade_package(copy, right, Selection(questions), zygotes=zygotes, keep=True)
    assert result.score == result.max_score > 0
    wrong = copy_reference(course, tmp_path / "wrong/student")
    whole = manifests.load_manifest(ROOT / manifests.FILENAME)
    known = {v.id: v for q in course.questions for v in load_catalogue(whole, q.id).variants}
    for name in course.demo:
        plant(known[name], wrong)
    assert compare(course, copy, wrong, questions, zygotes) == []


def test_an_array_that_several_requests_get_is_held_once(recorded):
    arrays = cassette.load_answers(recorded / "copy" / ANSWERS).arrays
    assert len({(array.dtype.str, array.shape, array.tobytes()) for array in arrays}) == len(arrays)


def test_a_check_may_change_an_answer_that_it_gets_again(toy):
    once = "        mean, _ = reference.shapes.moments(x)\n        assert abs(mean).max() < 9\n        mean += 1e6\n"
    x = "    x = rng.randn(6, 3)\n"
    file = toy.root / "checks/public/test_q2_moments.py"
    file.write_text(file.read_text().replace(x, x + "    for _ in range(2):\n" + once, 1))
    recording.record(toy.manifest, toy.root / ANSWERS, toy.zygotes)
    shutil.rmtree(toy.root / "solution")
    result = run.grade_package(toy.manifest, toy.root / "student", Selection(["Q2"], timing=False), zygotes=toy.zygotes)
    assert {check.outcome for check in result.checks} & {"grader_error"} == set()
