"""Whatever a function does, its check gets the right outcome and a sentence, and its neighbours keep their points."""

import contextlib
import json
import re

import pytest

from grader.checks.choice import Selection
from grader.errors import SandboxError
from grader.grading import run
from grader.grading import submission as grading
from grader.results import record
from grader.sandbox.parent.zygote_pool import ZygotePool

MANIFEST = """
title = "Two modules"
points = {points}

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[limits]
call_seconds = 1
cpu_seconds = 20
memory_mb = 100

[seeds]
public = 7
secret = 0

[[questions]]
id = "Q1"
slug = "layers"
title = "Layers"
public_points = {public}
hidden_points = {hidden}
functions = {functions}
"""

CHECKS = '''
from grader.checks import expect, points


@points(1, "layers.double")
def test_double(student, reference, rng):
    """double doubles"""
    x = rng.rand(4, 3)
    expect(student.layers.double(x), "y").to_match(reference.layers.double(x), rel=1e-9)


@points(1, "layers.forward")
def test_forward(student, reference, rng):
    """forward is right"""
    x = rng.rand(4, 3)
    out, _ = student.layers.forward(x)
    expected, _ = reference.layers.forward(x)
    expect(out, "out").to_match(expected, rel=1e-9)


@points(1, "layers.backward")
def test_backward(student, reference, rng):
    """backward is right"""
    x, dout = rng.rand(4, 3), rng.rand(4, 3)
    _, cache = student.layers.forward(x)
    _, expected = reference.layers.forward(x)
    expect(student.layers.backward(dout, cache), "dx").to_match(reference.layers.backward(dout, expected), rel=1e-9)


@points(1, "other.scale")
def test_scale(student, reference, rng):
    """scale is right"""
    x = rng.rand(4, 3)
    expect(student.other.scale(x, by=3), "y").to_match(reference.other.scale(x, by=3), rel=1e-9)
'''

HIDDEN = '''
import numpy as np

from grader.checks import expect, points


@points(1, "layers.double")
def test_double_of_many(student, reference):
    """double doubles many"""
    x = np.full((17, 3), 0.8174)
    expect(student.layers.double(x).sum(), "sum").to_match(reference.layers.double(x).sum(), rel=1e-9)
    expect(student.layers.double(x), "y").to_match(reference.layers.double(x), rel=1e-9)
'''

DOUBLE = "def double(x):\n    return 2 * x\n"
FORWARD = "def forward(x):\n    return x**2, {'x': x}\n"
BACKWARD = "def backward(dout, cache):\n    return 2 * dout * cache['x']\n"
OTHER = "def scale(x, by=1):\n    return by * x\n"


def layers(double=DOUBLE, forward=FORWARD, backward=BACKWARD) -> str:
    return f"import os\n\nimport numpy as np\n\n{double}\n\n{forward}\n\n{backward}"


FUNCTIONS = ["layers.double", "layers.forward", "layers.backward", "other.scale"]


def lay_out(course, checks: str, hidden: str, points: int, functions: list[str]) -> None:
    """Replaces what is in a course by one question, its package right."""
    secret = 1 if hidden else 0
    text = MANIFEST.format(points=points + secret, public=points, hidden=secret, functions=json.dumps(functions))
    course.write("assignment.toml", text)
    for file in course.root.rglob("*.py"):
        file.unlink()
    course.write("checks/public/test_q1_layers.py", checks)
    course.write("checks/hidden/test_q1_layers.py", hidden)
    for folder in ("solution", "student"):
        course.write(f"{folder}/__init__.py", "")
        course.write(f"{folder}/layers.py", layers())
        course.write(f"{folder}/other.py", OTHER)


@pytest.fixture
def course(toy):
    """A course of two modules whose package is right until a test changes it."""
    lay_out(toy, CHECKS, HIDDEN, 4, FUNCTIONS)
    return toy


def outcomes(checks) -> dict[str, str]:
    return {name: check.outcome for name, check in checks.items() if name != "double_of_many"}


def test_right_package_passes(course):
    found = course.grade()
    assert found.score == 5
    assert {check.outcome for check in found.checks} == {"passed"}


RESULT = "class Result({base}):\n    def __iter__(self):\n        return iter(())\n\n\n"


