"""Who is to blame for what a check raised: the answer, what it needs, the grader, or nobody; what becomes of points."""

import json
import shutil
import time
from itertools import permutations
from types import SimpleNamespace

import pytest

from grader.checks import bookkeeping, messages, verdict
from grader.checks.bookkeeping import FunctionScores, KnownFaults, Timeouts
from grader.checks.choice import Selection
from grader.checks.collect import PointsMark, RunningCheck
from grader.checks.expect import Mismatch
from grader.checks.judge import Judge
from grader.checks.verdict import Case, decide
from grader.course.schema import LimitsTable
from grader.errors import (
    Ending,
    NotScored,
    OutOfTime,
    SandboxError,
    StackFrame,
    Unrecorded,
    WorkerCrashed,
    WorkerRaised,
    WorkerTimeout,
)
from grader.grading import run
from grader.grading import submission as grading
from grader.limits import CPU_LOOK_SECONDS
from grader.recording.replay import CallForwarder
from grader.results.record import CheckResult, Outcome
from grader.sandbox.parent.zygote_pool import PlainProcesses, ZygotePool
from grader.sandbox.wire import Encoder

MANIFEST = """
title = "Layers and a net"
points = {points}

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[limits]
call_seconds = {call_seconds}
run_seconds = {run_seconds}
wall_seconds = {wall_seconds}

[seeds]
public = 7
secret = 0

[[scales]]
name = "hits"
title = "Share of hits"
steps = [[0.5, 1]]

[[questions]]
id = "Q1"
slug = "net"
title = "Net"
public_points = {points}
functions = ["layers.double", "layers.square", "nets.Net.loss"]
"""
LAYERS = "import time\n\nimport numpy as np\n\n\ndef double(x):\n    {double}\n\n\ndef square(x):\n    {square}\n"
UTILS = "from .layers import double, square\n\n\ndef square_of_double(x):\n    return square(double(x))\n"
NET = """
from .utils import square_of_double


class Net:
    def loss(self, x):
        {loss}
"""
IMPORTS = "import numpy as np\n\nfrom grader.checks import expect, points\n"


def one_check(lines: str, fixtures: str = "student, reference, rng", function: str = "layers.double") -> str:
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    return f'{IMPORTS}\n\n@points(1, "{function}")\ndef test_it({fixtures}):\n    """it is right"""\n{body}\n'


@pytest.fixture
def course(toy):
    """Writes a course of the checks a test gives; its package is right until the test changes it."""
    for file in toy.root.rglob("*.py"):
        file.unlink()

    def lay_out(checks: str, call_seconds: float = 5, run_seconds: float = 600, wall_seconds: float = 600):
        seconds = {"call_seconds": call_seconds, "run_seconds": run_seconds, "wall_seconds": wall_seconds}
        text = MANIFEST.format(points=checks.count("@points"), **seconds)
        toy.write("assignment.toml", text)
        toy.write("checks/public/test_q1_net.py", checks)
        for folder in ("solution", "student"):
            toy.write(f"{folder}/__init__.py", "")
            write(toy, folder)
        return toy

    return lay_out


def write(course, folder="student", double="return 2 * x", square="return x**2", loss="return square_of_double(x)"):
    course.write(f"{folder}/layers.py", LAYERS.format(double=double, square=square))
    course.write(f"{folder}/utils.py", UTILS)
    course.write(f"{folder}/nets.py", NET.format(loss=loss))


def only(course, **options) -> CheckResult:
    (check,) = course.grade(**options).checks
    return check


# who is to blame for an answer that cannot be judged

ODD = 'y = student.layers.double(rng.rand(3))\nexpect(y.reshape(3), "y").to_be(bool(y[0] > 100), "is too small")'


def test_an_odd_answer_is_wrong_where_the_reference_is_judged_and_not_perfect(course):
    """The reference is judged in the student's place, if only to fall short: so an answer can be judged here."""
    toy = course(one_check(ODD))
    assert only(toy, package="solution").outcome == "failed"
    write(toy, double="return 'text'")
    check = only(toy)
    assert (check.outcome, check.score, check.held) == ("failed", 0, 0)
    assert check.message.startswith("the answer of layers.double cannot be used (AttributeError")


