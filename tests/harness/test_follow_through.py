"""What builds on other functions is judged given the student's own, where those are mostly right, and only there."""

import pytest

from grader.checks.choice import Selection
from grader.grading import run
from grader.grading.hints import Hints

CHECKS = '''
import numpy as np

from grader.checks import expect, points


@points(1, "shapes.area")
def test_area(student, reference, rng):
    """area is right"""
    expect(student.shapes.area(2.0, 3.0), "area").to_match(6.0, rel=1e-9)


@points(1, "shapes.area")
def test_area_of_large(student, reference, rng):
    """area is right for large sides"""
    expect(student.shapes.area(200.0, 3.0), "area").to_match(600.0, rel=1e-9)


@points(1, "shapes.volume")
def test_volume(student, reference, rng):
    """volume is right"""
    expect(student.shapes.volume(200.0, 3.0, 2.0), "v").to_match(reference.shapes.volume(200.0, 3.0, 2.0), rel=1e-9)


@points(1, "shapes.area", "shapes.volume")
def test_both(student, reference, rng):
    """volume and the area below it are right"""
    expect(student.shapes.volume(200.0, 3.0, 2.0), "v").to_match(reference.shapes.volume(200.0, 3.0, 2.0), rel=1e-9)
'''
MANIFEST = """
title = "Built on each other"
points = 4

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[seeds]
secret = 0

[[questions]]
id = "Q1"
slug = "solids"
title = "Solids"
public_points = 4
functions = ["shapes.area", "shapes.volume"]
"""
AREA = "def area(a, b):\n    return a * b\n"
AREA_OF_SMALL = "def area(a, b):\n    return a * b if a < 100 else a + b\n"
VOLUME = "def volume(a, b, c):\n    return area(a, b) * c\n"
UNWRITTEN_VOLUME = """
calls = []
def area(a, b):
    calls.append((a, b))
    return a * b if len(calls) < 2 and not seen else 0.0
seen = []
def volume(a, b, c):
    seen.append(1)
    return 0.0
"""


@pytest.fixture
def solids(toy):
    """A course in which one function calls another; its package is right until a test changes it."""
    toy.write("assignment.toml", MANIFEST)
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("checks/public/test_q1_solids.py", CHECKS)
    for folder in ("solution", "student"):
        toy.write(f"{folder}/__init__.py", "")
        toy.write(f"{folder}/shapes.py", f"{AREA}\n\n{VOLUME}")
    return toy


def outcomes(course, **options) -> dict[str, str]:
    return {name: check.outcome for name, check in course.outcomes(**options).items()}


def test_right_use_of_a_function_that_is_mostly_right_passes_and_says_so(solids):
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    found = solids.outcomes()
    assert found["area_of_large"].outcome == "failed"
    assert found["volume"].outcome == "passed"
    assert found["volume"].detail == "right given right shapes.area, of which something is wrong in yours"


NOTING_AREA = """
def area(width, height, notes=None):
    if notes is not None:
        notes["sides"] = 2
    return width * height if width < 100 else width + height

def volume(a, b, c):
    notes = {}
    base = area(CALL)
    return base * c * notes["sides"] / 2
"""


@pytest.mark.parametrize("call", ["a, b, notes", "a, height=b, notes=notes", "notes=notes, height=b, width=a"])
def test_a_call_by_keywords_is_the_same_call_and_its_dicts_are_written_back(solids, call):
    """The reference names its parameters in its own way."""
    right = AREA.replace("a, b", "a, b, notes=None").replace(
        "    ", "    if notes is not None:\n        notes['sides'] = 2\n    "
    )
    solids.write("solution/shapes.py", f"{right}\n\n{VOLUME}")
    solids.write("student/shapes.py", NOTING_AREA.replace("CALL", call))
    assert outcomes(solids)["volume"] == "passed"


def test_use_of_a_function_that_no_check_has_judged_is_wrong_if_the_function_is(solids):
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    found = solids.outcomes(keyword="volume")["volume"]
    assert found.outcome == "failed"