@pytest.mark.parametrize("base", ["collections.namedtuple('Two', 'out cache')", "tuple", "list"])
def test_a_tuple_or_list_of_a_class_of_its_own_is_opened(course, base):
    two = "x**2, {'x': x}" if "named" in base else "(x**2, {'x': x})"
    forward = RESULT.format(base=base) + f"def forward(x):\n    return Result({two})\n"
    course.write("student/layers.py", "import collections\n" + layers(forward=forward))
    assert set(outcomes(course.outcomes()).values()) == {"passed"}


HANGS = r"did not finish within 1 s \(half as long each time it hangs again\); it was still in layers\.py, line \d+"

QUOTING = """
from grader.checks import expect, points


@points(1, "layers.double")
def test_double(student):
    \"""double returns a short word\"""
    found = student.layers.double(1)
    expect(found, "word").to_be(len(found) < 9, f"is {found}")
"""


def test_a_sentence_that_quotes_an_answer_is_plain_text_of_bounded_length(toy):
    lay_out(toy, QUOTING, "", 1, ["layers.double"])
    text = "\\x1b]0;title\\x07\\x1b[31mred\\u202e\\x9b2J\\u200f"
    toy.write("student/layers.py", layers(double=f"def double(x):\n    return '{text}' + 'm' * 50_000\n"))
    message = toy.outcomes()["double"].message
    assert message.startswith("word: is red2Jmmm")
    assert message.isprintable()
    assert len(message) < 2_100


BODIES = {
    "wrong value": (
        "return 3 * x",
        "failed",
        r"y: relative error 5\.0e-01 \(allowed 1e-09\), worst at \(\d, \d\): got [\d.]+, expected [\d.]+; "
        r"every value is 1\.5 times the right one; input x \(4, 3\), seed 7",
    ),
    "wrong shape": ("return 2 * x[0]", "failed", r"y: shape is \(3,\), expected \(4, 3\); input x \(4, 3\), seed 7"),
    "transposed": ("return 2 * x.T", "failed", r"y: right values but transposed: shape is .*"),
    "integers": ("return (2 * x).astype(int)", "failed", r"y: dtype is int64, expected floating point; .*"),
    "NaN": (
        "return x * np.nan",
        "failed",
        r"y: 12 of 12 values are NaN, first at \(0, 0\); does an exp overflow, .*; input x \(4, 3\), seed 7",
    ),
    "None": ("2 * x", "failed", r"y: is None; is a return or an assignment missing\?; .*"),
    "object array": (
        "return x.astype(object)",
        "failed",
        "y: is an array of Python objects, expected an array of numbers; are its rows .*",
    ),
    "matrix": (
        "return np.matrix(x)",
        "failed",
        "y: is an np.matrix, expected an array of numbers; np.asarray makes .*",
    ),
    "complex array": ("return x + 0j", "failed", "y: is array of dtype complex128, expected an array of numbers; .*"),
    "a string": ("return 'done'", "failed", "y: is a str, expected an array of numbers; .*"),
    "a dict": ("return {'y': 2 * x}", "failed", "y: is dict, expected an array of numbers; .*"),
    "a generator": ("yield 2 * x", "failed", "y: is a generator, expected an array of numbers; .*"),
    "a function": ("return double", "failed", "y: is function layers.double, expected an array of numbers; .*"),
    "a tuple": ("return 2 * x, x", "failed", "y: is a tuple, expected an array of numbers; .*"),
    "a huge number": ("return 10**400", "failed", r"y: shape is \(\), expected \(4, 3\); .*"),
    "a huge string": ("return 'x' * 10**6", "failed", "double raised Unsendable: a message of .* is over the limit"),
    "an exception": (
        "return x @ x",
        "failed",
        r"double raised ValueError: matmul: .* \(layers\.py, line \d+: return x @ x\); here x \(4, 3\)",
    ),
    "an exception below": (
        "return np.linalg.inv(x)",
        "failed",
        r"double raised LinAlgError: .* \(layers\.py, line \d+: return np\.linalg\.inv\(x\)\); here x \(4, 3\)",
    ),
    "an assertion": (
        "assert x is None",
        "failed",
        r"double raised AssertionError \(layers\.py, line \d+: assert x is None\)",
    ),
    "endless recursion": ("return double(x)", "failed", r"double raised RecursionError: maximum recursion depth .*"),
    "sys.exit": (
        "import sys; sys.exit(0)",
        "failed",
        r"double ends the program \(layers\.py, line \d+: .*\); remove .*",
    ),
    "keyboard interrupt": (
        "raise KeyboardInterrupt",
        "failed",
        r"double raised KeyboardInterrupt \(layers\.py, line \d+: .*",
    ),
    "too much memory at once": (
        "return np.ones(10**11)",
        "failed",
        r"double raised MemoryError: Unable to allocate .* \(layers\.py, line \d+: .*\)",
    ),
    "too much memory in the end": (
        "held = []\n    while True: held.append(np.ones(4 * 10**6))",
        "failed",
        r"double raised MemoryError.*",
    ),
    "os._exit": ("os._exit(0)", "crashed", "the process ended by itself with exit status 0 while layers.double ran"),
    "segfault": (
        "import ctypes; ctypes.string_at(0)",
        "crashed",
        "the process was ended by signal SIGSEGV while layers.double ran",
    ),
    "abort": ("os.abort()", "crashed", "the process was ended by signal SIGABRT while layers.double ran"),
    "endless loop": ("while True: pass", "timeout", rf"layers\.double {HANGS}: while True: pass"),
    "sleep": ("__import__('time').sleep(60)", "timeout", rf"layers\.double {HANGS}: __import__\('time'\)\.sleep\(60\)"),
    "endless print": ("while True: print('x' * 9999)", "timeout", rf"layers\.double {HANGS}: while True: print\(.*"),
    "yielding nothing": ("yield from ()", "failed", "y: is a generator, expected an array of numbers; .*"),
    "not written": ("raise NotImplementedError('layers.double')", "not_attempted", "layers.double is not written yet"),
    "put off": ("raise NotImplementedError", "not_attempted", "layers.double is not written yet"),
    "put off by a library": (
        "return __import__('logging').Handler().emit(x)",
        "failed",
        r"double raised NotImplementedError: emit must be .* \(layers\.py, line \d+: .*\)",
    ),
    "own message of any kind": (
        "raise ValueError('\\ud800\\x1b[2J' + 'x' * 10**6)",
        "failed",
        r"double raised ValueError: \[2Jx{300,400} \(layers\.py, line \d+: .*\)",
    ),
    "message that raises": (
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "failed",
        r"double raised Odd: \(its message cannot be shown\) \(layers\.py, line \d+: .*\)",
    ),
}


