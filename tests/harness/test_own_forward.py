"""A backward pass that is the exact gradient of the own wrong forward pass is right; nothing else becomes so."""

import numpy as np
import pytest

from grader.checks import derivative, own_forward
from grader.checks.context import derive, make_rng

CHECKS = '''
import numpy as np

from grader.checks import expect, points


def draw(rng):
    return rng.randn(6, 4) + 2, rng.uniform(0.5, 2, 4), rng.randn(6, 4)


def gradients(package, x, w, dout):
    _, cache = package.layers.bend_forward(x, w)
    return package.layers.bend_backward(dout, cache)


def compare(student, reference, rng, gradient):
    x, w, dout = draw(rng)
    got, expected = (gradients(package, x, w, dout) for package in (student, reference))
    expect(got, "dx dw", only=gradient).to_match(expected, rel=1e-9)
    expect(got[0], "dx").to_have_dtype(np.float64)


@points(1, "layers.bend_forward")
def test_forward(student, reference, rng):
    """the forward pass is right"""
    x, w, _ = draw(rng)
    got, expected = (package.layers.bend_forward(x, w)[0] for package in (student, reference))
    expect(got, "out").to_match(expected, rel=1e-9)


@points(1, "layers.bend_backward")
def test_dx(student, reference, rng):
    """dx is right"""
    compare(student, reference, rng, "dx")


@points(1, "layers.bend_backward")
def test_dw(student, reference, rng):
    """dw is right"""
    compare(student, reference, rng, "dw")


@points(1, "layers.bend_backward")
def test_dout(student, rng):
    """dout is left as it was"""
    x, w, dout = draw(rng)
    kept = student.put(dout)
    _, cache = student.layers.bend_forward(x, w)
    student.layers.bend_backward(kept, cache)
    expect(student.fetch(kept), "dout").to_equal(dout)


@points(1, "layers.bend_forward", "layers.bend_backward")
def test_both(student, reference, rng):
    """both passes are right"""
    compare(student, reference, rng, "dx")


@points(1, "layers.drop_forward")
def test_drop_forward(student, rng):
    """half of the units are dropped, the others doubled"""
    x = rng.uniform(0.5, 1, (20, 30))
    out, _ = student.layers.drop_forward(x)
    expect(out, "out").to_match(2 * x * (out != 0), rel=1e-9)


@points(1, "layers.drop_backward")
def test_drop_backward(student, rng):
    """dx is dout, doubled where the unit was kept"""
    x, dout = rng.uniform(0.5, 1, (20, 30)), rng.uniform(0.5, 1, (20, 30))
    out, cache = student.layers.drop_forward(x)
    dx = student.layers.drop_backward(dout, cache)
    expect(dx, "dx").to_match(2 * dout * (out != 0), rel=1e-9)
'''
MANIFEST = """
title = "Passes"
points = 7

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[limits]
call_seconds = 2

[seeds]
secret = 1

[[questions]]
id = "Q1"
slug = "passes"
title = "Passes"
public_points = 7
functions = ["layers.bend_forward", "layers.bend_backward", "layers.drop_forward", "layers.drop_backward"]

[[layers]]
forward = "layers.bend_forward"
backward = ["layers.bend_backward"]

[[layers]]
forward = "layers.drop_forward"
backward = ["layers.drop_backward"]
"""
OUT, DX = "out = w * centred**3", "dx = 3 * w * dout * centred**2\n    dx = dx - dx.mean(axis=0)"
DW = "dw = (dout * centred**3).sum(axis=0)"
LAYERS = f"""
import numpy as np


def bend_forward(x, w):
    centred = x - x.mean(axis=0)
    {OUT}
    return out, (x, w, centred)


def bend_backward(dout, cache):
    x, w, centred = cache
    {DX}
    {DW}
    return dx, dw


def drop_forward(x):
    mask = (np.random.rand(*x.shape) < 0.5) * 2.0
    return x * mask, (mask,)


def drop_backward(dout, cache):
    (mask,) = cache
    return dout * mask
"""
SQUARE = {OUT: "out = w * centred**2", "3 * w * dout * centred**2": "2 * w * dout * centred", DW: DW.replace("3", "2")}