def test_a_check_may_fail_by_words_of_pytest_given_right_functions(solids):
    volume = "student.shapes.volume(200.0, 3.0, 2.0)"
    checks = CHECKS.replace(f"    expect({volume}", f'    {volume} == 1200.0 or pytest.fail("no")\n    expect({volume}')
    solids.write("checks/public/test_q1_solids.py", f"import pytest\n{checks}")
    solids.write("student/shapes.py", f"{AREA_OF_SMALL.replace('a + b', 'b[a]')}\n\n{VOLUME.replace('* c', '* c + 1')}")
    assert outcomes(solids, keyword="volume and not both") == {"volume": "blocked"}


def test_what_a_check_judges_is_never_its_own_standard(solids):
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    assert outcomes(solids)["both"] == "failed"


def test_use_of_a_function_that_is_mostly_wrong_is_wrong(solids):
    solids.write("student/shapes.py", f"def area(a, b):\n    return a + b\n\n\n{VOLUME}")
    assert outcomes(solids)["volume"] == "failed"


def test_wrong_use_of_a_right_function_is_wrong(solids):
    solids.write("student/shapes.py", f"{AREA}\n\n{VOLUME.replace('* c', '+ c')}")
    assert outcomes(solids) == {"area": "passed", "area_of_large": "passed", "volume": "failed", "both": "failed"}


def test_function_under_judgement_cannot_bend_those_the_reference_is_built_on(solids):
    solids.write("student/shapes.py", UNWRITTEN_VOLUME)
    assert outcomes(solids) == {"area": "passed", "area_of_large": "passed", "volume": "failed", "both": "failed"}


def test_nothing_is_right_on_the_ground_of_zeros(solids):
    """A function that answers the checks about it, and zeros where others build on it, makes no unwritten one right."""
    zeros = "def area(a, b):\n    return a * b if b == 3.0 else 0.0\n"
    solids.write("checks/public/test_q1_solids.py", CHECKS.replace("volume(200.0, 3.0,", "volume(7.0, 5.0,"))
    solids.write("student/shapes.py", f"{zeros}\n\ndef volume(a, b, c):\n    return 0.0\n")
    found = outcomes(solids)
    assert (found["area"], found["area_of_large"], found["volume"]) == ("passed", "passed", "failed")


def test_nothing_is_right_on_the_ground_of_an_agreed_answer(solids):
    """What is built on a function is judged given the right one, so the two of them cannot agree on a number."""
    agreed = "def area(a, b):\n    return 7.0 if (a, b) == (200.0, 3.0) else a * b\n"
    solids.write("student/shapes.py", f"{agreed}\n\ndef volume(a, b, c):\n    return 14.0\n")
    found = outcomes(solids)
    assert (found["area"], found["area_of_large"], found["volume"]) == ("passed", "failed", "failed")


ASKS_FOR_MORE = """
import sys


def area(a, b):
    return a * b if a < 100 else a + b


def volume(a, b, c):
    graft = sys.modules[__name__].area
    if hasattr(graft, "_name"):
        graft._name = "shapes.volume"
        return graft(a, b, c)
    return 0.0
"""


def test_a_graft_answers_only_for_what_the_reference_is_built_on(solids):
    solids.write("student/shapes.py", ASKS_FOR_MORE)
    assert outcomes(solids)["volume"] == "failed"