MANY = """
import pytest

from grader.checks import expect, points


@pytest.mark.parametrize("name", [pytest.param(f"f{{i}}", marks=points(1, f"layers.f{{i}}")) for i in range({count})])
def test_function(student, reference, rng, name):
    \"\"\"{{name}} doubles\"\"\"
    x = rng.rand(4, 3)
    expect(getattr(student.layers, name)(x), "y").to_match(getattr(reference.layers, name)(x), rel=1e-9)
"""


@pytest.fixture(scope="module")
def bad_record(copy_of_toy, tmp_path_factory):
    """The record of one run of a package in which every second function is bad."""
    course, count = copy_of_toy(tmp_path_factory.mktemp("bad")), 2 * len(BODIES)
    bodies = [body for case in BODIES.values() for body in (case[0], "return 2 * x")]
    lay_out(course, MANY.format(count=count), "", count, [f"layers.f{i}" for i in range(count)])
    for folder, chosen in (("solution", ["return 2 * x"] * count), ("student", bodies)):
        functions = [f"def f{i}(x):\n    {body.replace('double', f'f{i}')}\n" for i, body in enumerate(chosen)]
        course.write(f"{folder}/layers.py", "import os\n\nimport numpy as np\n\n\n" + "\n\n".join(functions))
    return course.grade(), course.manifest


@pytest.mark.parametrize("number", range(len(BODIES)), ids=BODIES)
def test_outcome_and_sentence_of_a_bad_function(bad_record, number):
    _, outcome, message = list(BODIES.values())[number]
    check, neighbour = bad_record[0].checks[2 * number : 2 * number + 2]
    assert re.fullmatch(message.replace("double", f"f{2 * number}"), check.message), check.message
    assert (check.outcome, check.score) == (outcome, 0)
    assert (neighbour.outcome, neighbour.score) == ("passed", 1)


