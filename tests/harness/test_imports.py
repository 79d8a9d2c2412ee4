"""A module that cannot be imported costs what needs it, and is told once: where it fails, why, and what to do."""

import re

import pytest

from grader.results.record import NoteKind
from tests.harness.test_outcomes import (
    CHECKS,
    DOUBLE,
    FUNCTIONS,
    HIDDEN,
    OTHER,
    UNWRITTEN,
    lay_out,
    layers,
    outcomes,
)


@pytest.fixture
def course(toy):
    """A course of two modules whose package is right until a test changes it."""
    lay_out(toy, CHECKS, HIDDEN, 4, FUNCTIONS)
    return toy


TOP = "This line is outside of functions, so it runs at each import; remove it, or move it into a notebook."
USE = "Use the standard library and numpy."
READ = "until then Python reads nothing of this file."
RETYPE = "Type this character again, since pasted text has quotes and blanks that only look like Python's"
OF_A_NOTEBOOK = "Remove this line, which only a notebook can run"
MODULES = {
    "no such library": (
        "import nonexistent\nnonexistent.begin()\n" + layers(),
        "failed",
        f"layers.py, line 2: nonexistent is not for this question (nonexistent.begin()). {USE}",
    ),
    "a library misspelt": (
        "import nunpy as np\n" + layers(double="def double(x):\n    return np.multiply(2, x)\n"),
        "failed",
        "layers.py, line 1: nunpy is not for this question (import nunpy as np). Did you mean numpy?",
    ),
    "a library that is not allowed": (
        "import pytest\nparts = list(pytest)\n" + layers(),
        "failed",
        f"layers.py, line 2: pytest is not for this question (parts = list(pytest)). {USE}",
    ),
    "the solution": (
        "from solution import layers\ndouble = layers.double\n",
        "failed",
        f"layers.py, line 2: solution is not for this question (double = layers.double). {USE}",
    ),
    "the engine's neighbours": (
        "import checks.public\nchecks.public()\n",
        "failed",
        f"layers.py, line 2: checks is not for this question (checks.public()). {USE}",
    ),
    "a part of a library that is not there": (
        "import numpy.nothing\nnumpy.nothing()\n",
        "failed",
        "layers.py, line 1: ModuleNotFoundError: No module named 'numpy.nothing' (import numpy.nothing). "
        "Correct or remove this import.",
    ),
    "a name that a library lacks": (
        "from numpy import dott\ndott()\n",
        "failed",
        "layers.py, line 1: ImportError: cannot import name 'dott' from 'numpy' (from numpy import dott). "
        "Correct or remove this import.",
    ),
    "a module that is not there": (
        "from .nothing import x\n",
        "failed",
        "layers.py, line 1: there is no module nothing in student/ (from .nothing import x). "
        "Correct this import, or add the module.",
    ),
    "a module misspelled": (
        "from student.othr import scale\n",
        "failed",
        "layers.py, line 1: there is no module othr in student/ (from student.othr import scale). Did you mean other?",
    ),
    "a dot too many": (
        "import importlib\nimportlib.import_module('student..a')\n",
        "failed",
        "layers.py, line 2: ModuleNotFoundError: No module named 'student.' (importlib.import_module('student..a')). "
        "Correct or remove this import.",
    ),
    "a name that a module lacks": (
        "from .other import nothing\n",
        "failed",
        "layers.py, line 1: other.py has no nothing (from .other import nothing). "
        "Correct this import, or write it there.",
    ),
    "a name misspelled": (
        "from .other import scal\n",
        "failed",
        "layers.py, line 1: other.py has no scal (from .other import scal). Did you mean scale?",
    ),
    "itself": (
        "from .layers import double\n",
        "failed",
        "layers.py, line 1: ImportError: cannot import name 'double' from partially initialized module 'student.layers'"
        " (most likely due to a circular import) (from .layers import double). Correct or remove this import.",
    ),
    "syntax error": (
        "def double(x)\n    return 2 * x\n",
        "failed",
        f"layers.py, line 1: SyntaxError: expected ':' (def double(x)). Fix this line, or the one above it; {READ}",
    ),
    "indentation": (
        "def double(x):\n    y = x\n      return y\n",
        "failed",
        "layers.py, line 3: IndentationError: unexpected indent (return y). Indent this line like those around it; "
        + READ,
    ),
    "tabs and spaces": (
        "def double(x):\n        y = x\n\treturn y\n",
        "failed",
        "layers.py, line 3: TabError: inconsistent use of tabs and spaces in indentation (return y). "
        f"Indent with spaces only; {READ}",
    ),
    "null byte": (
        "x = 1\n\0",
        "failed",
        "layers.py, line 2: here is a null byte. Remove it, or take the file from a backup.",
    ),
    "marks of a merge conflict": (
        "def f():\n<<<<<<< HEAD\n    return 1\n=======\n    return 2\n>>>>>>> main\n",
        "failed",
        "layers.py, line 2: here are marks of a merge conflict. Keep the version that you want, and remove the other "
        "one and the lines that begin with <<<<<<<, ======= and >>>>>>>.",
    ),
    "Latin-1": (
        b'x = 1\ny = "caf\xe9"\n',
        "failed",
        "layers.py, line 2: this is not UTF-8: byte 0xe9, in Windows-1252 the letter é. Save the file as UTF-8.",
    ),
    "UTF-16": (
        "x = 1\n".encode("utf-16"),
        "failed",
        "layers.py: this is UTF-16, which Python does not read. Save the file as UTF-8.",
    ),
    "a coding nobody knows": (
        "# coding: nonsense\n",
        "failed",
        f"layers.py: SyntaxError: unknown encoding: nonsense. Fix this line, or the one above it; {READ}",
    ),
    "a quote that was pasted": (
        "x = \u201ca\u201d\n",
        "failed",
        f"layers.py, line 1: SyntaxError: invalid character '\u201c' (U+201C) (x = \u201ca\u201d). {RETYPE}; {READ}",
    ),
    "a blank that was pasted": (
        "x =\u00a01\n",
        "failed",
        f"layers.py, line 1: SyntaxError: invalid non-printable character U+00A0 (x =1). {RETYPE}; {READ}",
    ),
    "a notebook's magic": (
        "import os\n%load_ext autoreload\n",
        "failed",
        f"layers.py, line 2: SyntaxError: invalid syntax (%load_ext autoreload). {OF_A_NOTEBOOK}; {READ}",
    ),
    "a command of a notebook": (
        "!pip install numpy\nimport numpy\n",
        "failed",
        f"layers.py, line 1: SyntaxError: invalid syntax (!pip install numpy). {OF_A_NOTEBOOK}; {READ}",
    ),
    "an operator at the start of a line": (
        "x = 'a'\n% 1\n",
        "failed",
        f"layers.py, line 2: SyntaxError: invalid syntax (% 1). Fix this line, or the one above it; {READ}",
    ),
    "error at import": (
        "import os\n1 / 0\n",
        "failed",
        f"layers.py, line 2: ZeroDivisionError: division by zero (1 / 0). {TOP}",
    ),
    "error in a function called at import": (
        "def f():\n    return 1 / 0\n\n\nf()\n",
        "failed",
        f"layers.py, line 5: ZeroDivisionError: division by zero, in layers.f (f()). {TOP}",
    ),
    "a file read at import": (
        "import numpy as np\nnp.load(__file__ + '.npy')\n",
        "failed",
        f"layers.py, line 2: the import opens a file that is not there (np.load(__file__ + '.npy')). {TOP}",
    ),
    "a file written at import": (
        "import logging\nlogging.basicConfig(filename='train.log')\n",
        "failed",
        "layers.py, line 2: the import writes a file, which graded code may not (logging.basicConfig("
        f"filename='train.log')). {TOP}",
    ),
    "a path in an error's own words": (
        "raise ValueError(__file__)\n",
        "failed",
        f"layers.py, line 1: ValueError: student/layers.py (raise ValueError(__file__)). {TOP}",
    ),
    "an error's text of several lines": (
        "raise ValueError('boom\\n\\nTotal: 5 of 5 points')\n",
        "failed",
        "layers.py, line 1: ValueError: boom Total: 5 of 5 points "
        f"(raise ValueError('boom\\n\\nTotal: 5 of 5 points')). {TOP}",
    ),
    "an exception's name of several lines": (
        "raise type('Odd\\nTotal:', (Exception,), {})\n",
        "failed",
        f"layers.py, line 1: Odd Total: (raise type('Odd\\nTotal:', (Exception,), {{}})). {TOP}",
    ),
    "a long line": (
        f"x = 1 / 0  # {'x' * 200}\n",
        "failed",
        f"layers.py, line 1: ZeroDivisionError: division by zero (x = 1 / 0  # {'x' * 107}…). {TOP}",
    ),
    "endless loop": (
        "while True:\n    pass\n",
        "timeout",
        r"layers\.py, line [12]: the import did not finish within 1 s \((while True:|pass)\)\. " + re.escape(TOP),
    ),
    "endless loop in a function": (
        "def f():\n    while True:\n        pass\n\n\nf()\n",
        "timeout",
        f"layers.py, line 6: the import did not finish within 1 s (f()). {TOP}",
    ),
    "a loop that no report leaves": (
        "import ctypes\nctypes.PyDLL(None).sleep(60)\n",
        "timeout",
        "layers.py: the import did not finish within 1 s. Look at what runs when it is imported.",
    ),
    "exit at import": (
        "import os\nos._exit(4)\n",
        "crashed",
        "layers.py: the process ended by itself with exit status 4 while layers ran. "
        "Look at what runs when it is imported.",
    ),
    "sys.exit at import": (
        "raise SystemExit('bye')\n",
        "failed",
        f"layers.py, line 1: the import ends the program (raise SystemExit('bye')). {TOP}",
    ),
    "a stub called at import": (
        "def f():\n    raise NotImplementedError('layers.double')\n\n\nf()\n",
        "failed",
        f"layers.py, line 5: NotImplementedError: layers.double, in layers.f (f()). {TOP}",
    ),
}