def test_an_odd_answer_holds_the_points_where_the_reference_cannot_be_judged_either(course):
    toy = course(one_check("student.layers.double(rng.rand(3)).nothing"))
    check = only(toy)
    assert (check.outcome, check.score, check.held) == ("grader_error", 0, 1)
    assert check.message == "the grader made an error here, so its points are held, not lost; please tell the staff"
    assert "nothing" in check.detail


SLOW = "time.sleep(6)\n    return 2 * x"


def test_the_end_of_the_run_decides_nothing_about_an_odd_answer(course):
    """The run's time ends while the reference is looked at, which goes on in the reserve."""
    toy = course(one_check(ODD), wall_seconds=6)
    write(toy, "solution", double=SLOW.replace("6", "7"))
    write(toy, double="return 'text'")
    check = only(toy)
    assert (check.outcome, check.score, check.held) == ("failed", 0, 0)


def test_an_odd_answer_whose_look_outlasts_the_reserve_is_not_run(course, monkeypatch):
    monkeypatch.setattr(bookkeeping, "CONTROL_SECONDS", 0.1)
    toy = course(one_check(ODD), wall_seconds=5)
    write(toy, "solution", double=SLOW)
    write(toy, double="return 'text'")
    check = only(toy)
    assert (check.outcome, check.score, check.held, check.message) == ("timeout", 0, 0, messages.NOT_RUN.full)


@pytest.mark.parametrize("slow", ["solution", "student"])
def test_what_the_runs_clock_cuts_off_is_not_run(course, slow):
    lines = 'expect(reference.layers.double(1.0), "y").to_match(student.layers.double(1.0), rel=1)'
    toy = course(one_check(lines), call_seconds=60, wall_seconds=3)
    write(toy, slow, double=SLOW)
    check = only(toy)
    assert (check.outcome, check.score, check.held, check.message) == ("timeout", 0, 0, messages.NOT_RUN.full)


def test_a_reference_that_takes_too_long_with_time_left_is_the_graders_error(course, monkeypatch):
    monkeypatch.setattr(bookkeeping, "REFERENCE_SECONDS", 1.0)
    toy = course(one_check("student.layers.double(1.0)\nreference.layers.double(1.0)"))
    write(toy, "solution", double=SLOW)
    check = only(toy)
    assert (check.outcome, check.score, check.held) == ("grader_error", 0, 1)
    assert "layers.double: seconds until the deadline 1" in check.detail


def test_a_reference_that_cannot_be_loaded_is_the_graders_error(course):
    """Also where only the control run asks for it."""
    toy = course(one_check("student.layers.double(1.0).nothing", "student"))
    toy.write("solution/__init__.py", "1 / 0\n")
    check = only(toy)
    assert (check.outcome, check.held) == ("grader_error", 1)


# a control run leaves no trace

HITS = 'hits = student.layers.double(0.4)\nscale("hits", 0.0 + hits)'


def test_what_the_reference_measures_is_not_the_students(course):
    toy = course(one_check(HITS, "student, scale"))
    write(toy, double="return 'text'")
    found = toy.grade()
    assert (found.checks[0].outcome, found.checks[0].score) == ("failed", 0)
    assert found.leaderboard == [] and found.checks[0].standing is None


def test_a_check_that_goes_wrong_after_measuring_puts_nothing_on_the_leaderboard(course):
    toy = course(one_check(f"{HITS}\n1 / 0", "student, scale"))
    found = toy.grade()
    assert (found.checks[0].outcome, found.score, found.held) == ("grader_error", 0, 1)
    assert found.leaderboard == []


BEHIND_GIVEN_CODE = {
    "a constructor": ("nets.Net.__init__", "nets.Net"),
    "what given code calls": ("nets.build", "nets.load"),
}