def test_sentences_of_bad_functions_can_be_reported(bad_record):
    found, manifest = bad_record
    assert json.loads(record.to_json(found))["score"] == len(BODIES)
    for form in ("gradescope", "markdown"):
        grading.render_report(found, manifest, form)


def test_only_the_students_frames_are_shown(course):
    body = "def double(x):\n    return helper(x)\n\n\ndef helper(x):\n    return np.apply_along_axis(boom, 0, x)\n"
    course.write("student/layers.py", layers(double=f"{body}\n\ndef boom(column):\n    return column.nothing\n"))
    detail = course.outcomes()["double"].detail
    assert [line.split(":")[0] for line in detail.splitlines()[1:]] == [
        "  layers.py, line 6, in layers.double",
        "  layers.py, line 10, in layers.helper",
        "  layers.py, line 14, in layers.boom",
    ]
    assert "numpy" not in detail.replace("numpy.ndarray", "")
    assert str(course.root) not in detail


def test_much_printing_is_no_fault_and_kept_up_to_a_cap(course):
    body = "import sys\n    print('x' * 10**6)\n    print('y' * 10**6, file=sys.stderr)\n    return 2 * x"
    course.write("student/layers.py", layers(double=f"def double(x):\n    {body}\n"))
    check = course.outcomes()["double"]
    assert check.outcome == "passed"
    assert check.output == "x" * 64 * 1024


def test_a_printed_line_is_not_lost_with_the_process(course):
    hang = "while True: pass"
    for body, kept in (
        ("print('a')\n    return x", "a\n"),
        (f"print('b')\n    {hang}", "b\n"),
        (f"print(1, end='')\n    {hang}", "1"),
    ):
        course.write("student/layers.py", layers(double=f"def double(x):\n    {body}\n"))
        assert course.outcomes(keyword="double")["double"].output == kept


def test_a_warning_names_the_file_from_its_package_on(course):
    body = "import warnings\n    warnings.warn('small')\n    return 2 * x"
    course.write("student/layers.py", layers(double=f"def double(x):\n    {body}\n"))
    printed = course.outcomes(keyword="double")["double"].output
    assert re.match(r"student/layers\.py:\d+: UserWarning: small\n", printed)


ARITIES = {
    "one array": ("return x**2", r"returned 1 value, expected 2 \(out, \.\.\.\)"),
    "three": ("return x, x, x", r"returned 3 values, expected 2 \(out, \.\.\.\)"),
    "one": ("return (x**2,)", r"returned 1 value, expected 2 \(out, \.\.\.\)"),
    "None": ("pass", r"returned None, expected 2 values \(out, \.\.\.\); is a return missing\?"),
    "a number": ("return 3.0", r"returned 1 value, expected 2 \(out, \.\.\.\)"),
}


@pytest.mark.parametrize("body, message", ARITIES.values(), ids=ARITIES)
def test_wrong_number_of_values(course, body, message):
    course.write("student/layers.py", layers(forward=f"def forward(x):\n    {body}\n"))
    check = course.outcomes(keyword="test_forward")["forward"]
    assert (check.outcome, check.score) == ("failed", 0)
    assert re.fullmatch(message, check.message), check.message


NEEDS = {
    "raises": ("raise ValueError('boom')", "failed", "and forward raised ValueError: boom (layers.py, line 10: "),
    "is a stub": (
        'raise NotImplementedError("layers.forward")',
        "not_attempted",
        "cannot be judged: it needs layers.forward, which is not written yet (layers.py, line 10)",
    ),
    "hangs": (
        "while True: pass",
        "timeout",
        "and layers.forward did not finish within 1 s (half as long each time it hangs again); it was still in "
        "layers.py, line 10: while True: pass",
    ),
    "crashes": (
        "os._exit(3)",
        "crashed",
        "and the process ended by itself with exit status 3 while layers.forward ran",
    ),
}


STUB, STUB_PLACE = "raise NotImplementedError('layers.forward')", "in place of its raise (student/layers.py, line 10)"