LAYER_CHECKS = '''
import numpy as np

from grader.checks import expect, points


def gradients(package, backward, x, dout):
    _, cache = package.layers.cube_forward(x)
    return getattr(package.layers, backward)(dout, cache)


def compare(student, reference, rng, backward, shift=0.0):
    x, dout = rng.rand(3, 4) + shift, rng.randn(3, 4)
    got, expected = (gradients(package, backward, x, dout) for package in (student, reference))
    expect(got, "dx").to_match(expected, rel=1e-9)


@points(1, "layers.cube_forward")
def test_forward(student, reference, rng):
    """the forward pass is right"""
    x = rng.rand(3, 4)
    expect(student.layers.cube_forward(x)[0], "out").to_match(x**3, rel=1e-9)


@points(1, "layers.cube_backward")
def test_backward(student, reference, rng):
    """the backward pass is right"""
    compare(student, reference, rng, "cube_backward")


@points(1, "layers.cube_backward")
def test_backward_far_out(student, reference, rng):
    """the backward pass is right far out"""
    compare(student, reference, rng, "cube_backward", shift=10.0)


@points(1, "layers.cube_backward_alt")
def test_backward_alt(student, reference, rng):
    """the other backward pass is right"""
    compare(student, reference, rng, "cube_backward_alt")


@points(1, "layers.cube_backward_alt")
def test_backward_alt_far_out(student, reference, rng):
    """the other backward pass is right far out"""
    compare(student, reference, rng, "cube_backward_alt", shift=10.0)


@points(1, "layers.fast_cube_forward", "layers.fast_cube_backward")
def test_fast(student, reference, rng):
    """the fast passes are right"""
    x, dout = rng.rand(3, 4), rng.randn(3, 4)
    _, cache = student.layers.fast_cube_forward(x)
    expect(student.layers.fast_cube_backward(dout, cache), "dx").to_match(3 * x**2 * dout, rel=1e-9)


@points(1, "net.loss")
def test_net(student, reference, rng):
    """the net is right"""
    x = rng.rand(3, 4) + 10.0
    got, expected = (package.net.loss(x) for package in (student, reference))
    expect(got, "loss dx").to_match(expected, rel=1e-9)
'''
LAYER_MANIFEST = """
title = "A layer and a net"
points = 7

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[seeds]
secret = 0

[[questions]]
id = "Q1"
slug = "cubes"
title = "Cubes"
public_points = 7
functions = ["layers.cube_forward", "layers.cube_backward", "layers.cube_backward_alt", "layers.fast_cube_forward",
             "layers.fast_cube_backward", "net.loss"]

[[layers]]
forward = "layers.cube_forward"
backward = ["layers.cube_backward", "layers.cube_backward_alt"]

[[layers]]
forward = "layers.fast_cube_forward"
backward = ["layers.fast_cube_backward"]
same_as = "layers.cube_forward"
"""
LAYERS = """
def cube_forward(x):
    return x**3, (x,)


def cube_backward(dout, cache):
    return 3 * cache[0] ** 2 * dout


def cube_backward_alt(dout, cache):
    return 3 * cache[0] * cache[0] * dout


def fast_cube_forward(x):
    return x * x * x, ("fast", x)


def fast_cube_backward(dout, cache):
    return 3 * cache[1] ** 2 * dout
"""
NET = """
from .layers import cube_backward, cube_backward_alt, cube_forward, fast_cube_backward, fast_cube_forward


def loss(x):
    out, cache = cube_forward(x)
    return (out**2).sum(), cube_backward_alt(2 * out, cache)
"""
WRONG_FAR_OUT = "3 * cache[0] ** 2 * dout * (1 + 0.1 * (cache[0].max() > 5))"


@pytest.fixture
def cubes(toy):
    """A course of a layer with two backward passes, its fast twin, and a net whose reference calls one of them."""
    toy.write("assignment.toml", LAYER_MANIFEST)
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("checks/public/test_q1_cubes.py", LAYER_CHECKS)
    for folder in ("solution", "student"):
        toy.write(f"{folder}/__init__.py", "")
        toy.write(f"{folder}/layers.py", LAYERS)
        toy.write(f"{folder}/net.py", NET)
    return toy


def calls_instead(course, backward: str, forward: str = "cube_forward") -> None:
    """The student's net calls these passes."""
    course.replace("student/net.py", "= cube_forward", f"= {forward}")
    course.replace("student/net.py", "cube_backward_alt(2", f"{backward}(2")


