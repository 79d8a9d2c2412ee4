"""What a call changes in place among its arguments is noticed, and costs only the check that is about it."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from grader.checks import expect, expect_unchanged_arguments
from grader.checks.expect import Mismatch
from grader.release import recorder as recording
from grader.sandbox.child.server import Fingerprints
from grader.sandbox.parent.proxy import Call, Change, Proxy
from grader.sandbox.parent.transport import decode_changes
from grader.sandbox.wire import WireError

CHECKS = '''
from grader.checks import expect, expect_unchanged_arguments, points


@points(1, "shapes.area")
def test_area(student, reference, rng):
    """area is right"""
    sides = rng.rand(4), rng.rand(4)
    expect(student.shapes.area(*sides), "area").to_match(reference.shapes.area(*sides), rel=1e-12)


@points(1, "shapes.area")
def test_area_leaves_its_arguments(student, reference, rng):
    """area leaves its arguments as they are"""
    student.shapes.squares(rng.rand(4))
    student.shapes.area(rng.rand(4), height=rng.rand(4))
    expect_unchanged_arguments(student.shapes.area)
'''
HIDDEN = """
from grader.checks import expect_unchanged_arguments, points


@points(1, "shapes.area")
def test_area_leaves_its_arguments(student, rng):
    student.shapes.area(rng.rand(4), rng.rand(4))
    expect_unchanged_arguments(student.shapes.area)