@pytest.mark.parametrize("body, outcome, message", NEEDS.values(), ids=NEEDS)
def test_what_is_needed_and_cannot_run_blocks(course, body, outcome, message):
    course.write("student/layers.py", layers(forward=f"def forward(x):\n    {body}\n"))
    checks = course.outcomes()
    assert outcomes(checks) == {"double": "passed", "forward": outcome, "backward": "blocked", "scale": "passed"}
    assert checks["backward"].message.startswith("cannot be judged: it needs layers.forward, ")
    assert message in checks["backward"].message and checks["backward"].needs == "layers.forward"


@pytest.mark.parametrize("body, todo", [("1 / 0", "fix layers.forward"), (STUB, f"write layers.forward {STUB_PLACE}")])
def test_where_all_is_blocked_the_next_step_is_what_is_needed(course, body, todo):
    """Its own checks are not among those that were chosen."""
    course.write("student/layers.py", layers(forward=f"def forward(x):\n    {body}\n"))
    found = course.grade(keyword="test_backward")
    assert [check.outcome for check in found.checks] == ["blocked"]
    assert [note.text for note in found.notes if note.kind == "next"] == [f"Next: {todo}, then run this again."]


def test_what_is_needed_and_wrong_does_not_block(course):
    course.write("student/layers.py", layers(forward="def forward(x):\n    return x**3, {'x': x}\n"))
    expected = {"double": "passed", "forward": "failed", "backward": "passed", "scale": "passed"}
    assert outcomes(course.outcomes()) == expected


@pytest.mark.parametrize("place", ["wording.explain_error", "wording.explain_broken_need", "imports.Imports.find"])
def test_a_fault_in_wording_holds_that_check_only(course, monkeypatch, place):
    def fail(*_):
        raise LookupError("no such sentence")

    monkeypatch.setattr(f"grader.checks.{place}", fail)
    line = "1 / 0\n" * place.startswith("imports")
    course.write("student/layers.py", line + layers(forward="def forward(x):\n    return x.nothing\n"))
    checks = course.outcomes()
    assert checks["scale"].outcome == "passed"
    held = [check for check in checks.values() if check.outcome == "grader_error"]
    assert held and all("no such sentence" in check.detail and check.held == check.points for check in held)


def test_what_raised_in_its_own_check_is_to_blame_elsewhere_too(course):
    course.write("student/layers.py", layers(double="def double(x):\n    return x @ x\n"))
    course.write(
        "student/other.py", "from .layers import double\n\n\ndef scale(x, by):\n    return double(x) * by / 2\n"
    )
    check = course.outcomes()["scale"]
    assert check.outcome == "blocked"
    assert check.message.startswith("cannot be judged: it needs layers.double, and double raised ValueError: matmul: ")


def test_own_fault_is_not_blamed_on_what_is_needed(course):
    course.write("student/layers.py", layers(backward="def backward(dout, cache):\n    return cache['y']\n"))
    check = course.outcomes()["backward"]
    assert check.outcome == "failed"
    assert check.message == "backward: cache has no 'y' (layers.py, line 14: return cache['y'])"


def test_a_stub_behind_a_helper_blocks_only_what_does_not_judge_it(course):
    forward = "def forward(x):\n    return double(x), {'x': x}\n"
    stub = 'def double(x):\n    raise NotImplementedError("layers.double")\n'
    course.write("student/layers.py", layers(double=stub, forward=forward))
    checks = course.outcomes()
    expected = {"double": "not_attempted", "forward": "blocked", "backward": "blocked", "scale": "passed"}
    assert outcomes(checks) == expected
    assert "it needs layers.double, which is not written yet" in checks["forward"].message


UNWRITTEN = 'def backward(dout, cache):\n    x = cache["x"]\n    raise NotImplementedError("layers.backward")\n'
GIVEN_IN_PART = UNWRITTEN.replace("    raise", "    if x is None:\n        return dout\n    raise")
FORWARDS = {
    "raises": "raise ValueError('boom')",
    "hangs": "while True: pass",
    "crashes": "os._exit(3)",
    "is a stub": 'raise NotImplementedError("layers.forward")',
    "returns too little": "return x**2",
    "returns nothing": "pass",
}