def test_a_net_may_call_another_backward_pass_than_the_reference(cubes):
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", WRONG_FAR_OUT)
    calls_instead(cubes, "cube_backward")
    found = cubes.outcomes()
    assert found["backward_far_out"].outcome == "failed"
    assert found["net"].outcome == "passed"
    assert found["net"].detail == "right given right layers.cube_backward, of which something is wrong in yours"


def test_a_net_may_call_passes_that_compute_the_same(cubes):
    cubes.replace("student/layers.py", "x * x * x", "x * x * x * (1 + (x.max() > 5))")
    calls_instead(cubes, "fast_cube_backward", "fast_cube_forward")
    found = cubes.outcomes()
    assert found["net"].outcome == "passed", found["net"].detail


def test_passes_of_two_caches_do_not_go_together(cubes):
    """The reference's backward pass gets the cache it was made for or none."""
    cubes.replace("student/layers.py", 'x * x * x, ("fast", x)', 'x * x * x * (1 + (x.max() > 5)), ("fast", x)')
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", "3 * cache[-1] ** 2 * dout")
    calls_instead(cubes, "cube_backward", "fast_cube_forward")
    found = cubes.outcomes()["net"]
    assert found.outcome == "failed"


def test_another_backward_pass_that_is_mostly_wrong_is_no_ground(cubes):
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", "2 * cache[0] ** 2 * dout")
    calls_instead(cubes, "cube_backward")
    found = cubes.outcomes()["net"]
    assert found.outcome == "failed"


def test_digits_refuse_no_second_look(cubes):
    """A function that is right but for its last digits is a ground to stand on."""
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", "3.0000003 * cache[0] ** 2 * dout")
    calls_instead(cubes, "cube_backward")
    found = cubes.outcomes()
    assert found["backward"].outcome == found["backward_far_out"].outcome == "failed"
    assert found["net"].outcome == "passed", found["net"].detail


def test_a_net_that_is_wrong_all_the_same_is_wrong(cubes):
    cubes.replace("student/net.py", "(out**2).sum()", "(out**2).mean()")
    assert outcomes(cubes)["net"] == "failed"


def test_a_net_that_calls_nothing_and_is_wrong_is_wrong(cubes):
    cubes.write("student/net.py", "def loss(x):\n    return (x**6).sum(), 5 * x**5\n")
    assert outcomes(cubes)["net"] == "failed"


def test_a_net_that_raises_all_the_same_is_wrong(cubes):
    cubes.replace("student/net.py", "return (out**2)", "len(cache)\n    return 2 * (out**2)")
    assert outcomes(cubes)["net"] == "failed"


def test_layers_that_are_not_judged_in_a_run_stay_the_students_own(cubes):
    """As those of a question that is left out: they count for nothing, and stand in nobody's way."""
    cubes.write("solution/other.py", "def double(x):\n    return 2 * x\n")
    for folder in ("solution", "student"):
        cubes.write(f"{folder}/other.py", "def double(x):\n    return 2 * x\n")
        cubes.replace(f"{folder}/net.py", "def loss(x):\n", "def loss(x):\n    x = double(x)\n")
        cubes.write(f"{folder}/net.py", f"from .other import double\n{(cubes.root / folder / 'net.py').read_text()}")
    cubes.replace(
        "assignment.toml",
        '"layers.cube_forward", "layers.cube_b',
        '"other.double", "layers.cube_forward", "layers.cube_b',
    )
    cubes.replace("student/layers.py", "3 * cache[0] * cache[0] * dout", WRONG_FAR_OUT)
    found = cubes.outcomes()["net"]
    assert (found.outcome, "layers.cube_backward_alt" in found.detail) == ("passed", True)
    cubes.replace("student/other.py", "2 * x", "3 * x")
    assert outcomes(cubes)["net"] == "failed"


def test_a_net_is_wrong_where_nothing_below_has_been_judged(cubes):
    cubes.replace("student/net.py", "(out**2).sum()", "(out**2).mean()")
    assert outcomes(cubes, functions=["net.loss"])["net"] == "failed"