@pytest.mark.parametrize("judged, called", BEHIND_GIVEN_CODE.values(), ids=BEHIND_GIVEN_CODE)
def test_what_is_written_in_part_is_judged_where_the_check_need_not_call_it_by_name(judged, called):
    faults = KnownFaults(frozenset({judged, "layers.double"}), stubs={judged: "layers.py, line 1"})
    case = Case((judged,), faults, called=called, asked=called, callees=frozenset({called}))
    found = decide(Mismatch("half of it is right", earned=0.5), case)
    assert (found.outcome, found.earned) == (Outcome.FAILED, 0.5)


def test_a_decision_changes_nothing():
    faults = KnownFaults(frozenset({"layers.double"}))
    error = WorkerRaised("layers.double", "boom", [StackFrame("layers.py", 3, "layers.double", "x @ x")], "ValueError")
    case = Case(("layers.double",), faults)
    assert decide(error, case) == decide(error, case)
    assert faults == KnownFaults(frozenset({"layers.double"}))


CASES = [
    (OutOfTime(), None, "timeout"),
    (NotScored("later"), None, "not_scored"),
    (Unrecorded("other checks"), True, "grader_error"),
    (Mismatch("y: wrong"), None, "failed"),
    (ZeroDivisionError(), True, "failed"),
    (ZeroDivisionError(), False, "grader_error"),
    (ZeroDivisionError(), None, "grader_error"),
    (WorkerTimeout("f", Ending.LATE, 2), None, "timeout"),
    (WorkerCrashed("f", Ending.EXITED, 3), None, "crashed"),
]


@pytest.mark.parametrize("error, judged, outcome", CASES)
def test_decision(error, judged, outcome):
    case = Case(("f",), KnownFaults(), reference_is_judged=judged)
    assert decide(error, case).outcome == outcome


# what the judged function needs

CHECKS = {
    "layers": """

@points(1, "layers.double")
def test_double(student, reference, rng):
    \"\"\"double doubles\"\"\"
    x = rng.rand(4, 3)
    expect(student.layers.double(x), "y").to_match(reference.layers.double(x), rel=1e-9)


@points(1, "layers.square")
def test_square(student, reference, rng):
    \"\"\"square squares\"\"\"
    x = rng.rand(4, 3)
    expect(student.layers.square(x), "y").to_match(reference.layers.square(x), rel=1e-9)
""",
    "net": """

@points(1, "nets.Net.loss")
def test_loss(student, reference, rng):
    \"\"\"the loss is right\"\"\"
    x = rng.rand(4, 3)
    expect(student.nets.Net().loss(x), "loss").to_match(reference.nets.Net().loss(x), rel=1e-9)
""",
}
ORDERS = {"layers first": ("layers", "net"), "net first": ("net", "layers"), "net alone": ("net",)}


def built(course, order: str):
    return course(IMPORTS + "".join(CHECKS[part] for part in ORDERS[order]))


METHODS = {
    "outside of its class": ("def loss(self, x):\n    return x\n", 9, "outside of Net"),
    "in another method": (
        "    def make(self):\n        def loss(self, x):\n            return x\n",
        10,
        "inside of Net.make",
    ),
    "in another class": ("class Other:\n    def loss(self, x):\n        return x\n", 0, ""),
}


@pytest.mark.parametrize("text, line, where", METHODS.values(), ids=METHODS)
def test_a_method_that_is_not_in_its_place_is_looked_for(course, text, line, where):
    toy = built(course, "net alone")
    toy.write("student/nets.py", f"import numpy\n\n\nclass Net:\n    def __init__(self):\n        pass\n\n\n{text}")
    check = toy.outcomes()["loss"]
    place = f": it stands in nets.py, line {line}, {where}; is it indented as it should be?"
    assert check.message == f"nets.Net.loss is not there{place if line else '; was it renamed or removed?'}"


def test_what_a_library_does_not_implement_is_no_stub(course):
    toy = built(course, "net alone")
    toy.write("student/nets.py", "import logging\n\n\nclass Net(logging.Handler):\n    loss = logging.Handler.emit\n")
    check = toy.outcomes()["loss"]
    assert check.outcome == "failed"
    assert "raised NotImplementedError: emit must be implemented by Handler subclasses" in check.message


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_a_net_whose_layer_raises_below_given_code_is_blocked(course, order, keep):
    toy = built(course, order)
    write(toy, square="raise ValueError('boom')")
    check = toy.outcomes(keep=keep)["loss"]
    assert check.outcome == "blocked"
    assert check.message.startswith("cannot be judged: it needs layers.square, and square raised ValueError: boom ")