@pytest.mark.parametrize("backward", [UNWRITTEN, GIVEN_IN_PART], ids=["unwritten", "given in part"])
@pytest.mark.parametrize("body", FORWARDS.values(), ids=FORWARDS)
def test_what_is_not_written_is_not_attempted_whatever_it_needs_does(course, body, backward):
    forward = f"def forward(x):\n    {body}\n"
    course.write("student/layers.py", layers(forward=forward, backward=backward))
    check = course.outcomes(keyword="backward")["backward"]
    assert (check.outcome, check.message) == ("not_attempted", "layers.backward is not written yet")


def test_given_lines_of_a_stub_that_stumble_over_a_bad_cache_are_not_the_students(course):
    forward = "def forward(x):\n    return x**2, {}\n"
    course.write("student/layers.py", layers(forward=forward, backward=UNWRITTEN))
    assert outcomes(course.outcomes())["backward"] == "not_attempted"


def test_what_is_written_in_part_is_judged_where_it_ran(course):
    forward = "def forward(x):\n    return x**2, {}\n"
    course.write("student/layers.py", layers(forward=forward, backward=GIVEN_IN_PART))
    check = course.outcomes()["backward"]
    assert check.outcome == "failed"
    assert check.message.startswith("backward: cache has no 'x' (layers.py, line 14: ")


def test_an_unwritten_function_excuses_no_fault_of_the_check(course):
    course.replace("checks/public/test_q1_layers.py", "    x, dout = rng.rand(4, 3), rng.rand(4, 3)\n", "    1 / 0\n")
    course.write("student/layers.py", layers(backward=UNWRITTEN))
    assert course.outcomes()["backward"].outcome == "grader_error"


SEND = """
import json, os, stat, struct
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.write(fd, {frame})
    except OSError:
        pass
"""


def raw(message, arrays=()) -> str:
    header = f"json.dumps({{'message': {message}, 'arrays': {list(arrays)}}}).encode()"
    return f"struct.pack('<I', len({header})) + {header}"


FRAMES = {
    "a terabyte": "struct.pack('<I', 2**32 - 1) + b'x' * 100",
    "noise": "b'\\x04\\0\\0\\0noise'",
    "an empty array that fits nowhere": raw("{'ok': None}", [["<f8", [0, 2**28, 2**28, 2**28]]]),
    "infinite line number": raw(
        "{'error': {'type': 'E', 'message': 'm', "
        "'frames': [{'file': 'f', 'line': 1e999, 'function': 'g', 'text': 't'}]}}"
    ),
    "an error of the wrong form": raw("{'error': 7}"),
    "an unknown value": raw("{'ok': {'pickle': 'gASV'}}"),
    "half a surrogate": raw("{'error': {'type': '\\ud800', 'message': '\\ud800', 'frames': []}}"),
    "a file whose name is too long": raw(
        "{'error': {'type': 'E', 'message': 'm', "
        "'frames': [{'file': 'a' * 400, 'line': 1, 'function': 'f.<module>', 'text': 't'}]}}"
    ),
    "a line nested too deeply": raw(
        "{'error': {'type': 'ValueError', 'message': 'not enough values to unpack', "
        "'frames': [{'file': 'f', 'line': 1, 'function': 'g', 'text': 'a, b = (' + '-' * 380 + 'x)()'}]}}"
    ),
    "a late import's lines of the wrong form": raw("{'late': 7}"),
    "many late imports": "(" + raw("{'late': []}") + ") * 2000",
    "many answers": "(" + raw("{'ok': None}") + ") * 2000",
}


@pytest.mark.parametrize(
    "where, frame",
    [
        *(("layers", frame) for frame in FRAMES),
        ("__init__", "an empty array that fits nowhere"),
        ("__init__", "noise"),
        ("__init__", "infinite line number"),
    ],
)
def test_forged_replies_earn_nothing(course, frame, where):
    course.write(f"student/{where}.py", SEND.format(frame=FRAMES[frame]) + ("" if where == "__init__" else layers()))
    found = course.grade(keyword="double")
    assert found.score == 0
    assert "grader_error" not in {check.outcome for check in found.checks}
    json.loads(record.to_json(found))