@pytest.mark.parametrize("text, outcome, message", MODULES.values(), ids=MODULES)
def test_module_that_cannot_be_imported_is_told_once_and_costs_only_its_own_functions(course, text, outcome, message):
    (course.root / "student/layers.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = course.grade()
    checks = {check.id.rsplit("/", 1)[-1]: check for check in found.checks}
    assert outcomes(checks) == {"double": outcome, "forward": outcome, "backward": outcome, "scale": "passed"}
    (cause,) = found.causes
    assert cause.message == message or re.fullmatch(message, cause.message)
    assert cause.module == "layers"
    assert [check.cause for check in checks.values()] == ["layers"] * 3 + ["", "layers"]
    assert all(checks[name].message == cause.message for name in ("double", "forward", "backward"))
    assert checks["double_of_many"].message == "layers cannot be imported"
    assert str(course.root) not in str(found) and "site-packages" not in str(found)


def test_module_that_lacks_a_function(course):
    course.write("student/layers.py", "")
    found = course.grade()
    messages = {check.message for check in found.checks if check.visibility == "public" and not check.score}
    assert messages >= {"layers.double is not there; was it renamed or removed?"}
    assert found.causes == []


INSIDE = "def outer():\n    def double(x):\n        return 2 * x\n"
GONE = {
    "in another function": (
        layers(double=INSIDE),
        "layers.double is not there: it stands in layers.py, line 6, inside of outer; is it indented as it should be?",
    ),
    "in a class": (
        layers(double="class Layers:\n    def double(x):\n        return 2 * x\n"),
        "layers.double is not there: it stands in layers.py, line 6, inside of Layers; is it indented as it should be?",
    ),
    "under a condition": (
        layers(double=f"if os.sep == '':\n    {DOUBLE.replace('    ', '        ')}"),
        "layers.double is not there: it stands in layers.py, line 6; is it indented as it should be?",
    ),
    "a slip in its name": (
        layers(double=DOUBLE.replace("double", "duoble")),
        "layers.double is not there, but layers.duoble is; was it misspelt?",
    ),
}


@pytest.mark.parametrize("text, message", GONE.values(), ids=GONE)
def test_a_function_that_is_not_in_its_place_is_looked_for(course, text, message):
    course.write("student/layers.py", text)
    checks = course.outcomes()
    assert checks["double"].outcome == "failed"
    assert checks["double"].message == message
    assert checks["double_of_many"].message == "layers.double is not there"


def test_another_function_of_the_assignment_is_no_slip_of_a_name(course):
    other = '\n\n@points(1, "layers.doubles")\ndef test_doubles(student):\n    """doubles is right"""\n'
    other += '    expect(student.layers.doubles(1.0), "y").to_equal(2.0)\n'
    lay_out(course, CHECKS + other, HIDDEN, 5, [*FUNCTIONS, "layers.doubles"])
    course.write("solution/layers.py", layers() + DOUBLE.replace("double", "doubles"))
    course.write("student/layers.py", layers(double=DOUBLE.replace("double", "doubles")))
    checks = course.outcomes()
    assert checks["doubles"].outcome == "passed"
    assert checks["double"].message == "layers.double is not there; was it renamed or removed?"


def test_missing_module(course):
    (course.root / "student/layers.py").rename(course.root / "student/layers (1).py")
    checks = course.outcomes()
    assert outcomes(checks)["scale"] == "passed"
    sentence = "layers.py is missing, but layers (1).py is there; a copy is not read, give it the name layers.py."
    assert checks["double"].message == sentence
    assert checks["double"].outcome == "failed"
    (course.root / "student/layers (1).py").unlink()
    assert course.grade().causes[0].message == "layers.py is missing; put it into student/."


def test_loop_at_import_is_paid_for_twice_only(course):
    course.write("student/layers.py", "while True: pass\n")
    course.write("student/other.py", f"from .layers import double\n\n\n{OTHER}")
    found = course.grade()
    assert [check.outcome for check in found.checks] == ["timeout"] * 3 + ["blocked", "timeout"]
    assert {check.cause for check in found.checks} == {"layers"}
    assert len(found.causes) == 1
    assert found.cpu_seconds < 8


BROKEN = {
    "syntax error": ("def double(x)\n    return x\n", "layers.py, line 1: SyntaxError: expected ':' (def double(x))."),
    "exception": ("1 / 0\n", "layers.py, line 1: ZeroDivisionError: division by zero (1 / 0)."),
    "null byte": ("\0", "layers.py, line 1: here is a null byte."),
    "endless loop": ("while 1: pass\n", "layers.py, line 1: the import did not finish within 1 s (while 1: pass)."),
    "missing": (None, "layers.py is missing; put it into student/."),
}
IMPORTERS = {
    "at its top": f"from .layers import double\n\n\n{OTHER}",
    "by another name": f"from cs231n.layers import double\n\n\n{OTHER}",
    "in a function": "def scale(x, by=1):\n    from .layers import double\n\n    return by * x\n",
}


NEEDED = [pytest.param(IMPORTERS[how], *BROKEN[what], id=f"{what}-{how}") for what in BROKEN for how in IMPORTERS]


@pytest.mark.parametrize("importer, text, message", NEEDED)
def test_module_that_needs_a_broken_one_waits_for_that(course, importer, text, message):
    """Also where only the second one is asked for."""
    course.replace("assignment.toml", "[limits]", '[submission]\npackages = ["student", "cs231n"]\n\n[limits]')
    course.write("student/other.py", importer)
    if text is None:
        (course.root / "student/layers.py").unlink()
    else:
        course.write("student/layers.py", text)
    for found in (course.grade(), course.grade(keyword="test_scale")):
        check = next(check for check in found.checks if check.id.endswith("/scale"))
        assert (check.outcome, check.cause, check.message) == ("blocked", "layers", found.causes[0].message)
        assert check.message.startswith(message)
        assert len(found.causes) == 1


def test_a_library_that_a_function_imports_is_no_failed_import_of_the_module(course):
    course.write("student/layers.py", layers(double="def double(x):\n    import pytest\n"))
    found = course.grade()
    assert found.causes == []
    assert found.checks[0].message.startswith("double raised ImportError: pytest is not for this question; use ")


STRAY = [
    "import matplotlib",
    "import matplotlib.pyplot as plt",
    "import matplotlib.pyplot",
    "from matplotlib import pyplot, colors as c",
    "from sklearn import metrics",
    "from sklearn.utils.extmath import softmax",
    "import torchvision.transforms as T, os",
    "import torch",
    "from scipy.signal import convolve2d",
    "from tensorflow.python.ops.gen_batch_ops import batch",
    "import numpy.nothing",
    "from numpy.core.fromnumeric import shape",
    "from numpy.lib.function_base import average",
    "from numpy import float_, long",
    "from numpy.random import nothing as n",
    "from pickle import TRUE",
    "from pickle import NOTHING",
    "from os import nothing",
    "from IPython import get_ipython",
    "import nunpy",
    "from turtle import shape",
]


@pytest.mark.parametrize("line", STRAY)
def test_a_stray_import_of_which_nothing_is_used_costs_nothing(course, line):
    course.write("student/layers.py", f'"""The layers."""\n{line}\n' + layers())
    found = course.grade()
    assert {check.outcome for check in found.checks} == {"passed"}, [check.message for check in found.checks]
    assert found.causes == []


STANDS_IN = (
    "Stand-ins were imported for what is not there when these questions are graded; they cost nothing until they are "
    "used: "
)


def test_the_report_names_stray_imports(course):
    lines = ["import os", "import matplotlib.pyplot as plt", "from jax import grad, jit", "from pickle import TRUE"]
    course.write("student/layers.py", "\n".join(lines) + "\n" + layers())
    used = "import sklearn\nfrom .layers import double\n\n\ndef plot():\n    sklearn.plot()\n"
    course.write("student/other.py", used + OTHER)
    notes = [note for note in course.grade().notes if note.kind is NoteKind.IMPORTS]
    places = "layers.py, line 2 (import matplotlib.pyplot as plt); layers.py, line 3 (from jax import grad, jit)"
    assert [note.text for note in notes] == [f"{STANDS_IN}{places}; other.py, line 1 (import sklearn), used in line 6."]


def test_a_package_without_stray_imports_gets_no_note_on_them(course):
    lines = [
        "import student.other",
        "from other import nothing",
        "from torch import *",
        "from numpy import newaxis, dot",
    ]
    course.write("student/layers.py", "\n".join(lines) + "\n" + layers())
    assert [note.text for note in course.grade().notes if note.kind is NoteKind.IMPORTS] == []


def test_a_misplaced_module_is_named_where_it_lies(course):
    text = (course.root / "student/layers.py").read_text()
    (course.root / "student/layers.py").unlink()
    for place, shown in (("layers.py", "./layers.py"), ("student/old/layers.py", "student/old/layers.py")):
        course.write(place, text)
        (cause,) = course.grade().causes
        assert cause.message == f"layers.py is missing, but {shown} is there; move it to student/layers.py."
        (course.root / place).unlink()
    for place in ("student/env/lib/layers.py", "student/.venv/layers.py", "student/__pycache__/layers.py"):
        course.write(place, text)
    course.write("student/env/pyvenv.cfg", "")
    several = ", but student/a/layers.py, student/b/layers.py are there; move one of them to student/layers.py."
    for places, said in ("", "; put it into student/."), ("ab", several):
        for place in places:
            course.write(f"student/{place}/layers.py", text)
        assert course.grade().causes[0].message == f"layers.py is missing{said}"


def test_a_link_that_leads_nowhere_is_called_so(course):
    file = course.root / "student/layers.py"
    file.unlink()
    file.symlink_to("/nowhere/layers.py")
    said = "layers.py is a symbolic link to /nowhere/layers.py, where no file is; put the file itself there."
    assert [cause.message for cause in course.grade().causes] == [said]


def test_many_stray_imports_are_counted(course):
    course.write("student/layers.py", "import sklearn\n" * 20 + layers())
    (note,) = (note.text for note in course.grade().notes if note.kind is NoteKind.IMPORTS)
    assert note.endswith("layers.py, line 8 (import sklearn) and 12 more.")


USED = {
    "import torch": "torch.tensor(x)",
    "import scipy.signal as s": "s.convolve2d(x, x)",
    "from scipy.signal import convolve2d": "convolve2d(x, x)",
    "import tensorflow as tf": "tf.nn.relu(x)",
    "from sklearn.preprocessing import scale": "scale * x",
    "from sklearn.base import params": "[p for p in params]",
    "import matplotlib.pyplot": "matplotlib.pyplot.plot(x)",
    "import grader": "grader.files",  # which is loaded there
}


@pytest.mark.parametrize("line", USED)
def test_what_a_stray_import_stands_for_raises_where_it_is_used(course, line):
    """So one function is at fault, and the others keep their points."""
    course.write("student/layers.py", line + "\n" + layers(double=f"def double(x):\n    return {USED[line]}\n"))
    found = course.grade()
    assert found.causes == []
    library = re.split(r"[ .]", line)[1]
    for check in found.checks:
        own = check.functions == ["layers.double"]
        assert check.outcome == ("failed" if own else "passed"), check.message
        if own and check.visibility == "public":
            said = f"double raised ImportError: {library} is not for this question; use the standard library and numpy"
            assert check.message.startswith(said)


FALLBACK = """
try:
    import torch
except ImportError:
    torch = None

"""


def test_an_import_that_may_fail_does_so(course):
    """An indented one is tried by somebody who has something else."""
    text = FALLBACK + layers(double="def double(x):\n    return 2 * x if torch is None else torch.add(x, x)\n")
    course.write("student/layers.py", text)
    assert {check.outcome for check in course.grade().checks} == {"passed"}


@pytest.mark.parametrize("large", [False, True])
def test_a_module_too_large_to_read_has_no_stand_ins_and_the_same_errors(course, large):
    course.write("student/layers.py", FALLBACK + layers() + f"\n# {'x' * 300_000 * large}\n")
    assert {check.outcome for check in course.grade().checks} == {"passed"}
    course.write("student/layers.py", "import sklearn\n" + layers() + f"\n# {'x' * 300_000 * large}\n")
    causes = [cause.message.partition(" (")[0] for cause in course.grade().causes]
    assert causes == ["layers.py, line 1: sklearn is not for this question"] * large


def test_an_import_of_a_sibling_without_its_package_is_no_stray_one(course):
    course.write("student/layers.py", "from other import nothing\n" + layers())
    (cause,) = course.grade().causes
    assert cause.message.startswith("layers.py, line 1: other is not for this question (from other import nothing).")


def test_an_unwritten_function_does_not_wait_for_its_module(course):
    """Its module is told all the same; only where it cannot be parsed nobody knows what is written."""
    course.write("student/layers.py", layers(backward=UNWRITTEN) + "\n\n1 / 0\n")
    found = course.grade()
    assert [(check.outcome, check.cause) for check in found.checks][:3] == [
        ("failed", "layers"),
        ("failed", "layers"),
        ("not_attempted", ""),
    ]
    assert found.causes[0].line == 18
    assert [note.text for note in found.notes if note.kind == "next"] == [
        "Next: fix student/layers.py, line 18, then run this again."
    ]


def test_what_only_a_hidden_check_imports_is_told_in_constant_words(course):
    course.replace("checks/hidden/test_q1_layers.py", "student.layers.double(x).sum()", "student.late.double(x).sum()")
    double = "seen = []\n\n\ndef double(x):\n    seen.append(x)\n    return 2 * x\n"
    course.write("student/layers.py", layers(double=double))
    course.write("student/late.py", "from .layers import seen\n\nraise ValueError(seen)\n")
    for keyword in ("", "test_double"):
        found = course.grade(keyword=keyword)
        hidden = next(check for check in found.checks if check.visibility == "hidden")
        assert hidden.message == "late cannot be imported"
        assert [cause.message for cause in found.causes] == ["late cannot be imported"]


@pytest.mark.parametrize("name", ["random", "json", "numpy", "grader", "inspect"])
def test_module_named_like_a_library_harms_nobody(course, name):
    course.write(f"student/{name}.py", "raise ImportError('this is not the library')\n")
    assert set(outcomes(course.outcomes()).values()) == {"passed"}


INITS = {
    "raises": ("1 / 0\n", f"__init__.py, line 1: ZeroDivisionError: division by zero (1 / 0). {TOP}", ["student"]),
    "exits": ("import os\nos._exit(0)\n", "the process ended by itself with exit status 0 while student ran", []),
}


@pytest.mark.parametrize("text, message, causes", INITS.values(), ids=INITS)
def test_package_that_cannot_be_had_costs_everything_and_says_so(course, text, message, causes):
    course.write("student/__init__.py", text)
    found = course.grade()
    assert (found.score, len(found.checks)) == (0, 5)
    assert {check.outcome for check in found.checks} <= {"failed", "crashed", "blocked"}
    assert all(message in check.message for check in found.checks if check.visibility == "public")
    assert [cause.module for cause in found.causes] == causes