def test_a_hidden_check_names_what_fails_in_its_own_checks(course):
    toy = course(IMPORTS + CHECKS["layers"])
    write(toy, square="raise ValueError('boom')")
    toy.write("checks/hidden/test_q1_net.py", IMPORTS + CHECKS["net"])
    text = (toy.root / "assignment.toml").read_text()
    toy.write("assignment.toml", text.replace("public_points = 2", "public_points = 2\nhidden_points = 1"))
    toy.replace("assignment.toml", "\npoints = 2", "\npoints = 3")
    check = toy.outcomes()["loss"]
    assert check.message == "cannot be judged: it needs layers.square, which fails in its own checks"
    assert check.needs == "layers.square"
    write(toy, square="return x**2 if x.max() < 1 else x.nothing")
    check = toy.outcomes()["loss"]
    assert check.message == "cannot be judged: it needs something of yours, and nets.Net.loss raised an exception"
    assert check.needs == "", "the worker has said which one"


@pytest.mark.parametrize("order", ORDERS)
def test_a_layer_that_raises_only_for_a_right_net_blocks_it(course, order):
    """It passes its own check, but the net passes with the reference's layer."""
    toy = built(course, order)
    write(toy, square="return x**2 if x.max() < 1 else x.nothing")
    checks = toy.outcomes()
    assert checks["loss"].outcome == "blocked"
    assert "it needs layers.square, " in checks["loss"].message
    assert order == "net alone" or checks["square"].outcome == "passed"


@pytest.mark.parametrize("order", ORDERS)
def test_a_layer_that_raises_for_the_net_only_is_called_with_what_it_cannot_take(course, order):
    toy = built(course, order)
    for folder in ("solution", "student"):
        write(toy, folder, square="return x**2 + np.zeros((4, 3))")
    write(toy, square="return np.zeros((4, 3)) + x**2", loss="return square_of_double(x[:, :2])")
    checks = toy.outcomes()
    assert order == "net alone" or checks["square"].outcome == "passed"
    assert checks["loss"].outcome == "failed"
    assert checks["loss"].message.startswith("loss raised ValueError: operands could not be broadcast")


@pytest.mark.parametrize("order", ["layers first", "net first"])
def test_a_layer_that_is_wrong_and_raises_for_the_net_is_to_blame(course, order):
    """It does not raise in its own check, but earns nothing there."""
    toy = built(course, order)
    write(
        toy, square="return np.ones((4, 3)) @ x.T if x.sum() > 12 else x", loss="return square_of_double(x + 100)[0, 9]"
    )
    checks = toy.outcomes()
    assert (checks["square"].outcome, checks["loss"].outcome) == ("failed", "failed")
    write(toy, square="return x if x.max() < 3 else x.nothing", loss="return square_of_double(x + 100)")
    checks = toy.outcomes()
    assert (checks["square"].outcome, checks["loss"].outcome) == ("failed", "blocked")
    assert "it needs layers.square, " in checks["loss"].message


@pytest.mark.parametrize("order", ["layers first", "net first"])
def test_a_layer_that_is_right_and_stricter_than_the_references_is_not_to_blame(course, order):
    toy = built(course, order)
    write(toy, square="return np.zeros((4, 3)) + x**2", loss="return square_of_double(x[:, :2])")
    assert toy.outcomes()["loss"].outcome == "failed"


def test_deep_recursion_in_a_layers_helper_does_not_hide_the_layer(course):
    toy = built(course, "layers first")
    write(toy, square="return again(x)\n\n\ndef again(x):\n    return again(x)")
    assert toy.outcomes()["loss"].outcome == "blocked"


# clocks, names, points

NAMES = ["/", "..", "a..", "", "\0", "a/../..", "layers", "nets.Net", "x" * 5000]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_that_a_submission_chose_leads_to_a_file(name, tmp_path, monkeypatch):
    own = Timeouts(LimitsTable(), {"layers"})
    for _ in range(9):
        own.count_timeout(WorkerTimeout(name, Ending.LATE, 2))
    monkeypatch.chdir(tmp_path)
    assert own.for_call(name) == (0.0 if name == "layers" else bookkeeping.SHORTEST_SECONDS)


