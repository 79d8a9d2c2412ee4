"""Every name of the manifest's packages means the package where its own modules import it: the same module objects."""

import sys

import pytest

from grader.grading.submission import grade_submission
from grader.sandbox.child.imports import PackageAliases
from grader.submit import preflight
from tests.harness.test_submission import SHAPES as SOLUTION
from tests.harness.test_submission import pack

HELPERS = "import numpy as np\n\nclass Box:\n    pass\n\ndef product(w, h):\n    return w * h\n"
SHAPES = """
import mywork
import mywork.helpers as first
from mywork.deep.inner import same
from mywork.helpers import Box, product
from . import helpers as second
from .helpers import Box as OwnBox

assert first is second and Box is OwnBox and same() is OwnBox
assert first.__name__ == __name__.replace("shapes", "helpers") and first.__spec__.name == first.__name__
assert mywork.helpers is first and first.__package__ == __package__

"""
SHAPES += SOLUTION + "\n\ndef area(w, h):\n    return product(w, h)\n"
INNER = "import mywork.helpers\nimport mywork.shapes\n\ndef same():\n    return mywork.helpers.Box\n"
FILES = {"shapes.py": SHAPES, "helpers.py": HELPERS, "deep/inner.py": INNER}


@pytest.fixture
def course(toy):
    for name, text in FILES.items():
        toy.write(f"student/{name}", text)
    return toy


@pytest.mark.parametrize("init", ["", "import mywork.helpers\n", None], ids=["init", "init that imports", "no init"])
@pytest.mark.parametrize("folder", ["student/", "mywork/", ""], ids=["student", "mywork", "root"])
def test_other_names_mean_the_package_in_grading(toy, tmp_path, folder, init):
    files = FILES if folder != "mywork/" else {name: text.replace("mywork", "student") for name, text in FILES.items()}
    files = files | ({} if init is None else {"__init__.py": init if folder != "mywork/" else init and ""})
    source = pack(tmp_path / "a.zip", {f"{folder}{name}": text for name, text in files.items()})
    record = grade_submission(toy.manifest, source, tmp_path / "record.json", "record", secret_seeds=0)
    assert [check.message for check in record.checks if check.message] == []
    assert record.score == 8


@pytest.mark.parametrize("options", [{}, {"keep": True}, {"debug": True}], ids=["fresh", "kept", "debug"])
def test_other_names_mean_the_package_in_a_check(course, options):
    finders = [finder for finder in sys.meta_path if not isinstance(finder, PackageAliases)]
    try:
        for _ in range(2):
            record = course.grade(timing=False, **options)
            assert [check.message for check in record.checks if check.message] == []
        assert sum(isinstance(finder, PackageAliases) for finder in sys.meta_path) == bool(options.get("debug"))
    finally:
        sys.meta_path[:] = finders
        for name in [name for name in sys.modules if name.partition(".")[0] in ("mywork", "student")]:
            del sys.modules[name]


def test_other_names_mean_the_package_where_submit_tries_it(course, tmp_path, zygotes):
    source = pack(tmp_path / "a.zip", {f"student/{name}": text for name, text in FILES.items()})
    assert preflight.import_modules(course.manifest, source, zygotes) == []


OUTSIDE = {
    "mywork.json": "there is no module json in student/",
    "mywork.nothing": "there is no module nothing in student/",
    "mywork..os": "ModuleNotFoundError: No module named 'mywork.'",
    "other.helpers": "other is not for this question",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_of_the_package_is_reached(course, name):
    text = f"import importlib\nimportlib.import_module({name!r})\n\ndef area(w, h):\n    return w * h\n"
    course.write("student/shapes.py", text)
    found = course.grade(questions=["Q1"])
    (cause,) = found.causes
    assert cause.message.startswith(f"shapes.py, line 2: {OUTSIDE[name]}")
    assert found.score == 0


def test_names_of_libraries_keep_their_meaning():
    finder = PackageAliases("student", ["code", "json", "mywork", "student"])
    assert finder.names == {"mywork"}
    assert finder.find_spec("json") is None
    assert finder.find_spec("code.helpers") is None
