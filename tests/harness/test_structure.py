"""The engine's house keeps its rules: rooms import downward only, no circles, modules and functions of a human size."""

from pathlib import Path

import pytest

from tests.harness.structure import PICTURE, House, picture
from tests.harness.structure_picture import draw, reduce

HOUSE = House.read()


def test_rooms_import_only_rooms_below_them():
    assert HOUSE.upward() == {}


def test_no_modules_import_each_other():
    assert HOUSE.circles() == []


def test_modules_and_functions_are_of_a_human_size():
    assert HOUSE.too_long() == {}


def test_a_public_name_stands_for_one_thing():
    assert HOUSE.defined_twice() == {}


def test_the_picture_shows_the_house():
    assert PICTURE.read_text(encoding="utf-8") == picture(HOUSE), "run python -m tests.harness.structure --draw"


@pytest.fixture
def build(tmp_path):
    """Lay out an engine of these modules, and read it."""

    def laid(**modules: str) -> House:
        for name, text in {"": "", **modules}.items():
            file = tmp_path.joinpath("grader", *name.split("__")).with_suffix(".py") if name else tmp_path / "grader"
            file = file / "__init__.py" if not name else file
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(text)
        return House.read(tmp_path)

    return laid


CLOSING = {
    "at the top": "from ..course import b\n",
    "of a name": "from ..course.b import x\n",
    "by its whole name": "import grader.course.b\n",
    "for types": "if TYPE_CHECKING:\n    from .b import x\n",
    "late": "def f():\n    from .b import x\n",
    "late with another reason": "def f():\n    from .b import x  # it may be missing\n",
    "at the top with the reason": "from .b import x  # start-up\n",
}
OPEN = {
    "nothing": "x = 1\n",
    "late": "def f():\n    from .b import x  # start-up: it imports torch\n",
    "line above": "def f():\n    # for a quick start-up\n    from .b import x\n",
    "block": "def f():\n    # start-up\n    import json\n    from .b import (\n        x\n    )\n    from . import b\n",
}


@pytest.mark.parametrize("text", CLOSING.values(), ids=CLOSING)
def test_import_that_closes_a_circle(build, text):
    house = build(course__a=text, course__b="from . import a\nx = 1\n")
    assert house.circles() == [["grader.course.a", "grader.course.b"]]


@pytest.mark.parametrize("text", OPEN.values(), ids=OPEN)
def test_import_that_may_close_a_circle(build, text):
    assert build(course__a=text, course__b="from . import a\nx = 1\n").circles() == []


def test_circle_through_three_modules(build):
    house = build(course__a="from . import b", course__b="from . import c", course__c="from . import a", limits="")
    assert house.circles() == [["grader.course.a", "grader.course.b", "grader.course.c"]]


def test_import_of_a_room_above(build):
    house = build(course__a="def f():\n    from ..cli import main\n", cli__main="from ..course import a\n")
    assert house.upward() == {("course", "cli"): ["grader.course.a -> grader.cli.main"]}


def test_import_of_the_foundation(build):
    house = build(
        limits="from .course import a\n", course__a="from ..limits import x\n", otter_adapter="from . import limits"
    )
    assert house.upward() == {("foundation", "course"): ["grader.limits -> grader.course.a"]}
    assert set(house.arrows()) == {("foundation", "course"), ("course", "foundation"), ("cli", "foundation")}


def test_long_function_and_long_module(build):
    lines = "        pass\n"
    house = build(
        course__a=f"class C:\n    def short(self):\n{lines * 44}",
        course__b=f"class C:\n    def long(self):\n{lines * 45}",
        course__c="x = 1\n" * 300,
        course__d="x = 1\n" * 301,
    )
    assert house.too_long() == {"grader.course.b.C.long": 46, "grader.course.d": 301}


def test_names_that_two_modules_define(build):
    text = "from .b import Other\nNumber = 1\nSIZE = 1\ndef f(): ...\nclass C:\n    def g(self): ...\ndef _own(): ...\n"
    house = build(course__a=text, course__b=text.partition("\n")[2] + "class Other: ...\n")
    places = ["grader.course.a", "grader.course.b"]
    assert house.defined_twice() == {"C": places, "Number": places, "f": places}


def test_arrows_that_follow_from_others_are_not_drawn():
    assert reduce({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == {("a", "b"), ("b", "c"), ("a", "d")}


def test_picture_is_the_same_for_the_same_house():
    rooms, arrows = {"a": "Above & <all>.", "b": "Below.", "c": "Beside."}, [("a", "b"), ("a", "c"), ("b", "c")]
    assert draw(rooms, arrows) == draw(rooms, arrows[::-1])
    assert "Above &amp; &lt;all&gt;." in draw(rooms, arrows)


def test_rooms_of_the_real_house():
    folders = {folder.parent.name for folder in (Path(__file__).parents[2] / "grader").glob("*/__init__.py")}
    assert set(HOUSE.rooms()) == folders | {"foundation"}