def test_a_run_that_waits_for_a_core_has_its_time_left():
    """Its clock is stood in for: of 100 s of wall clock, the host gave it 2 s of CPU."""
    limits, begun = LimitsTable(run_seconds=10, wall_seconds=1000), time.monotonic() - 100
    assert Timeouts(limits, _started=begun, _spent=lambda: 2.0).for_call("layers.double") == limits.call_seconds


def test_a_run_that_has_used_its_cpu_time_or_sleeps_for_ever_is_over():
    limits, begun = LimitsTable(run_seconds=10, wall_seconds=1000), time.monotonic() - 100
    with pytest.raises(OutOfTime):
        Timeouts(limits, _started=begun, _spent=lambda: 10.5).require_time()
    with pytest.raises(OutOfTime):
        Timeouts(limits, _started=begun - 900, _spent=lambda: 0.1).require_time()


def test_the_reserve_of_a_control_run_gives_nothing_to_what_comes_after_it():
    own = Timeouts(LimitsTable(run_seconds=10), _started=time.monotonic() - 100, _spent=lambda: 10.5)
    with own.with_reserve():
        own.require_time()
    with pytest.raises(OutOfTime):
        time.sleep(CPU_LOOK_SECONDS)
        own.require_time()


def test_nobody_asks_for_the_cpu_time_before_it_can_have_been_used_up():
    """To ask is a round trip to each zygote, and every request would ask."""
    asked = []
    own = Timeouts(LimitsTable(run_seconds=1000), _spent=lambda: asked.append("") or 0.0)
    for _ in range(100):
        own.require_time()
    assert not asked


SLEEPS, BURNS = "time.sleep(0.7)\n    return 2 * x", "while time.process_time() < 0.7: pass\n    return 2 * x"
CALLS = 'expect(student.layers.double(1.0), "y").to_match(reference.layers.double(1.0), rel=1)'


@pytest.mark.parametrize(("double", "outcomes"), [(SLEEPS, {"passed"}), (BURNS, {"passed", "timeout"})])
def test_only_cpu_time_counts_against_a_run_and_that_of_live_workers_too(course, double, outcomes):
    checks = [one_check(CALLS).replace("test_it", f"test_{name}") for name in "abcd"]
    toy = course("\n".join(checks), call_seconds=60, run_seconds=2)
    write(toy, double=double)
    assert {check.outcome for check in toy.grade().checks} == outcomes


@pytest.mark.parametrize("error", [OutOfTime(), SandboxError("the worker factory ended")])
def test_the_end_of_the_run_is_no_answer_of_the_reference(error):
    """Where the reference answers a student's code, too."""

    class Package:
        def __getattr__(self, name):
            raise error

    encoder = Encoder(lambda value, encoder: None)
    ask = {"callback": "double", "args": encoder.node([]), "kwargs": encoder.node({})}
    with pytest.raises(type(error)):
        CallForwarder(Package(), {"double"})(ask, [])


def test_what_hung_in_the_students_code_says_nothing_about_the_reference():
    own = Timeouts(LimitsTable(call_seconds=7), {"layers"})
    for name in 2 * ("layers", "layers.double"):
        own.count_timeout(WorkerTimeout(name, Ending.LATE, 2))
    assert (own.for_call("layers"), own.for_call("layers.double")) == (0.0, 7 / 4)
    assert own.for_replacement("layers") == own.for_replacement("layers.double") == 7


def test_what_hangs_again_is_waited_for_half_as_long_and_tells_its_first_line():
    own, inner = Timeouts(LimitsTable(call_seconds=8)), StackFrame("layers.py", 3, "layers.double", "while True: pass")
    late = WorkerTimeout("nets.Net.loss", Ending.LATE, 8)
    late.frames = [inner]
    for expected in (8, 4, 2):
        assert own.for_call("nets.Net.loss") == expected
        own.count_timeout(late)
    own.count_timeout(again := WorkerTimeout("nets.Net.loss", Ending.LATE, 8))
    assert again.frames == [inner], "it ended too soon to tell its own"
    assert own.for_call("layers.double") == 8, "it was not called itself, so it may be right and slow"