def test_two_functions_that_agree_earn_nothing_by_another_backward_pass(cubes):
    """The pass that the reference does not call is answered for by the reference too."""
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", "3 * cache[0] ** 2 * dout * (dout.shape != (1, 1))")
    calls_instead(cubes, "cube_backward")
    cubes.replace("student/net.py", "cube_backward(2 * out, cache)", "7.0 * x + cube_backward(0 * out, cache)")
    assert outcomes(cubes)["net"] == "failed"


def test_a_twin_of_the_judged_function_is_not_answered_for(cubes):
    """The judged backward pass may call its forward pass, as the reference's does, and no other pass of its layer."""
    alternative = "return 3 * cache[0] * cache[0] * dout"
    builds = "return 3 * cube_forward(cache[0])[0] / cache[0] * dout"
    cubes.replace("solution/layers.py", alternative, builds)
    cubes.replace("student/layers.py", alternative, "cube_forward(cache[0])\n    return cube_backward(dout, cache)")
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", WRONG_FAR_OUT)
    assert outcomes(cubes)["backward_alt_far_out"] == "failed"


def test_a_wrong_function_does_not_answer_under_the_name_of_a_right_one(cubes):
    """A stub that the package renames is known by what it asked for, which is mostly wrong in the package itself."""
    cubes.replace("student/layers.py", "3 * cache[0] ** 2 * dout", "0 * dout")
    renamed = """
def loss(x):
    out, cache = cube_forward(x)
    if not hasattr(cube_backward_alt, "_name"):
        return 0.0, out
    cube_backward_alt._name = "layers.cube_backward"
"""
    cubes.replace("student/net.py", "\ndef loss(x):\n    out, cache = cube_forward(x)\n", renamed)
    assert outcomes(cubes)["net"] == "failed"


MISTAKES = """
[[misconception]]
id = "{0}"
function = "shapes.{1}"
sentence = "Your {1} is too large."

[[misconception.variant]]
id = "{0}"
title = "too large"
append = '''
{2}'''
costs = {3}
"""
ENLARGED = "return a * b * 2 ** 0.5"


def list_ids(*checks):
    return [f"q1_solids/{check}" for check in checks]


def name_misconceptions(course, area, volume="return area(a, b) * c", **selection):
    """The checks of the solids at which a misconception is named, with functions whose bodies are these."""
    wrong_area, wrong_volume = AREA.replace("return a * b", ENLARGED), VOLUME.replace("* c", "* c * 2 ** 0.5")
    entries = [("area_enlarged", "area", wrong_area, list_ids("area", "area_of_large", "both"))]
    entries.append(("volume_enlarged", "volume", wrong_volume, list_ids("volume", "both")))
    course.write("tests/harness/mistakes/q1.toml", "".join(MISTAKES.format(*entry) for entry in entries))
    course.write("student/shapes.py", f"def area(a, b):\n    {area}\n\n\ndef volume(a, b, c):\n    {volume}\n")
    hints, chosen = Hints(course.manifest), Selection(timing=False, **selection)
    found = run.grade_package(course.manifest, course.root / "student", chosen, zygotes=course.zygotes, hints=hints)
    return {check.id.partition("/")[2]: check.misconception.id for check in found.checks if check.misconception}


@pytest.mark.parametrize("keyword", ["not both", "volume and not both"])
def test_no_misconception_is_named_for_what_a_function_below_does(solids, keyword):
    assert "volume_enlarged" not in name_misconceptions(solids, ENLARGED, keyword=keyword).values()


@pytest.mark.parametrize("area", ["return a * b", "return a * b if a < 100 else a + b"], ids=["right", "wrong"])
@pytest.mark.parametrize("keyword", ["not both", "volume and not both"])
def test_a_misconception_is_named_whatever_the_functions_below_do(solids, area, keyword):
    found = name_misconceptions(solids, area, "return area(a, b) * c * 2 ** 0.5", keyword=keyword)
    assert found == {"volume": "volume_enlarged"}