@pytest.fixture
def passes(toy):
    """A course of two layers; its package is right until a test changes it."""
    toy.write("assignment.toml", MANIFEST)
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("checks/public/test_q1_passes.py", CHECKS)
    for folder in ("solution", "student"):
        toy.write(f"{folder}/__init__.py", "")
        toy.write(f"{folder}/layers.py", LAYERS)
    return toy


def change(course, changes: dict[str, str]) -> None:
    for old, new in changes.items():
        course.replace("student/layers.py", old, new)


def outcomes(course, **options) -> dict[str, str]:
    return {name: check.outcome for name, check in course.outcomes(**options).items()}


def test_the_exact_gradient_of_a_wrong_forward_pass_is_right_and_says_so(passes):
    change(passes, SQUARE)
    found = passes.outcomes(secret_seeds=["0f1e"])
    assert found["forward"].outcome == "failed"
    assert (found["dx"].outcome, found["dw"].outcome) == ("passed", "passed")
    assert found["dx"].detail == "the exact gradient of your own layers.bend_forward, in which something is wrong"
    assert found["dx"].message == ""


def test_so_it_is_where_results_come_in_lists(passes):
    change(passes, SQUARE | {"return out, (x, w, centred)": "return [out, (x, w, centred)]"})
    change(passes, {"return dx, dw": "return [dx, dw]"})
    found = outcomes(passes)
    assert (found["forward"], found["dx"], found["dw"]) == ("failed", "passed", "passed")


def test_so_it_is_where_workers_are_kept(passes):
    change(passes, SQUARE)
    record = passes.grade(keep=True)
    assert [check.outcome for check in record.checks][:4] == ["failed", "passed", "passed", "passed"]


def test_so_it_is_where_the_forward_pass_is_not_judged(passes):
    change(passes, SQUARE)
    assert outcomes(passes, functions=["layers.bend_backward"])["dx"] == "passed"


def test_a_pass_may_have_another_name_of_its_own(passes):
    change(
        passes,
        SQUARE
        | {
            "def bend_backward": "def its_gradient",
            "def drop_forward": "bend_backward = its_gradient\n\n\ndef drop_forward",
        },
    )
    assert outcomes(passes)["dx"] == "passed"


def test_each_gradient_is_judged_by_itself(passes):
    change(passes, SQUARE | {DW: DW.replace("3", "4")})
    assert (outcomes(passes)["dx"], outcomes(passes)["dw"]) == ("passed", "failed")


def test_another_gradient_is_wrong(passes):
    change(passes, SQUARE | {"3 * w * dout * centred**2": "2.001 * w * dout * centred"})
    assert outcomes(passes)["dx"] == "failed"


def test_a_check_may_fail_by_words_of_pytest(passes):
    words = '(got[0] == expected[0]).all() or pytest.fail("no gradient")'
    file = "checks/public/test_q1_passes.py"
    passes.replace(file, '    expect(got[0], "dx").to_have_dtype(np.float64)', f"    {words}")
    passes.replace(file, "import numpy as np", "import numpy as np\nimport pytest")
    change(passes, SQUARE)
    dx = passes.outcomes()["dx"]
    assert (dx.outcome, dx.message.partition(":")[0]) == ("failed", "dx")


def test_where_the_forward_pass_is_right_nothing_is_said_of_it(passes):
    change(passes, {"3 * w * dout": "2 * w * dout"})
    assert outcomes(passes)["dx"] == "failed"


def test_a_check_that_judges_both_passes_judges_both(passes):
    change(passes, SQUARE)
    assert outcomes(passes)["both"] == "failed"


def test_an_argument_that_was_changed_is_no_matter_of_gradients(passes):
    change(passes, SQUARE | {"x, w, centred = cache": "x, w, centred = cache\n    dout *= 1.5"})
    assert outcomes(passes)["dout"] == "failed"


def test_other_claims_of_the_check_still_count(passes):
    change(passes, SQUARE | {"return dx, dw": "return dx.astype(np.float32), dw"})
    assert outcomes(passes)["dw"] == "failed"


def test_digits_stay_a_matter_of_digits(passes):
    change(passes, {OUT: "out = (w * centred**3) * (1 + 3e-8)", "3 * w": "3 * (1 + 3e-8) * w", "**3).sum": "**3).sum"})
    assert outcomes(passes)["dx"] == "failed"