"""
IN_PLACE = "import numpy as np\n\n\ndef area(width, height):\n    width *= height\n    return width\n"


class Cache:
    """A cache as an object."""

    def __init__(self, **parts):
        self.__dict__.update(parts)


def changed(work, *arguments, **keywords):
    before = Fingerprints(list(arguments), keywords)
    work(*arguments, **keywords)
    return before.changed()


def test_the_way_to_each_changed_array_is_found():
    def work(a, cache, config):
        a[1] = 5.0
        cache[1]["x"][::-1][0] = 7.0
        cache[2].mask.sort()
        config["m"] *= 2

    cache = (np.ones(3), {"x": np.ones(3), "y": np.ones(2)}, Cache(mask=np.array([2.0, 1.0])))
    found = changed(work, np.zeros((2, 2))[:, 1], cache, config={"m": np.float64(3) * np.ones(1)})
    assert sorted(found, key=str) == [("config", "m"), (0,), (1, 1, "x"), (1, 2, "mask")]


def test_an_array_in_two_places_is_found_by_its_shortest_way():
    x = np.ones(3)
    assert changed(lambda cache, dout: x.fill(2.0), ([x],), x) == [(1,)]


@pytest.mark.parametrize(
    "work",
    [
        lambda x, config: config.update(m=np.ones(2), new=x),
        lambda x, config: x.reshape(-1) + 1,
        lambda x, config: x.sort(),
        lambda x, config: np.add(x, 0, out=x),
    ],
    ids=["replaced entry", "view", "nothing to sort", "same values"],
)
def test_what_is_no_change_in_place_is_not_reported(work):
    assert changed(work, np.array([0.0, np.nan]), {"m": np.zeros(2), "self": None}) == []


@pytest.mark.parametrize(
    "argument",
    [np.array([{}], dtype=object), np.zeros((0, 3)), np.array(3.0), np.float32(2), "text", lambda: 0, np.random, Cache],
    ids=lambda value: type(value).__name__,
)
def test_arguments_of_any_kind_are_no_trouble(argument):
    assert changed(lambda *arguments: None, argument, [argument]) == []


def test_arguments_without_end_are_no_trouble():
    endless = []
    endless.append(endless)
    deep = x = np.zeros(2)
    for _ in range(1000):
        deep = [deep]
    assert changed(lambda *arguments: x.fill(1.0), endless, deep, [0] * 100_000) == []


def test_tensors_and_parameters_of_a_model_are_found():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))

    def train(model, x, sparse):
        x += model(x).mean()

    with torch.no_grad():
        found = changed(train, model, torch.ones(4, 2), torch.eye(2).to_sparse())
    assert {"/".join(map(str, way)) for way in found} == {
        "1",
        *(f"0/_modules/1/_buffers/{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
    }


@pytest.mark.parametrize(
    "report",
    [5, "ab", {"a": 1}, [3], [[]], [[1.5]], [[True]], [[[1]]], [[None]], [[0] * 13], [[0]] * 17],
    ids=lambda report: repr(report)[:20],
)
def test_a_report_that_is_none_is_refused(report):
    with pytest.raises(WireError):
        decode_changes({"ok": None, "changed": report})


def test_a_report_holds_no_text_that_could_do_harm():
    ((first, key),) = decode_changes({"ok": None, "changed": [["x\x1b[2J" + "y" * 999, 10**30]]})
    assert first.isprintable()
    assert len(first) < 100
    assert key == 10**30
    assert decode_changes({"ok": None}) == []


def claim(ways, but=(), called=("layers.backward",)):
    """What is raised about a function of which these changes were reported."""
    worker = SimpleNamespace(modules=set(), callees=set(called), parameters=lambda function: ["dout", "cache"])
    function = Proxy(worker, "layers.backward", "function", "layers.backward")
    worker.changes = [Change(Call(function, "layers.backward", ()), way) for way in ways]
    worker.changes.append(Change(Call(None, "layers.forward", ()), (0,)))
    with pytest.raises((Mismatch, ValueError)) as found:
        expect_unchanged_arguments(function, but=but)
        raise ValueError("nothing")
    return found.value


@pytest.mark.parametrize(
    ("way", "spelled"),
    [((0,), "dout"), ((1, 0, "x"), 'cache[0]["x"]'), (("m",), "m"), ((7,), "number 8"), ((-1,), "number 0")],
)
def test_the_sentence_names_the_argument(way, spelled):
    mismatch = claim([way])
    assert mismatch.message == f"backward changes its argument {spelled} in place; make a new array instead"
    assert mismatch.brief == "changes one of its arguments in place; make a new array instead"


def test_what_a_contract_lets_a_function_change_is_no_matter():
    allowed = claim([(0,), (2, "running_mean"), ("config", 0)], but=(0, "running_mean", "config"))
    assert str(allowed) == "nothing"
    assert claim([(1, 0)], but=(0, "running_mean")).message.startswith("backward changes its argument cache[0] in")


def test_nothing_is_claimed_of_a_function_that_was_not_called():
    assert "has not called layers.backward" in str(claim([], called=["layers.forward"]))


@pytest.mark.parametrize(
    ("answer", "inputs", "sentence"),
    [
        (np.zeros((2, 3)), (), "dx: every value is the same; is nothing computed yet?"),
        (np.float64(0.7), (), "dx: is a single number; is something summed over all axes, or not computed yet?"),
        (np.full((2, 3), 0.7), (), "dx: every value is the same; is nothing computed yet?"),
        (-2.0 * np.arange(6.0), (np.ones(3), np.arange(6.0)), "dx: is an input handed back; is nothing computed yet?"),
    ],
)
def test_trivial_answers_are_not_computed(answer, inputs, sentence):
    with pytest.raises(Mismatch) as found:
        expect(answer, "dx").to_be_computed_from(*inputs)
    assert found.value.message == sentence


def test_other_answers_are_computed():
    x = np.random.RandomState(0).randn(4, 3)
    for answer in (x @ x.T, x > 0, np.float32(x) + 1, 1 + 1e-5 * x):
        expect(answer, "out").to_be_computed_from(x, np.zeros((4, 3)), np.arange(3))


@pytest.fixture
def course(toy):
    """The toy course with a check about what the function does to its arguments, public and hidden."""
    toy.write("checks/public/test_q1_rectangles.py", CHECKS)
    toy.write("checks/hidden/test_q1_rectangles.py", HIDDEN)
    toy.replace("assignment.toml", "public_points = 1\nhidden_points = 2", "public_points = 2\nhidden_points = 1")
    toy.write("student/shapes.py", IN_PLACE + "\n\ndef squares(sides):\n    return area(sides, sides)\n")
    return toy


SENTENCE = "area changes its argument width in place; make a new array instead"


@pytest.mark.parametrize("options", [{}, {"keep": True}, {"debug": True}, {"secret_seeds": ["one"]}], ids=str)
def test_work_in_place_costs_the_check_about_it_and_no_other(course, options):
    checks = {check.id: check for check in course.grade(questions=["Q1"], **options).checks}
    public, claimed, hidden = (checks[f"{place}"] for place in checks)
    assert [check.outcome for check in (public, claimed, hidden)] == ["passed", "failed", "failed"]
    assert claimed.message.startswith(SENTENCE)
    assert hidden.message == "changes one of its arguments in place; make a new array instead"
    assert {check.outcome for check in course.grade("solution", questions=["Q1"], **options).checks} == {"passed"}


def test_recorded_answers_judge_it_too(course):
    recording.record(course.manifest, course.root / "checks/public/expected.npz", course.zygotes)
    shutil.rmtree(course.root / "solution")
    shutil.rmtree(course.root / "checks/hidden")
    course.replace("assignment.toml", 'hidden_points = 1\nfunctions = ["shapes.area"]', 'functions = ["shapes.area"]')
    course.replace("assignment.toml", "points = 8", "points = 6")
    course.replace("assignment.toml", "hidden_points = 1\n", "")
    checks = course.outcomes(questions=["Q1"])
    assert checks["area"].outcome == "passed"
    assert checks["area_leaves_its_arguments"].message.startswith(SENTENCE)