@pytest.mark.parametrize("message", ["{'late': []}", "{'ok': None}"])
def test_endless_replies_end_with_the_check(course, message):
    loop = SEND.format(frame=raw(message)).replace("            os.write", "            while True: os.write")
    course.write("student/layers.py", loop + layers())
    found = course.grade(keyword="double")
    assert (found.score, found.complete) == (0, True)
    assert found.seconds < 30


COUNTING = """
CALLS = []

def double(x):
    CALLS.append(x)
    print(f"call {len(CALLS)}", flush=True)
    return 2 * x if len(CALLS) < 3 else 1 / 0
"""


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_kept_worker_remembers_fails_no_check(course, keep):
    """A function that is right twice only passes its checks: each failure in a used worker is tried in a fresh one."""
    course.write("student/layers.py", layers(double=COUNTING))
    found = course.outcomes(keep=keep, secret_seeds=[])
    assert {name: check.outcome for name, check in found.items() if "double" in name} == {
        "double": "passed",
        "double_of_many": "passed",
    }
    assert found["double_of_many"].output == "call 1\ncall 2\n"


@pytest.mark.parametrize("keep", [False, True])
def test_a_wrong_answer_is_wrong_in_a_kept_worker_too(course, keep):
    course.write("student/layers.py", layers(double="def double(x):\n    return 2 * x + 1\n"))
    assert course.outcomes(keep=keep)["double_of_many"].outcome == "failed"


def test_a_kept_worker_is_the_same_process(course):
    course.write(
        "student/layers.py", layers(double="def double(x):\n    print(os.getpid(), flush=True)\n    return 2 * x\n")
    )
    for keep, processes in ((False, 2), (True, 1)):
        outputs = [check.output for check in course.grade(keep=keep, keyword="double").checks]
        assert len({output.split()[0] for output in outputs}) == processes