def test_masks_are_drawn_alike(passes):
    change(passes, {"< 0.5) * 2.0": "< 0.5) * 3.0"})
    found = outcomes(passes)
    assert (found["drop_forward"], found["drop_backward"]) == ("failed", "passed")


def test_masks_that_are_drawn_again_are_wrong(passes):
    change(
        passes, {"< 0.5) * 2.0": "< 0.5) * 3.0", "(mask,) = cache": "mask = (np.random.rand(*dout.shape) < 0.5) * 3"}
    )
    assert outcomes(passes)["drop_backward"] == "failed"


TRIVIAL = {
    "zeros": ({OUT: "out = 0 * x"}, "dx = 0 * x", "dw = 0 * w"),
    "a part of it": ({OUT: "out = w + 0 * x"}, "dx = 0 * x", "dw = dout.sum(axis=0)"),
    "the identity": ({OUT: "out = w * x"}, "dx = w * dout", "dw = (dout * x).sum(axis=0)"),
    "one by one": ({OUT: "out = w * x**3"}, "dx = 3 * w * x**2 * dout", "dw = (dout * x**3).sum(axis=0)"),
    "steps": (
        {OUT: "out = w * np.round(4 * centred) ** 3 + 1e-3 * x"},
        "dx = 1e-3 * dout",
        "dw = (dout * np.round(4 * centred) ** 3).sum(axis=0)",
    ),
}


@pytest.mark.parametrize("changes, dx, dw", TRIVIAL.values(), ids=TRIVIAL)
def test_exact_gradients_of_trivial_forward_passes_earn_nothing(passes, changes, dx, dw):
    change(passes, changes | {DX: dx, DW: dw})
    found = outcomes(passes)
    assert (found["dx"], found["dw"]) == ("failed", "failed")


HOSTILE = {
    "noise": "out = w * centred**2 + 1e-3 * np.random.RandomState().randn(*x.shape)",
    "another one each time": "calls.append(1)\n    out = w * centred**2 * len(calls)",
    "an exception at the second call": "calls.append(1)\n    out = w * centred ** (2 if len(calls) < 2 else None)",
    "no end at the third call": "calls.append(1)\n    while len(calls) > 2: pass\n    out = w * centred**2",
    "end of the process": "calls.append(1)\n    if len(calls) > 2: import os; os._exit(0)\n    out = w * centred**2",
    "another shape": "calls.append(1)\n    out = (w * centred**2)[len(calls) // 3 :]",
    "text": "calls.append(1)\n    out = 'text' if len(calls) == 3 else w * centred**2",
    "no numbers": "calls.append(1)\n    out = w * centred**2 / (len(calls) < 3)",
    "no cache": "calls.append(1)\n    out = w * centred**2\n    if len(calls) > 2: return out",
}


@pytest.mark.parametrize("forward", HOSTILE.values(), ids=HOSTILE)
def test_forward_passes_that_are_no_functions_earn_nothing(passes, forward):
    change(passes, SQUARE | {OUT: forward, "import numpy as np": "import numpy as np\n\ncalls = []"})
    passes.replace("assignment.toml", "call_seconds = 2", "call_seconds = 0.5")
    assert outcomes(passes)["dx"] == "failed"


def test_no_word_of_the_package_is_in_the_reason(passes):
    raises = "if len(calls) > 2: raise type('SECRET', (Exception,), {})('SECRET')"
    change(
        passes,
        SQUARE
        | {
            OUT: f"calls.append(1)\n    {raises}\n    out = w * centred**2",
            "import numpy as np": "import numpy as np\n\ncalls = []",
        },
    )
    assert "SECRET" not in "".join(check.detail for check in passes.grade(keyword="dx or dw").checks)


@pytest.mark.parametrize(("limit", "value"), [("COMPARISON_SECONDS", 1e-3), ("COMPARISON_SHARE", 1e-6)])
def test_a_slow_forward_pass_uses_up_no_more_than_its_share_of_the_run(passes, monkeypatch, limit, value):
    monkeypatch.setattr(own_forward, limit, value)
    change(passes, SQUARE)
    found = outcomes(passes)
    assert (found["dx"], found["dw"]) == ("failed", "failed")


def relu(points):
    return np.maximum(points[0], 0) * points[1]