LOOPS, LINGERS = "while True: square(x)", "return [x**2 for _ in range(9999)][0]"


@pytest.mark.parametrize("chosen", ["test_it", ""], ids=["alone", "before the other"])
def test_an_endless_loop_around_a_right_function_is_not_that_ones_fault(course, chosen):
    """The line in which it was still is one of the right function, most of the time."""
    other = CALLS.replace("double", "square")
    toy = course(one_check(CALLS) + one_check(other, function="layers.square").replace("test_it", "test_other"), 2)
    write(toy, double=LOOPS, square=LINGERS)
    check = toy.outcomes(keyword=chosen)["it"]
    assert check.outcome == "timeout"
    assert check.message.startswith("layers.double did not finish within 2 s")
    assert check.raised == "", "it raised nothing"


def test_what_hangs_in_a_function_that_hangs_in_a_later_check_of_its_own_waits_for_that_one(course):
    other = CALLS.replace("double", "square")
    toy = course(one_check(CALLS) + one_check(other, function="layers.square").replace("test_it", "test_other"), 2)
    write(toy, double="return square(x)", square="while True: pass")
    checks = toy.outcomes()
    assert {name: check.outcome for name, check in checks.items()} == {"it": "blocked", "other": "timeout"}
    assert checks["it"].message.startswith("cannot be judged: it needs layers.square, and layers.double did not finish")


OTHERWISE = "while x < 2: pass\n        return square_of_double(x)"


def test_what_hangs_elsewhere_the_next_time_is_told_with_that_line(course):
    """What it waited for the first time is not to blame, though a call that has hung before ends sooner."""
    checks = [one_check(CALLS).replace("test_it", "test_double")]
    for name, x in (("first", 3.0), ("second", 1.0)):
        loss = CALLS.replace("layers.double(1.0)", f"nets.Net().loss({x})")
        checks.append(one_check(loss, function="nets.Net.loss").replace("test_it", f"test_{name}"))
    toy = course("\n".join(checks), call_seconds=2)
    write(toy, double="while True: pass", loss=OTHERWISE)
    found = toy.outcomes()
    assert {name: check.outcome for name, check in found.items()} == {
        "double": "timeout",
        "first": "blocked",
        "second": "timeout",
    }
    assert "it was still in layers.py, line 7: while True: pass" in found["first"].message
    assert "it was still in nets.py, line 7: while x < 2: pass" in found["second"].message


def test_a_class_that_has_hung_is_tried_again_for_half_as_long(course):
    checks = [CHECKS["net"].replace("test_loss", f"test_{name}") for name in "abc"]
    toy = course(IMPORTS + "".join(checks), call_seconds=2)
    toy.write("student/nets.py", "import time\n\nclass Net:\n    def __init__(self):\n        time.sleep(60)\n")
    first, *_, last = checks = toy.grade().checks
    sentence = "nets.Net did not finish within 2 s (half as long each time it hangs again); it was still in nets.py"
    assert {check.message for check in checks} == {f"{sentence}, line 5: time.sleep(60)"}
    assert last.seconds < 2 <= first.seconds


BURN = "start = time.process_time()\n    while time.process_time() - start < 0.7: pass\n    return 2 * x"


@pytest.mark.parametrize(
    "make", [None, lambda libraries, policy: PlainProcesses(libraries, policy)], ids=["fork", "exec"]
)
def test_the_records_cpu_time_counts_workers(course, make):
    toy = course(one_check('expect(student.layers.double(1.0), "y").to_match(2.0, rel=1e-9)'))
    own = ZygotePool(**({"make": make} if make else {}))
    try:
        times = []
        for body in ("return 2 * x", BURN):
            write(toy, double=body)
            found = run.grade_package(toy.manifest, toy.root / "student", Selection(), zygotes=own)
            assert found.score == 1
            times.append(found.cpu_seconds)
    finally:
        own.close()
    assert times[1] > 0.7