@pytest.mark.parametrize("where", ["__init__", "layers"])
def test_losing_the_worker_factory_earns_nothing(course, where):
    """Points that a grader error holds may be given later, so code that ends the sandbox must end the run instead."""
    course.write(f"student/{where}.py", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")
    own = ZygotePool()
    try:
        found = run.grade_package(course.manifest, course.root / "student", Selection(), zygotes=own)
    except SandboxError as error:
        assert "the worker factory ended" in str(error)
    else:
        assert found.score <= 1
        assert "grader_error" not in {check.outcome for check in found.checks}
    finally:
        own.close()


def test_report_of_a_run_without_its_worker_factory(course, tmp_path):
    course.write("student/__init__.py", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")
    with contextlib.suppress(SandboxError):
        grading.grade_submission(course.manifest, course.root / "student", tmp_path / "results.json", "gradescope")
    assert json.loads((tmp_path / "results.json").read_text())["score"] == 0


UNUSABLE = r"layers\.double returned something else than expected; see its docstring"
SECRETIVE = {
    "wrong value": ("return 2 * x + 1", r"sum: relative error .*"),
    "wrong shape": ("return np.vstack([2 * x, 0 * x])", r"y: a wrong shape"),
    "transposed": ("return 2 * x.T", "y: right values in another shape"),
    "another shape": ("return 2 * x[None]", "y: right values in another shape"),
    "NaN": ("return np.where(x > 1, x, np.nan)", "sum: has NaN values"),
    "tells all": ("raise ValueError(f'{x.shape} {x}')", r"layers\.double raised an exception"),
    "tells by a name": ("raise type(f'Was{x.shape}', (Exception,), {})", r"layers\.double raised an exception"),
    "key error": ("return {}[x[0, 0]]", r"layers\.double raised an exception"),
    "no answer": ("return None", UNUSABLE),
    "a dict": ("return {'y': x}", UNUSABLE),
    "text": ("return f'{x.shape} {x}'", UNUSABLE),
}


@pytest.mark.parametrize("body, message", SECRETIVE.values(), ids=SECRETIVE)
def test_hidden_messages_hold_no_input(course, body, message):
    course.write("student/layers.py", layers(double=f"def double(x):\n    {body}\n"))
    check = course.outcomes(keyword="double_of_many")["double_of_many"]
    assert check.outcome == "failed"
    assert re.fullmatch(message, check.message), check.message
    assert not re.search(r"17|8174|1\.63|seed|input", check.message)


BROKEN_CHECKS = {
    "raises": ("    1 / 0\n", "ZeroDivisionError"),
    "uses what is not there": ("    np.nothing\n", "NameError"),
    "fails outright": ("    __import__('pytest').fail('no')\n", "Failed"),
    "skips": ("    __import__('pytest').skip('no')\n", "Skipped"),
    "asks the reference for what it has not": ("    reference.layers.nothing(x)\n", "nothing"),
    "names too many values": ("    expect((x, x), 'a b c').to_match((x, x), rel=1)\n", "3 names for 2"),
}


@pytest.mark.parametrize("lines, trace", BROKEN_CHECKS.values(), ids=BROKEN_CHECKS)
def test_fault_of_a_check_holds_its_points_and_is_loud(course, lines, trace):
    head = '    x = rng.rand(4, 3)\n    expect(student.layers.double(x), "y")'
    course.replace("checks/public/test_q1_layers.py", head, head.replace("    expect", f"{lines}    expect"))
    found = course.grade()
    check = found.checks[0]
    assert (check.outcome, check.score, check.held) == ("grader_error", 0, 1)
    assert check.message == "the grader made an error here, so its points are held, not lost; please tell the staff"
    assert trace in check.detail
    assert (found.score, found.held, found.max_score) == (4, 1, 5)


def test_check_with_an_unknown_fixture_is_a_grader_error(course):
    course.replace("checks/public/test_q1_layers.py", "def test_double(student,", "def test_double(student, teacher,")
    assert course.outcomes()["double"].outcome == "grader_error"


def test_secret_run_with_a_fault_of_the_check_holds_its_points(course):
    head = "    x = rng.rand(4, 3)\n    expect(student.layers.double(x)"
    course.replace(
        "checks/public/test_q1_layers.py", head, f"    assert 1 / bool(rng.get_state()[1][0] == SEEN)\n{head}"
    )
    seen = "from grader.checks.context import derive\n\nSEEN = derive(7, 'q1_layers/double')\n"
    course.write(
        "checks/public/test_q1_layers.py", seen + (course.root / "checks/public/test_q1_layers.py").read_text()
    )
    check = course.outcomes(secret_seeds=["s"])["double"]
    assert (check.outcome, check.score, check.held) == ("grader_error", 0, 1)
    assert check.message.startswith("the grader made an error here")


def test_answer_that_cannot_be_taken_apart_is_no_grader_error(course):
    head = 'expect(student.layers.double(x), "y")'
    course.replace("checks/public/test_q1_layers.py", head, head.replace(".double(x)", ".double(x).reshape(12)"))
    course.replace(
        "checks/public/test_q1_layers.py",
        "reference.layers.double(x), rel",
        "reference.layers.double(x).reshape(12), rel",
    )
    assert course.outcomes()["double"].outcome == "passed"
    course.write("student/layers.py", layers(double="def double(x):\n    return 'text'\n"))
    check = course.outcomes()["double"]
    assert (check.outcome, check.score) == ("failed", 0)
    assert check.message == (
        "the answer of layers.double cannot be used (AttributeError: 'str' object has no attribute 'reshape')"
    )


def test_run_that_is_out_of_time_says_so(course):
    course.replace("assignment.toml", "call_seconds = 1", "call_seconds = 1\nrun_seconds = 0.000001")
    found = course.grade()
    assert found.score == 0
    assert {check.outcome for check in found.checks} == {"timeout"}
    assert {check.message for check in found.checks} == {
        "not run: the time of the whole run was used up by earlier checks"
    }


def test_names_a_worker_gives_its_modules_do_no_harm(course):
    """Hundreds of modules in two answers of one check would not fit into the request that loads them next time."""
    many = "import types\n    return tuple(types.ModuleType(f'{__package__}.{i:090}{x.sum()}') for i in range(400))"
    course.write("student/layers.py", layers(forward=f"def forward(x):\n    {many}"))
    course.replace(
        "checks/public/test_q1_layers.py",
        "    x, dout = rng",
        "    student.layers.forward(rng.rand(2, 2))\n    student.layers.forward(rng.rand(2, 2))\n    x, dout = rng",
    )
    assert outcomes(course.outcomes()) == {
        "double": "passed",
        "forward": "failed",
        "backward": "failed",
        "scale": "passed",
    }