@pytest.mark.parametrize("seed", range(20))
def test_gradients_near_kinks_are_told_from_wrong_ones(seed):
    rng = np.random.RandomState(seed)
    x, scale, dout = rng.randn(40, 50), rng.rand(50), rng.randn(40, 50)
    exact = dout * (x > 0) * scale
    for gradient, right in ((exact, True), (exact * (1 + 1e-4), False), (exact + (np.arange(50) == 7) * 0.1, False)):
        assert derivative.is_gradient(relu, [x, scale], 0, gradient, dout, rng) is right


@pytest.mark.parametrize("factor", [1.0, -0.5, 1e200, 1e300])
def test_a_scaled_copy_is_told_whatever_its_size(factor):
    x = np.random.RandomState(0).randn(40, 50)
    found = derivative.find_traits(lambda points: factor * points[0] + 3, [x], np.random.RandomState(1))
    assert "0 differs" not in found
    found = derivative.find_traits(lambda points: factor * points[0] * (x > 0), [x], np.random.RandomState(1))
    assert "0 differs" in found


def test_float32_has_too_few_digits():
    rng = np.random.RandomState(0)
    x, dout = rng.randn(40, 50), rng.randn(40, 50)

    def rough(points):
        return (points[0].astype(np.float32) ** 3).astype(np.float64)

    assert derivative.is_gradient(rough, [x], 0, 3 * x**2 * dout, dout, rng) is False


LYING = """
STORY = {"last": None, "far": None}


def honest(x, w):
    return w * (x - x.mean(axis=0)) ** 2


def bend_forward(x, w):
    \"\"\"Answers as a plain sum wherever steps from the first arguments look like those of a comparison.\"\"\"
    if STORY["last"] is None:
        STORY["first"] = x.copy(), w.copy()
    STORY["last"] = x, w
    steps = [np.sqrt(np.mean((a - b) ** 2) / np.mean(b ** 2)) for a, b in zip((x, w), STORY["first"])]
    near = 0.5e-4 < max(steps) < 2e-4
    if near:
        STORY["far"] = [np.asarray(a - b) for a, b in zip((x, w), STORY["first"])]
    line = STORY["far"] is not None and all(along(a - b, f) for a, b, f in zip((x, w), STORY["first"], STORY["far"]))
    simple = honest(*STORY["first"]) + 5 * (x - STORY["first"][0]) + w - STORY["first"][1]
    return simple if near or line else honest(x, w), (x, w)


def along(step, other):
    \"\"\"Whether a step goes the way of an earlier one.\"\"\"
    product, lengths = abs(float((step * other).sum())), np.sqrt((step**2).sum() * (other**2).sum())
    return product >= 0.999 * lengths > 0 or not (step.any() or other.any())
"""
EASY = """

def bend_backward(dout, cache):
    x, w = cache
    return 5 * dout, dout.sum(axis=0)

"""


def test_a_forward_pass_that_is_another_one_where_it_is_compared_earns_nothing(passes):
    rest = LAYERS[LAYERS.index("def drop_forward") :]
    passes.write("student/layers.py", f"import numpy as np\n{LYING}{EASY}\n{rest}")
    for seed in range(2):
        found = outcomes(passes, seed=seed)
        assert (found["dx"], found["dw"]) == ("failed", "failed")


def test_a_gradient_that_is_lost_in_a_large_constant_is_not_told_from_zeros():
    """A constant of 1e9 leaves the sum too few digits for any gradient to be seen in it."""

    def forward(points):
        out = np.full((20, 30), 1e9)
        out[0, 0] += 500 * np.sin(points[0]).mean()
        out[1, 0] += 500 * np.cos(points[0]).mean()
        return out

    rng = np.random.RandomState(3)
    for _ in range(5):
        x, dout = rng.randn(20, 30) + 2, rng.randn(20, 30)
        assert derivative.is_gradient(forward, [x], 0, 0 * x, dout, rng) is False


@pytest.mark.parametrize("word", ["traits", "directions"])
def test_where_a_derivative_is_taken_is_as_secret_as_the_seed(word):
    """A worker sees the points, and a table tells which seed of 32 bits made them."""
    secret, published = make_rng(1 << 100, word), make_rng(231, word)
    assert isinstance(secret._bit_generator, np.random.Philox)
    assert secret.randn() != make_rng(1 << 101, word).randn()
    assert published.randn() == np.random.RandomState(derive(231, word)).randn()