def counted(**facts) -> FunctionScores:
    scores = FunctionScores()
    default = {"id": "a", "title": "a", "functions": ["f"], "question": "Q1", "visibility": "public", "points": 2}
    scores.add(CheckResult(**default | {"score": 0, "outcome": Outcome.FAILED} | facts))
    return scores


def test_a_function_that_no_check_has_judged_is_not_mostly_right():
    assert not FunctionScores().is_mostly_right("f")
    assert counted(score=1).is_mostly_right("f")
    assert not counted(score=0.5).is_mostly_right("f")
    assert not counted(held=2, outcome=Outcome.GRADER_ERROR).is_mostly_right("f")


def test_held_points_are_said_first_and_settled_by_a_regrade(course, tmp_path):
    checks = IMPORTS + CHECKS["layers"].replace('    """double doubles"""', '    """double doubles"""\n    1 / 0')
    toy = course(checks)
    out, submission = tmp_path / "results.json", tmp_path / "submission"
    shutil.copytree(toy.root / "student", submission / "student")
    found = grading.grade_submission(toy.manifest, submission, out, "gradescope")
    assert (found.score, found.held, found.max_score) == (1, 1, 2)
    result = json.loads(out.read_text())
    assert result["output"].startswith(
        "1 of 2 points are held, neither given nor lost: the grader made errors in q1_net/double."
    )
    assert (result["score"], result["extra_data"]["held"], result["extra_data"]["held_checks"]) == (
        1,
        1,
        ["q1_net/double"],
    )
    toy.replace("checks/public/test_q1_net.py", "    1 / 0\n", "")
    found = grading.grade_submission(toy.manifest, submission, out, "gradescope")
    assert (found.score, found.held) == (2, 0)
    assert "held" not in json.loads(out.read_text())["output"]


def test_what_needs_a_look_at_the_reference():
    own, trusted = WorkerRaised("f", "boom"), WorkerRaised("f", "boom")
    trusted.trusted = True
    late = WorkerTimeout("f", Ending.LATE, 2)
    late.trusted = True
    needed = [ZeroDivisionError(), trusted]
    assert all(map(verdict.is_unforeseen, needed))
    assert not any(map(verdict.is_unforeseen, [own, late, OutOfTime(), Mismatch("no"), NotScored(""), Unrecorded("")]))


@pytest.mark.parametrize("order", [*permutations(["area", "side", "root", "right"])])
def test_who_is_to_blame_hangs_on_no_order_where_no_second_run_tells(order, monkeypatch):
    """`area` raises in `side`, one of whose two checks raises in `root`, which passes its own."""
    monkeypatch.setattr("grader.checks.follow_through.needed_is_at_fault", lambda context, running: None)
    scores, faults = FunctionScores(), KnownFaults(frozenset({"m.area", "m.side", "m.root"}))
    imports, timeouts = SimpleNamespace(find=lambda *_: None), SimpleNamespace(count_timeout=lambda *_: None)
    judge = Judge(SimpleNamespace(scores=scores, faults=faults, imports=imports, timeouts=timeouts))
    found = {}

    def run_check(name: str, function: str, through: tuple[str, ...] = ()) -> None:
        where = {"question": "Q1", "visibility": "public", "functions": [function]}
        check = CheckResult(id=name, title=name, points=1, score=0, outcome=Outcome.FAILED, **where)
        running = found[name] = RunningCheck(check, PointsMark(1, (function,)), ("numpy",), None)
        if through:
            frames = [StackFrame("m.py", line, each, "return x") for line, each in enumerate(through, start=1)]
            judge.blame(running, WorkerRaised(function, "too small", frames, "ValueError"), "call")
        else:
            judge.accept(running)
        scores.add(check)

    for part in order:
        match part:
            case "area":
                run_check("area", "m.area", ("m.area", "m.side"))
            case "side":
                run_check("side", "m.side", ("m.side", "m.root"))
            case "root":
                run_check("root", "m.root")
            case "right":
                run_check("right", "m.side")
    judge.settle_open_cases()
    assert [str(found[name].check.outcome) for name in ("area", "side")] == ["blocked", "failed"]
